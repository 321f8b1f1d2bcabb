"""Stock of a dispensary: receive, reserve, issue, take back, count. By lot and expiry, first expired first out.

The tables are the pharmacy's own, for FHIR does not shape stock. Every change runs inside the commit of its unit of
work (`tx.also`), alone in the tenant, and the database refuses a quantity below zero: of a hundred who want the last
box exactly one gets it, and the others read what is left.

    stock.reserve(tx, drug_code="PARA500", quantity=Decimal(10), cause="MedicationRequest/1", place_id=place)
    taken = stock.issue(tx, cause="MedicationRequest/1", quantity=Decimal(10), place_id=place)   # lots, after commit
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import asyncpg

from lienmach.base import errors
from lienmach.care import facility
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats


@dataclass(frozen=True)
class Lot:
    """A lot on the shelf. on_hand: in the drug's unit."""

    place_id: str
    drug_code: str
    lot: str
    expires_on: date
    on_hand: Decimal
    price_vnd: int | None = None


@dataclass
class Issue:
    """What left the shelf, known when the unit of work has committed. lots: (lot, last day, quantity)."""

    lots: list[tuple[str, date, Decimal]] = field(default_factory=list)


async def dispensary(tx: Transaction) -> str:
    """The id of the dispensary of the facility where the actor works: its first room of that kind.

    Raises errors.Conflict where there is none.
    """
    own = await facility.home(tx)
    found = await facility.rooms(tx, "dispensary", organization_id=own.organization_id)
    if not found:
        raise errors.Conflict("This facility has no dispensary; add a room of that kind first.")
    return found[0].id


async def lots(tx: Transaction, place_id: str, drug_code: str | None = None) -> list[Lot]:
    """Lots with something on hand, first expired first."""
    rows = await tx.fetch(
        """select place_id, drug_code, lot, expires_on, on_hand, price_vnd from stock_lot
           where tenant = $1 and place_id = $2 and ($3::text is null or drug_code = $3) and on_hand > 0
           order by drug_code, expires_on, lot limit 5000""",
        tx.tenant.number, place_id, drug_code,
    )  # fmt: skip
    return [Lot(*row) for row in rows]


async def available(tx: Transaction, drug_codes: Iterable[str], *, place_id: str = "") -> dict[str, Decimal]:
    """What may still be promised of each drug: on hand in lots that have not expired, less what is reserved."""
    place = place_id or await dispensary(tx)
    rows = await tx.fetch(_AVAILABLE, tx.tenant.number, place, sorted(set(drug_codes)), _today(tx))
    return {row["drug_code"]: row["free"] for row in rows}


_AVAILABLE = """
select k.drug_code,
       coalesce((select sum(on_hand) from stock_lot l where l.tenant = $1 and l.place_id = $2
                 and l.drug_code = k.drug_code and l.expires_on >= $4), 0)
     - coalesce((select sum(quantity) from stock_reservation r where r.tenant = $1 and r.place_id = $2
                 and r.drug_code = k.drug_code), 0) as free
from unnest($3::text[]) k(drug_code)"""


def reserve(tx: Transaction, *, drug_code: str, quantity: Decimal, cause: str, place_id: str) -> None:
    """Promise a quantity to a signed line, when tx commits; again for the same cause replaces it.

    Raises at the commit errors.Conflict with what is left, code `stock`.
    """

    async def write(connection: asyncpg.Connection) -> None:
        tenant = tx.tenant.number
        await connection.execute("delete from stock_reservation where tenant = $1 and cause = $2", tenant, cause)
        rows = await connection.fetch(_AVAILABLE, tenant, place_id, [drug_code], _today(tx))
        if rows[0]["free"] < quantity:
            raise errors.Conflict(_short(drug_code, quantity, rows[0]["free"]), code="stock")
        await connection.execute(
            """insert into stock_reservation (tenant, cause, place_id, drug_code, quantity, reserved_at)
               values ($1, $2, $3, $4, $5, $6)""",
            tenant, cause, place_id, drug_code, quantity, tx.now,
        )  # fmt: skip

    tx.also(write)


def release(tx: Transaction, cause: str) -> None:
    """Let what is still reserved for a line go back, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "delete from stock_reservation where tenant = $1 and cause = $2", tx.tenant.number, cause
        )

    tx.also(write)


def issue(tx: Transaction, *, cause: str, drug_code: str, quantity: Decimal, place_id: str) -> Issue:
    """Take a quantity off the shelf for a line, first expired first; its reservation shrinks by as much.

    Reserved for others is not touched. The lots stand in the value when tx has committed. Raises at the commit
    errors.Conflict with what is left.
    """
    issued = Issue()

    async def write(connection: asyncpg.Connection) -> None:
        tenant, today = tx.tenant.number, _today(tx)
        await connection.execute(
            """update stock_reservation set quantity = greatest(quantity - $3, 0)
               where tenant = $1 and cause = $2""",
            tenant, cause, quantity,
        )  # fmt: skip
        await connection.execute(
            "delete from stock_reservation where tenant = $1 and cause = $2 and quantity = 0", tenant, cause
        )
        rows = await connection.fetch(_AVAILABLE, tenant, place_id, [drug_code], today)
        mine = await connection.fetchval(
            "select quantity from stock_reservation where tenant = $1 and cause = $2", tenant, cause
        )
        free = rows[0]["free"] + (mine or 0)
        if free < quantity:
            raise errors.Conflict(_short(drug_code, quantity, free), code="stock")
        taken: list[tuple[str, date, Decimal]] = []
        for row in await connection.fetch(
            """select lot, expires_on, on_hand from stock_lot where tenant = $1 and place_id = $2 and drug_code = $3
               and on_hand > 0 and expires_on >= $4 order by expires_on, lot""",
            tenant, place_id, drug_code, today,
        ):  # fmt: skip
            part = min(row["on_hand"], quantity - sum((one[2] for one in taken), Decimal(0)))
            if part <= 0:
                break
            await move(connection, tx, place_id, drug_code, row["lot"], "issue", -part, cause=cause)
            taken.append((row["lot"], row["expires_on"], part))
        issued.lots = taken

    tx.also(write)
    return issued


def put_back(
    tx: Transaction, *, cause: str, drug_code: str, lot: str, quantity: Decimal, place_id: str, note: str
) -> None:
    """Take a given quantity back into its lot. Raises at the commit errors.Conflict if less was given for the cause."""

    async def write(connection: asyncpg.Connection) -> None:
        out = await connection.fetchval(
            """select -coalesce(sum(quantity), 0) from stock_move where tenant = $1 and cause = $2 and drug_code = $3
               and lot = $4 and kind in ('issue', 'return')""",
            tx.tenant.number, cause, drug_code, lot,
        )  # fmt: skip
        if quantity <= 0 or out < quantity:
            raise errors.Conflict(f"Chỉ còn {formats.write_number(out)} đã cấp của lô {lot} có thể trả lại.")
        await move(connection, tx, place_id, drug_code, lot, "return", quantity, cause=cause, note=note)

    tx.also(write)


def receive(tx: Transaction, rows: Iterable[Lot], *, note: str = "") -> None:
    """Put lots on the shelf, when tx commits. Raises at the commit errors.Conflict for a lot with another last day."""
    given = list(rows)

    async def write(connection: asyncpg.Connection) -> None:
        for one in given:
            same = await connection.fetchval(
                """insert into stock_lot (tenant, place_id, drug_code, lot, expires_on, on_hand, price_vnd, entered_at)
                   values ($1, $2, $3, $4, $5, 0, $6, $7)
                   on conflict (tenant, place_id, drug_code, lot) do update set price_vnd = excluded.price_vnd
                   returning expires_on = $5""",
                tx.tenant.number, one.place_id, one.drug_code, one.lot, one.expires_on, one.price_vnd, tx.now,
            )  # fmt: skip
            if not same:
                raise errors.Conflict(f"Lô {one.lot} của {one.drug_code} đã có với hạn dùng khác.")
            await move(connection, tx, one.place_id, one.drug_code, one.lot, "receipt", one.on_hand, note=note)

    tx.also(write)


def count(tx: Transaction, *, place_id: str, drug_code: str, lot: str, counted: Decimal, note: str) -> None:
    """Set a lot to what was counted, with the difference as a move, when tx commits. Raises errors.NotFound."""

    async def write(connection: asyncpg.Connection) -> None:
        was = await connection.fetchval(
            "select on_hand from stock_lot where tenant = $1 and place_id = $2 and drug_code = $3 and lot = $4",
            tx.tenant.number, place_id, drug_code, lot,
        )  # fmt: skip
        if was is None:
            raise errors.NotFound(f"Không có lô {lot} của {drug_code} ở kho này.")
        if counted != was:
            await move(connection, tx, place_id, drug_code, lot, "count", counted - was, note=note)

    tx.also(write)


async def move(
    connection: asyncpg.Connection,
    tx: Transaction,
    place_id: str,
    drug_code: str,
    lot: str,
    kind: str,
    quantity: Decimal,
    *,
    cause: str = "",
    note: str = "",
) -> None:
    """Change what is on hand of a lot and write the move, inside a commit. quantity: signed."""
    tenant = tx.tenant.number
    left = await connection.fetchval(
        """update stock_lot set on_hand = on_hand + $5
           where tenant = $1 and place_id = $2 and drug_code = $3 and lot = $4 and on_hand + $5 >= 0
           returning on_hand""",
        tenant, place_id, drug_code, lot, quantity,
    )  # fmt: skip
    if left is None:
        raise errors.Conflict(f"Lô {lot} của {drug_code} không còn đủ.", code="stock")
    await connection.execute(
        """insert into stock_move (tenant, place_id, drug_code, lot, kind, quantity, balance, cause, note, moved_by,
                                   moved_at)
           select $1, $2, $3, $4, $5, $6, coalesce(sum(on_hand), 0), $7, $8, $9, $10
           from stock_lot where tenant = $1 and place_id = $2 and drug_code = $3""",
        tenant, place_id, drug_code, lot, kind, quantity, cause, note, tx.actor.user, tx.now,
    )  # fmt: skip


def _short(drug_code: str, wanted: Decimal, free: Decimal) -> str:
    return (
        f"Kho chỉ còn {formats.write_number(max(free, Decimal(0)))} của {drug_code}, cần {formats.write_number(wanted)}. "
        "Giảm số lượng, đổi thuốc cùng hoạt chất, hoặc cho người bệnh tự mua."
    )


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(tx.tenant.time_zone).date()
