"""The director's figures of a day, each by one bounded statement: sums of days, and what is open right now.

Amounts are whole đồng. What is counted from the record is as old as the last look (`Progress`); money in the till,
messages and claims are read where they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from lienmach.care import outbox, systems
from lienmach.departments.leaders import claim_figures
from lienmach.departments.leaders.claim_figures import ClaimFigures
from lienmach.record import search
from lienmach.record.transaction import Transaction

TREND_DAYS = 30
LATE_SECONDS = 60
_CRITICAL = "critical-result"
_ALERTS_MAX = 100


@dataclass(frozen=True)
class Progress:
    """followed_at: everything committed before it is counted; None: nothing was counted yet."""

    followed_at: datetime | None
    is_rebuilt: bool
    lag_seconds: int

    @property
    def is_late(self) -> bool:
        """Whether the figures are older than they may be."""
        return self.followed_at is None or self.lag_seconds > LATE_SECONDS


@dataclass(frozen=True)
class DaySums:
    """Sums of some days; visits: without cancelled ones."""

    visits: int = 0
    finished: int = 0
    cancelled: int = 0
    insured: int = 0
    booked: int = 0
    prescribed: int = 0
    items: int = 0
    antibiotic: int = 0
    cost_vnd: int = 0
    total_vnd: int = 0
    patient_vnd: int = 0
    fund_vnd: int = 0

    def __add__(self, other: DaySums) -> DaySums:
        own = {name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__}
        return DaySums(**own)

    @property
    def booked_share(self) -> float:
        """Percent of visits that were booked ahead."""
        return 100 * self.booked / self.visits if self.visits else 0.0

    @property
    def antibiotic_share(self) -> float:
        """Percent of prescriptions with an antibiotic."""
        return 100 * self.antibiotic / self.prescribed if self.prescribed else 0.0


@dataclass(frozen=True)
class Till:
    """What came in and went back today (deposits are money in), and what today's statements say."""

    received_vnd: int
    returned_vnd: int
    statements: int
    patient_vnd: int
    fund_vnd: int


@dataclass(frozen=True)
class Alerts:
    """Numbers of what somebody must look at. disk: ok, low or full."""

    critical: int
    refused: int
    down: int
    near_clock: int
    stale: int
    disk: str
    free_mb: int

    @property
    def total(self) -> int:
        """How many there are, a scarce disk as one."""
        return self.critical + self.refused + self.down + self.near_clock + self.stale + (self.disk != "ok")


@dataclass(frozen=True)
class Cockpit:
    """Everything on the director's page. before: the same weekday a week ago, up to the same hour."""

    on: date
    progress: Progress
    today: DaySums
    before: int
    waiting: int
    longest: timedelta | None
    till: Till
    claims: ClaimFigures
    alerts: Alerts
    trend: tuple[tuple[date, DaySums], ...]

    def spans(self) -> list[tuple[str, DaySums, DaySums]]:
        """(words, sums, sums of the span before) of yesterday, seven days and thirty days, today left out."""
        by_day = dict(self.trend)
        return [
            (words, _span(by_day, self.on, days), _span(by_day, self.on - timedelta(days=days), days))
            for words, days in (("Hôm qua", 1), ("7 ngày qua", 7), ("30 ngày qua", TREND_DAYS))
        ]


def _span(by_day: dict[date, DaySums], before: date, days: int) -> DaySums:
    return sum((by_day.get(before - timedelta(days=at), DaySums()) for at in range(1, days + 1)), DaySums())


async def read(tx: Transaction, *, disk: tuple[str, int]) -> Cockpit:
    """The figures of today. disk: (state, free MB) of this node."""
    on = today_of(tx)
    sums = await day_sums(tx, on - timedelta(days=2 * TREND_DAYS), on)
    waiting, longest = await _waiting(tx, on)
    claims = await claim_figures.read(tx, on)
    return Cockpit(
        on,
        await progress(tx),
        sums.get(on, DaySums()),
        await _a_week_ago(tx, on),
        waiting,
        longest,
        await _till(tx, on),
        claims,
        await _alerts(tx, claims, disk),
        tuple((day, sums.get(day, DaySums())) for day in _days(on - timedelta(days=2 * TREND_DAYS), on)),
    )


def today_of(tx: Transaction) -> date:
    """The day in the tenant's zone."""
    return tx.now.astimezone(tx.tenant.time_zone).date()


async def progress(tx: Transaction) -> Progress:
    """How far behind the figures are."""
    rows = await tx.fetch(
        "select followed_at, is_rebuilt, extract(epoch from clock_timestamp() - followed_at)::int as lag "
        "from leaders_progress where tenant = $1", tx.tenant.number,
    )  # fmt: skip
    if not rows or rows[0]["followed_at"] is None:
        return Progress(None, True, 0)
    return Progress(rows[0]["followed_at"], rows[0]["is_rebuilt"], max(rows[0]["lag"], 0))


async def day_sums(tx: Transaction, from_on: date, to_on: date) -> dict[date, DaySums]:
    """Sums by day; a day without visits is left out."""
    rows = await tx.fetch(
        "select * from leaders_day where tenant = $1 and day between $2 and $3", tx.tenant.number, from_on, to_on
    )
    return {row["day"]: DaySums(*(row[name] for name in DaySums.__dataclass_fields__)) for row in rows}


def bounds_of(tx: Transaction, day: date) -> tuple[datetime, datetime]:
    """The first instant of a day in the tenant's zone and that of the next."""
    first = datetime.combine(day, time(), tx.tenant.time_zone)
    return first, datetime.combine(day + timedelta(days=1), time(), tx.tenant.time_zone)


async def _a_week_ago(tx: Transaction, on: date) -> int:
    rows = await tx.fetch(
        """select count(*) as n from leaders_visit
           where tenant = $1 and day = $2 and begun_at <= $3 and state <> 'cancelled'""",
        tx.tenant.number, on - timedelta(days=7), tx.now - timedelta(days=7),
    )  # fmt: skip
    return int(rows[0]["n"])


async def _waiting(tx: Transaction, on: date) -> tuple[int, timedelta | None]:
    rows = await tx.fetch(
        """select count(*) as n, min(begun_at) as first_at from leaders_visit
           where tenant = $1 and state = 'arrived' and begun_at >= $2""",
        tx.tenant.number, bounds_of(tx, on)[0],
    )  # fmt: skip
    first_at = rows[0]["first_at"]
    return rows[0]["n"], None if first_at is None else max(tx.now - first_at, timedelta())


async def _till(tx: Transaction, on: date) -> Till:
    first, last = bounds_of(tx, on)
    rows = await tx.fetch(
        """select coalesce(sum(amount) filter (where kind <> 'refund'), 0)::bigint as received,
                  coalesce(sum(amount) filter (where kind = 'refund'), 0)::bigint as returned
           from money_receipt where tenant = $1 and at >= $2 and at < $3""",
        tx.tenant.number, first, last,
    )  # fmt: skip
    closed = await tx.fetch(
        """select count(*) as n, coalesce(sum(patient_vnd), 0)::bigint as patient,
                  coalesce(sum(fund_vnd), 0)::bigint as fund
           from leaders_visit where tenant = $1 and closed_at >= $2 and closed_at < $3""",
        tx.tenant.number, first, last,
    )  # fmt: skip
    return Till(rows[0]["received"], rows[0]["returned"], closed[0]["n"], closed[0]["patient"], closed[0]["fund"])


async def _alerts(tx: Transaction, claims: ClaimFigures, disk: tuple[str, int]) -> Alerts:
    critical = await search.search_ids(
        tx, "Task", [("code", f"{systems.TASK_KIND}|{_CRITICAL}"), ("status", "requested")], limit=_ALERTS_MAX
    )
    channels = await outbox.channel_states(tx)
    stale = await tx.fetch("select count(*) as n from visit_account where tenant = $1 and is_stale", tx.tenant.number)
    return Alerts(
        len(critical),
        sum(one.refused for one in channels),
        sum(one.is_down for one in channels),
        claims.near_clock,
        stale[0]["n"],
        *disk,
    )


def _days(from_on: date, to_on: date) -> list[date]:
    return [from_on + timedelta(days=at) for at in range((to_on - from_on).days + 1)]
