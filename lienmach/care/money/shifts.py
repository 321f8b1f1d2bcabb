"""A cashier's shift: the drawer is opened with counted change, holds what receipts say, and is counted at the end.

At the end everything counted goes from the drawer (1111) to the vault (1112); what is too much or missing stands on
7112 with its reason, so that a closed shift always balances. Who went home without closing leaves the drawer to another
person with that right (`close_for`), who counts it, says why, and stands in the entry beside the owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import asyncpg

from lienmach.base import errors, ids
from lienmach.care import facility
from lienmach.care.money import ledger
from lienmach.care.money.ledger import Posting
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats

AMOUNT_MAX = 10_000_000_000
OPEN_MOST = timedelta(days=1)  # a shift that is open for longer was forgotten
_PLACE = "Quầy thu ngân"


@dataclass
class Shift:
    """One shift; whole only after the unit that opened or closed it has committed. login, name: who; amounts in đồng.

    expected, counted, difference: at the end, None while it is open. difference: counted less expected.
    closed_by, closed_by_name: who counted it, the owner or another person; "" while it is open.
    """

    shift_id: str
    login: str
    name: str
    place: str
    organization_id: str
    opened_at: datetime
    opening_float: int
    closed_at: datetime | None = None
    counted: int | None = None
    expected: int | None = None
    difference: int | None = None
    reason: str = ""
    closed_by: str = ""
    closed_by_name: str = ""

    @property
    def is_closed_for(self) -> bool:
        """Whether another person than the owner closed it."""
        return self.closed_by not in ("", self.login)

    def is_forgotten(self, now: datetime) -> bool:
        """Whether it has been open for more than a day."""
        return self.closed_at is None and now - self.opened_at > OPEN_MOST


async def current(tx: Transaction) -> Shift | None:
    """The open shift of the actor, or None."""
    rows = await tx.fetch(
        "select * from cash_shift where tenant = $1 and login = $2 and closed_at is null",
        tx.tenant.number, tx.actor.user,
    )  # fmt: skip
    return of(rows[0]) if rows else None


async def read(tx: Transaction, shift_id: str) -> Shift:
    """One shift. Raises errors.NotFound."""
    rows = await tx.fetch("select * from cash_shift where tenant = $1 and shift_id = $2", tx.tenant.number, shift_id)
    if not rows:
        raise errors.NotFound("Không có ca thu ngân này.")
    return of(rows[0])


async def listed(
    tx: Transaction, *, login: str = "", on: date | None = None, is_open: bool | None = None, limit: int = 100
) -> list[Shift]:
    """Shifts, newest first. on: the day on which they were opened."""
    zone = tx.tenant.time_zone
    start = datetime.combine(on, time(), zone) if on else None
    end = datetime.combine(on + timedelta(days=1), time(), zone) if on else None
    rows = await tx.fetch(
        """select * from cash_shift
           where tenant = $1 and ($2 = '' or login = $2) and ($3::timestamptz is null or (opened_at >= $3 and opened_at < $4))
             and ($5::bool is null or (closed_at is null) = $5)
           order by opened_at desc, shift_id limit $6""",
        tx.tenant.number, login, start, end, is_open, limit,
    )  # fmt: skip
    return [of(row) for row in rows]


async def open_now(tx: Transaction, *, limit: int = 100) -> list[Shift]:
    """Every shift that is open, the oldest first: one that was forgotten is never pushed out by newer ones."""
    rows = await tx.fetch(
        "select * from cash_shift where tenant = $1 and closed_at is null order by opened_at, shift_id limit $2",
        tx.tenant.number, limit,
    )  # fmt: skip
    return [of(row) for row in rows]


async def open_shift(tx: Transaction, opening_float: int, *, place: str = "") -> Shift:
    """Open the drawer of the actor with counted change from the vault.

    Raises errors.Unprocessable for an amount that cannot be, errors.Conflict if the actor has an open shift.
    """
    _check(opening_float)
    seat = await facility.workplace(tx)
    home = await facility.home(tx)
    shift = Shift(
        ids.new_id(), tx.actor.user, _name(tx),
        place.strip()[:100] or (f"{seat.code} {seat.name}".strip() if seat else _PLACE), home.organization_id,
        tx.now, opening_float,
    )  # fmt: skip

    async def write(connection: asyncpg.Connection) -> None:
        made = await connection.fetchval(
            """insert into cash_shift (tenant, shift_id, login, name, place, organization_id, opened_at, opening_float)
               values ($1, $2, $3, $4, $5, $6, $7, $8)
               on conflict (tenant, login) where closed_at is null do nothing returning true""",
            tx.tenant.number, shift.shift_id, shift.login, shift.name, shift.place, shift.organization_id,
            shift.opened_at, opening_float,
        )  # fmt: skip
        if not made:
            raise errors.Conflict("Bạn đang có một ca chưa chốt; hãy chốt ca đó trước khi mở ca mới.")
        amount = Decimal(opening_float)
        await ledger.write(
            connection, tx, kind="shift-open", cause=f"shift/{shift.shift_id}/open", shift_id=shift.shift_id,
            postings=[Posting("1111", shift.shift_id, amount), Posting("1112", "", -amount)],
        )  # fmt: skip

    tx.also(write)
    return shift


async def expected(tx: Transaction, shift_id: str) -> int:
    """What the drawer of a shift must hold now: its change and what its receipts say."""
    return int(await ledger.balance(tx, "1111", shift_id))


async def close(tx: Transaction, shift_id: str, counted: int, reason: str = "") -> Shift:
    """Close the actor's own shift with what was counted; what it says is whole after the commit.

    Raises errors.Unprocessable for an amount that cannot be; at the commit errors.Conflict for a shift that is closed
    or another person's, errors.Unprocessable for a difference without a reason.
    """
    _check(counted)
    shift = await read(tx, shift_id)
    said = " ".join(reason.split())[:500]

    async def write(connection: asyncpg.Connection) -> None:
        await check_own(connection, tx, shift_id)
        holds = await ledger.balance_on(connection, tx, "1111", shift_id)
        if counted != holds and len(said) < 3:
            raise errors.Unprocessable(
                "Số đếm được lệch {difference} so với sổ ({expected}). Hãy đếm lại, hoặc ghi lý do rồi chốt.",
                code="difference",
                values={
                    "difference": formats.write_money(counted - int(holds)),
                    "expected": formats.write_money(int(holds)),
                },
            )
        await _close(connection, tx, shift, counted, holds, reason=said, note=said)

    tx.also(write)
    return shift


async def close_for(tx: Transaction, shift_id: str, counted: int, reason: str) -> Shift:
    """Close the shift of somebody who left it open, with what was counted; the entry names both.

    The caller checks the right to do so. Raises errors.Unprocessable for an amount that cannot be and without a reason,
    errors.Conflict for the actor's own shift; at the commit errors.Conflict for one that is closed.
    """
    _check(counted)
    shift = await read(tx, shift_id)
    said = " ".join(reason.split())[:300]
    if shift.login == tx.actor.user:
        raise errors.Conflict("Đây là ca của chính bạn; hãy chốt ở trang Ca thu.", code="shift")
    if len(said) < 3:
        raise errors.Unprocessable("Hãy ghi lý do chốt thay, ví dụ: người giữ ca đã về.", code="reason")

    async def write(connection: asyncpg.Connection) -> None:
        await _lock_open(connection, tx, shift_id)
        holds = await ledger.balance_on(connection, tx, "1111", shift_id)
        own, other = f"{shift.name} ({shift.login})", f"{_name(tx)} ({tx.actor.user})"
        await _close(connection, tx, shift, counted, holds, reason=said, note=f"{other} chốt thay ca của {own}: {said}")

    tx.also(write)
    return shift


async def _close(
    connection: asyncpg.Connection,
    tx: Transaction,
    shift: Shift,
    counted: int,
    holds: Decimal,
    *,
    reason: str,
    note: str,
) -> None:
    """Book what was counted and close a locked shift; fills `shift` with how it stands then."""
    difference = counted - int(holds)
    await ledger.write(
        connection, tx, kind="shift-close", cause=f"shift/{shift.shift_id}/close", shift_id=shift.shift_id, note=note,
        postings=[Posting("1111", shift.shift_id, -holds), Posting("1112", "", Decimal(counted)),
                  Posting("7112", "", Decimal(-difference))],
    )  # fmt: skip
    row = await connection.fetchrow(
        """update cash_shift set closed_at = $3, counted = $4, expected = $5, difference = $6, reason = $7,
                  closed_by = $8, closed_by_name = $9
           where tenant = $1 and shift_id = $2 returning *""",
        tx.tenant.number, shift.shift_id, tx.now, counted, int(holds), difference, reason, tx.actor.user, _name(tx),
    )  # fmt: skip
    for name in Shift.__dataclass_fields__:
        setattr(shift, name, row[name])


async def check_own(connection: asyncpg.Connection, tx: Transaction, shift_id: str) -> None:
    """Lock a shift inside a commit. Raises errors.Conflict unless it is open and the actor's own."""
    if await _lock_open(connection, tx, shift_id) != tx.actor.user:
        raise errors.Conflict(
            "Đây là ca của người khác; mỗi người chỉ thu chi tiền mặt trong ca của mình.", code="shift"
        )


async def _lock_open(connection: asyncpg.Connection, tx: Transaction, shift_id: str) -> str:
    """Lock an open shift inside a commit and return whose it is. Raises errors.Conflict where it is not open."""
    row = await connection.fetchrow(
        "select login, closed_at from cash_shift where tenant = $1 and shift_id = $2 for update",
        tx.tenant.number, shift_id,
    )  # fmt: skip
    if row is None or row["closed_at"] is not None:
        raise errors.Conflict("Ca thu ngân đã chốt hoặc chưa mở. Hãy mở ca rồi làm lại.", code="shift")
    return str(row["login"])


async def open_of(connection: asyncpg.Connection, tx: Transaction) -> str:
    """The id of the actor's open shift, locked inside a commit. Raises errors.Conflict without one."""
    own = await connection.fetchval(
        "select shift_id from cash_shift where tenant = $1 and login = $2 and closed_at is null for update",
        tx.tenant.number, tx.actor.user,
    )  # fmt: skip
    if own is None:
        raise errors.Conflict("Bạn chưa mở ca thu ngân. Hãy mở ca rồi thu chi tiền mặt.", code="shift")
    return str(own)


def of(row: asyncpg.Record) -> Shift:
    """A row of cash_shift."""
    return Shift(**{name: row[name] for name in Shift.__dataclass_fields__})


def _name(tx: Transaction) -> str:
    return tx.actor.display or tx.actor.user


def _check(amount: int) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= AMOUNT_MAX:
        raise errors.Unprocessable("Số tiền phải là số đồng nguyên, từ 0 đến 10 tỷ.")
