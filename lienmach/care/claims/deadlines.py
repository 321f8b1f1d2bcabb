"""The clocks of a claim, in working days: Monday to Friday without the holidays of the list `public-holiday`. Pure.

Payment request: within 7 working days of the end of the visit, and before day 5 of the next month (TT 48/2017/TT-BYT).
A structure error is mended within 2 working days, an appraisal answered within 3 (TT 12/2026/TT-BTC). All secondary.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

REQUEST_WORKING_DAYS = 7
MONTH_DAY_LAST = 4  # "before day 5" of the month that follows
STRUCTURE_WORKING_DAYS = 2
APPRAISAL_WORKING_DAYS = 3
ANSWERS_SHOWN_DAYS = 60  # the portal shows its answers for so long
STRUCTURE, APPRAISAL = "structure", "appraisal"


def is_working(day: date, holidays: Collection[date] = ()) -> bool:
    """Whether people work that day."""
    return day.weekday() < 5 and day not in holidays


def working_days_after(day: date, count: int, holidays: Collection[date] = ()) -> date:
    """The last of so many working days; the day itself does not count."""
    while count > 0:
        day += timedelta(days=1)
        count -= is_working(day, holidays)
    return day


def request_due(ended_on: date, holidays: Collection[date] = ()) -> date:
    """The last day on which payment is asked for a visit."""
    first_of_next = (ended_on.replace(day=1) + timedelta(days=32)).replace(day=1)
    return min(working_days_after(ended_on, REQUEST_WORKING_DAYS, holidays), first_of_next.replace(day=MONTH_DAY_LAST))


def rejection_due(kind: str, said_on: date, holidays: Collection[date] = ()) -> date:
    """The last day on which a rejection is answered. kind: structure or appraisal."""
    days = {STRUCTURE: STRUCTURE_WORKING_DAYS, APPRAISAL: APPRAISAL_WORKING_DAYS}[kind]
    return working_days_after(said_on, days, holidays)


def is_silent(since: datetime | None, now: datetime) -> bool:
    """Whether what was received then can be answered no more: the portal does not show it any longer."""
    return since is not None and now - since > timedelta(days=ANSWERS_SHOWN_DAYS)


def settlement_on(ended_on: date, asked_on: date, holidays: Collection[date] = ()) -> date:
    """A day of the month of settlement (CAT-12): of the end of the visit, or of the asking where that comes too late."""
    return ended_on if asked_on <= request_due(ended_on, holidays) else max(ended_on, asked_on)
