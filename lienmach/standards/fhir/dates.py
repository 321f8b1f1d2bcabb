"""Dates and times as ranges: FHIR's partial dates mean all of a year, a month, a day, a second.

Source: FHIR R4 datatypes.html#dateTime, search.html#date. A range is (low, high), both aware datetimes in UTC,
high exclusive. Time without an offset is in the time zone that the caller names. `24:00` is the start of the
next day, second 60 the start of the next minute. The calendar ends with the years 1 and 9999: what reaches
over it is cut at `EARLIEST` and `LATEST`, which also stand for the open ends of a period.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
Range = tuple[datetime, datetime]

_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,40}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_OFFSET_MINUTES_MAX = 14 * 60
_MINUTE = timedelta(minutes=1)
# By the number of digits behind the second's point; finer than a microsecond is cut.
_WIDTHS = tuple(timedelta(microseconds=10 ** (6 - digits)) for digits in range(7))


class DateError(ValueError):
    """The text is not a date or time of FHIR."""


def parse_range(text: str, zone: tzinfo) -> Range:
    """What a date, dateTime, instant or search value covers: `2024-02` is all of February 2024 in `zone`.

    A minute without seconds is taken, as in search values. Raises DateError, also for days that do not exist.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise DateError(f"{text[:40]!r} is not a date or time such as 2024-02-29 or 2024-02-29T08:30:00+07:00.")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        if hour is None:
            return _days(int(year), int(month) if month else None, int(day) if day else None, zone)
        return _moment(
            datetime(int(year), int(month), int(day)),
            int(hour),
            int(minute),
            second,
            fraction,
            _offset(offset) if offset else zone,
        )
    except ValueError:
        raise DateError(f"{text[:40]!r} is not in the calendar.") from None


def parse_date(text: str, zone: tzinfo) -> Range | None:
    """`parse_range`, or None for a text that is no date: for bodies that were accepted long ago."""
    try:
        return parse_range(text, zone)
    except DateError:
        return None


def parse_period(period: dict[str, Any], zone: tzinfo) -> Range | None:
    """From the low edge of `start` to the high edge of `end` (datatypes.html#Period); a missing one is open.

    None if both are missing or one is no date.
    """
    start, end = period.get("start"), period.get("end")
    if not start and not end:
        return None
    low = parse_date(start, zone) if start else (EARLIEST, EARLIEST)
    high = parse_date(end, zone) if end else (LATEST, LATEST)
    return (low[0], high[1]) if low and high else None


def parse_timing(timing: dict[str, Any], zone: tzinfo) -> Range | None:
    """From the first to the last time that a Timing names, by its events and the period of its `repeat`.

    None if it names none, such as "twice a day" without bounds.
    """
    ranges = [parse_date(event, zone) for event in timing.get("event", ()) if isinstance(event, str)]
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    if bounds:
        ranges.append(parse_period(bounds, zone))
    known = [r for r in ranges if r]
    return (min(r[0] for r in known), max(r[1] for r in known)) if known else None


def _days(year: int, month: int | None, day: int | None, zone: tzinfo) -> Range:
    low = datetime(year, 1 if month is None else month, 1 if day is None else day)
    high: datetime | None
    if day is not None:
        high = _later(low, timedelta(days=1))
    elif month is not None:
        high = datetime(year + month // 12, month % 12 + 1, 1) if (year, month) != (9999, 12) else None
    else:
        high = datetime(year + 1, 1, 1) if year < 9999 else None
    return _utc(low, zone), _utc(high, zone) if high else LATEST


def _moment(day: datetime, hour: int, minute: int, second: str | None, fraction: str | None, zone: tzinfo) -> Range:
    if hour > 24 or minute > 59 or (hour == 24 and (minute or int(second or 0) or int(fraction or 0))):
        raise ValueError
    if second is not None and int(second) > 60:
        raise ValueError
    low: datetime | None
    digits = (fraction or "")[:6]
    microseconds = int(digits.ljust(6, "0"))
    if second is None:
        width = _MINUTE
    else:
        width = _WIDTHS[len(digits)]
    if hour < 24 and second != "60":
        low = day.replace(hour=hour, minute=minute, second=int(second or 0), microsecond=microseconds)
    else:
        low = _later(day, timedelta(hours=hour, minutes=minute, seconds=int(second or 0), microseconds=microseconds))
    if low is None:
        return LATEST, LATEST
    # The end is reckoned in UTC, so that a change of the clock inside the range does not stretch it.
    start = _utc(low, zone)
    return start, _later(start, width) or LATEST


def _later(time: datetime, by: timedelta) -> datetime | None:
    try:
        return time + by
    except OverflowError:
        return None


def _utc(time: datetime, zone: tzinfo) -> datetime:
    try:
        return time.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return EARLIEST if time.year == 1 else LATEST


@lru_cache(maxsize=2048)
def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    if minutes > _OFFSET_MINUTES_MAX or int(text[4:6]) > 59:
        raise ValueError
    return datetime.strptime(text, "%z").tzinfo  # type: ignore[return-value]
