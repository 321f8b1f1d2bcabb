"""When a figure of the monitor is marked: dated data with the name of who approved it, and nothing while nobody did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import asyncpg

from lienmach.base import errors
from lienmach.record.transaction import Transaction

RATIO_PROPOSED, VISITS_PROPOSED = Decimal("1.5"), 30
VISITS_LEAST = 30
_RATIO_LEAST, _RATIO_MOST = Decimal("1.1"), Decimal(10)
_REASON_LEAST = 5


@dataclass(frozen=True)
class Threshold:
    """Marked: from `visits_min` visits on, lower limit above 1, ratio at least `ratio`. It holds from valid_from on."""

    valid_from: date
    ratio: Decimal
    visits_min: int
    reason: str
    approved_by: str
    approved_name: str
    approved_at: datetime


async def holding(tx: Transaction, on: date) -> Threshold | None:
    """The threshold of a day: of those that hold by then, the one that was approved last. None: nobody set one."""
    found = await listed(tx)
    return next((one for one in found if one.valid_from <= max(on, _today(tx))), None)


async def listed(tx: Transaction) -> list[Threshold]:
    """All thresholds that ever were, the last approved first."""
    rows = await tx.fetch(
        """select valid_from, ratio, visits_min, reason, approved_by, approved_name, approved_at
           from leaders_threshold where tenant = $1 order by threshold_id desc limit 100""",
        tx.tenant.number,
    )  # fmt: skip
    return [Threshold(**dict(row)) for row in rows]


def approve(tx: Transaction, ratio: Decimal, visits_min: int, reason: str) -> None:
    """Set the threshold from today on, in the name of the person who acts. What held before stays to be seen.

    Raises errors.Unprocessable with a sentence for values outside of what makes sense.
    """
    if not _RATIO_LEAST <= ratio <= _RATIO_MOST:
        raise errors.Unprocessable("Tỷ số phải từ 1,1 đến 10.")
    if not VISITS_LEAST <= visits_min <= 100_000:
        raise errors.Unprocessable("Số lượt khám tối thiểu phải từ 30 trở lên.")
    if len(reason.strip()) < _REASON_LEAST:
        raise errors.Unprocessable("Hãy ghi lý do đặt ngưỡng (ít nhất 5 ký tự).")
    day, words = _today(tx), reason.strip()[:500]

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into leaders_threshold (tenant, valid_from, ratio, visits_min, reason, approved_by,
                                              approved_name, approved_at) values ($1, $2, $3, $4, $5, $6, $7, $8)""",
            tx.tenant.number, day, ratio, visits_min, words, tx.actor.user, tx.actor.display or tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(tx.tenant.time_zone).date()
