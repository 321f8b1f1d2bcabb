"""Claims added up by where they stand and by month, in one statement each, however many there are.

Money that a claim has not asked for yet is the fund's part of its closed statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from lienmach.record.transaction import Transaction

_MONTHS = 13  # this one and the twelve before
#: What a claim asks for: of one without a version the fund's part of the statement, which only few have to look up.
_FUND = """case when c.version > 0 then c.t_bhtt else coalesce(
    (select a.t_bhtt from visit_account a where a.tenant = $1 and a.encounter_id = c.encounter_id), 0) end"""


@dataclass(frozen=True)
class Sum:
    """Claims of one state (a word of claim_words.STATES)."""

    word: str
    claims: int
    fund: Decimal


@dataclass(frozen=True)
class Month:
    """Claims of the visits that ended in one month. open_vnd: claimed, neither paid nor cut yet."""

    month: date
    claims: int
    fund: Decimal
    accepted: Decimal
    paid: Decimal
    cut: Decimal

    @property
    def open_vnd(self) -> Decimal:
        """What the fund still owes of it."""
        return self.fund - self.paid - self.cut


async def by_state(tx: Transaction, on: date | None = None) -> list[Sum]:
    """The states that there are. on: only claims of visits that were finished on that day."""
    zone = tx.tenant.time_zone
    start = datetime.combine(on, time(), zone) if on else None
    end = datetime.combine(on + timedelta(days=1), time(), zone) if on else None
    day = "and c.finished_at >= $2 and c.finished_at < $3" if on else ""
    rows = await tx.fetch(
        f"""select case when c.state = 'waiting' then c.why else c.state end as word, count(*)::int as claims,
                   sum({_FUND}) as fund
            from claim c where c.tenant = $1 {day} group by 1""",
        *([tx.tenant.number, start, end] if on else [tx.tenant.number]),
    )  # fmt: skip
    return [Sum(row["word"], row["claims"], row["fund"]) for row in rows]


async def by_month(tx: Transaction) -> list[Month]:
    """The last months, newest first."""
    firsts = _firsts(tx.now.astimezone(tx.tenant.time_zone).date())
    begun = [datetime.combine(one, time(), tx.tenant.time_zone) for one in firsts]
    rows = await tx.fetch(
        f"""select width_bucket(c.finished_at, $2::timestamptz[]) as place, count(*)::int as claims, sum({_FUND}) as fund,
                   sum(c.accepted_vnd) as accepted, sum(c.paid_vnd) as paid, sum(c.cut_vnd) as cut
            from claim c where c.tenant = $1 and c.finished_at >= $3 and c.state not in ('none', 'recalled')
            group by 1 order by 1 desc""",
        tx.tenant.number, begun, begun[0],
    )  # fmt: skip
    return [
        Month(
            firsts[row["place"] - 1], row["claims"], row["fund"], row["accepted"] or Decimal(0), row["paid"], row["cut"]
        )
        for row in rows
    ]


def _firsts(today: date) -> list[date]:
    """The first days of the months that are shown, oldest first."""
    months = today.year * 12 + today.month - 1
    return [date(at // 12, at % 12 + 1, 1) for at in range(months - _MONTHS + 1, months + 1)]
