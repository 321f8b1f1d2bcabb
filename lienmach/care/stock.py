"""Stock of a dispensary: receive, reserve, issue, take back, count. By lot and expiry, first expired first out.

The tables are the pharmacy's own, for FHIR does not shape stock. Every change runs inside the commit of its unit of
work (`tx.also`), alone in the tenant, and the database refuses a quantity below zero: of a hundred who want the last
box exactly one gets it, and the others read what is left.

    stock.reserve(tx, drug_code="PARA500", quantity=Decimal(10), cause="MedicationRequest/1", place_id=place)
    taken = await stock.issue(tx, drug_code="PARA500", quantity=Decimal(10), cause="MedicationRequest/1", place_id=place)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

import asyncpg

from lienmach.base import errors
from lienmach.base.jobs import JobRow
from lienmach.care import facility
from lienmach.record import committer
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


UNFETCHED = "pharmacy.unfetched"  # the job that lets a reservation go at closing time
_CLOSING = time(23, 30)


def closing_at(tx: Transaction, reserved_at: datetime) -> datetime:
    """When the day of a reservation closes."""
    zone = tx.tenant.time_zone
    return datetime.combine(reserved_at.astimezone(zone).date(), _CLOSING, zone)


def reserve(tx: Transaction, *, drug_code: str, quantity: Decimal, cause: str, place_id: str) -> None:
    """Promise a quantity to a signed line until closing time, when tx commits; again for the same cause replaces it.

    Raises at the commit errors.Conflict with what is left, code `stock`.
    """

    async def write(connection: asyncpg.Connection) -> None:
        tenant = tx.tenant.number
        await connection.execute("delete from stock_reservation where tenant = $1 and cause = $2", tenant, cause)
        rows = await connection.fetch(_AVAILABLE, tenant, place_id, [drug_code], _today(tx))
        if rows[0]["free"] < quantity:
            raise _short(drug_code, quantity, rows[0]["free"])
        await connection.execute(
            """insert into stock_reservation (tenant, cause, place_id, drug_code, quantity, reserved_at)
               values ($1, $2, $3, $4, $5, $6)""",
            tenant, cause, place_id, drug_code, quantity, tx.now,
        )  # fmt: skip

    tx.also(write)
    tx.jobs.append(JobRow(UNFETCHED, {"cause": cause}, closing_at(tx, tx.now)))


def release(tx: Transaction, cause: str) -> None:
    """Let what is still reserved for a line go back, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "delete from stock_reservation where tenant = $1 and cause = $2", tx.tenant.number, cause
        )

    tx.also(write)


async def issue(
    tx: Transaction, *, cause: str, drug_code: str, quantity: Decimal, place_id: str, most: Decimal | None = None
) -> list[tuple[str, date, Decimal]]:
    """Take a quantity off the shelf for a line, first expired first, as (lot, last day, quantity).

    The lots are chosen now, so that they can be written on what is given out, and taken when tx commits; if others
    were faster the whole unit runs again (committer.Changed). Its reservation shrinks by as much; what is reserved for
    others, or for the line as another drug, is not touched. most: what may be given for this cause in all. Raises
    errors.Conflict with what is left.
    """
    today = _today(tx)
    free = (await available(tx, [drug_code], place_id=place_id))[drug_code]
    own = await tx.fetch(_RESERVED, tx.tenant.number, cause)
    # What is promised as written is none of a substitute.
    free += sum((row["quantity"] for row in own if row["drug_code"] == drug_code), Decimal(0))
    if free < quantity:
        raise _short(drug_code, quantity, free)
    taken: list[tuple[str, date, Decimal]] = []
    wanted = quantity
    for one in await lots(tx, place_id, drug_code):
        if wanted > 0 and one.expires_on >= today:
            part = min(one.on_hand, wanted)
            taken.append((one.lot, one.expires_on, part))
            wanted -= part

    async def write(connection: asyncpg.Connection) -> None:
        tenant = tx.tenant.number
        if most is not None:
            given = await connection.fetchval(_GIVEN, tenant, cause)
            if given + quantity > most:
                raise errors.Conflict(
                    "Dòng thuốc này vừa được cấp; hãy tải lại trang để xem phần còn lại.", code="given"
                )
        await connection.execute(
            "update stock_reservation set quantity = greatest(quantity - $3, 0) where tenant = $1 and cause = $2",
            tenant, cause, quantity,
        )  # fmt: skip
        await connection.execute(
            "delete from stock_reservation where tenant = $1 and cause = $2 and quantity = 0", tenant, cause
        )
        for lot, _, part in taken:
            await move(connection, tx, place_id, drug_code, lot, "issue", -part, cause=cause, is_planned=True)
        if (await connection.fetch(_AVAILABLE, tenant, place_id, [drug_code], today))[0]["free"] < 0:
            raise committer.Changed("What is left is reserved for others.")

    tx.also(write)
    return taken


_RESERVED = "select drug_code, quantity from stock_reservation where tenant = $1 and cause = $2"
_STANDING = """select coalesce((select sum(quantity) from stock_reservation where tenant = $1 and cause = $2), 0) as reserved,
                      -coalesce((select sum(quantity) from stock_move where tenant = $1 and cause = $2
                                 and cause <> '' and kind in ('issue', 'return')), 0) as given"""


async def hold(tx: Transaction, cause: str) -> None:
    """What is promised to a line and what was given for it stand at the commit as tx sees them now.

    Its cost is final or expected by both, so of two who give, take back or let go at once the second runs again
    (committer.Changed). Call it before anything else of the line.
    """
    seen = tuple((await tx.fetch(_STANDING, tx.tenant.number, cause))[0])

    async def check(connection: asyncpg.Connection) -> None:
        if tuple(await connection.fetchrow(_STANDING, tx.tenant.number, cause)) != seen:
            raise committer.Changed("Somebody gave or took back some of it meanwhile.")

    tx.also(check)


async def reserved(tx: Transaction, cause: str) -> Decimal:
    """What is still promised to a line."""
    rows = await tx.fetch(_RESERVED, tx.tenant.number, cause)
    return sum((row["quantity"] for row in rows), Decimal(0))


_GIVEN = """select -coalesce(sum(quantity), 0) from stock_move
            where tenant = $1 and cause = $2 and cause <> '' and kind in ('issue', 'return')"""


async def given(tx: Transaction, cause: str) -> Decimal:
    """What was given out for a line and not taken back."""
    rows = await tx.fetch(_GIVEN + " limit 1", tx.tenant.number, cause)
    return Decimal(rows[0][0])


def put_back(
    tx: Transaction, *, cause: str, drug_code: str, lot: str, quantity: Decimal, place_id: str, note: str
) -> None:
    """Take a given quantity back into its lot. Raises at the commit errors.Conflict if less was given for the cause."""

    async def write(connection: asyncpg.Connection) -> None:
        out = await connection.fetchval(
            """select -coalesce(sum(quantity), 0) from stock_move where tenant = $1 and cause = $2 and cause <> ''
               and drug_code = $3 and lot = $4 and kind in ('issue', 'return')""",
            tx.tenant.number, cause, drug_code, lot,
        )  # fmt: skip
        if quantity <= 0 or out < quantity:
            raise errors.Conflict(
                "Chỉ còn {left} đã cấp của lô {lot} có thể trả lại.",
                values={"left": formats.write_number(out), "lot": lot},
            )
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
                raise errors.Conflict(
                    "Lô {lot} của {drug} đã có với hạn dùng khác.", values={"lot": one.lot, "drug": one.drug_code}
                )
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
            raise errors.NotFound("Không có lô {lot} của {drug} ở kho này.", values={"lot": lot, "drug": drug_code})
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
    is_planned: bool = False,
) -> None:
    """Change what is on hand of a lot and write the move, inside a commit. quantity: signed.

    is_planned: the lot was chosen from a snapshot, so a lack means that others were faster (committer.Changed).
    """
    tenant = tx.tenant.number
    left = await connection.fetchval(
        """update stock_lot set on_hand = on_hand + $5
           where tenant = $1 and place_id = $2 and drug_code = $3 and lot = $4 and on_hand + $5 >= 0
           returning on_hand""",
        tenant, place_id, drug_code, lot, quantity,
    )  # fmt: skip
    if left is None and is_planned:
        raise committer.Changed("A lot was taken meanwhile.")
    if left is None:
        raise errors.Conflict("Lô {lot} của {drug} không còn đủ.", code="stock", values={"lot": lot, "drug": drug_code})
    await connection.execute(
        """insert into stock_move (tenant, place_id, drug_code, lot, kind, quantity, balance, cause, note, moved_by,
                                   moved_at)
           select $1, $2, $3, $4, $5, $6, coalesce(sum(on_hand), 0), $7, $8, $9, $10
           from stock_lot where tenant = $1 and place_id = $2 and drug_code = $3""",
        tenant, place_id, drug_code, lot, kind, quantity, cause, note, tx.actor.user, tx.now,
    )  # fmt: skip


def _short(drug_code: str, wanted: Decimal, free: Decimal) -> errors.Conflict:
    return errors.Conflict(
        "Kho chỉ còn {left} của {drug}, cần {wanted}. Giảm số lượng, đổi thuốc cùng hoạt chất, hoặc cho tự mua.",
        code="stock",
        values={
            "left": formats.write_number(max(free, Decimal(0))),
            "drug": drug_code,
            "wanted": formats.write_number(wanted),
        },
    )


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(tx.tenant.time_zone).date()
