"""Dates as ranges: partial dates, time zones, the edges of clock and calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienmach.standards.fhir import dates

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", "2023-12-31T17:00:00+00:00", "2024-12-31T17:00:00+00:00"),
        ("2024-02", "2024-01-31T17:00:00+00:00", "2024-02-29T17:00:00+00:00"),
        ("2024-12", "2024-11-30T17:00:00+00:00", "2024-12-31T17:00:00+00:00"),
        ("2024-02-29", "2024-02-28T17:00:00+00:00", "2024-02-29T17:00:00+00:00"),
        ("2024-02-29T08:30", "2024-02-29T01:30:00+00:00", "2024-02-29T01:31:00+00:00"),
        ("2024-02-29T08:30:15", "2024-02-29T01:30:15+00:00", "2024-02-29T01:30:16+00:00"),
        ("2024-02-29T08:30:15Z", "2024-02-29T08:30:15+00:00", "2024-02-29T08:30:16+00:00"),
        ("2024-02-29T08:30:15.5+09:30", "2024-02-28T23:00:15.500000+00:00", "2024-02-28T23:00:15.600000+00:00"),
        ("2024-02-29T08:30:15.123456789Z", "2024-02-29T08:30:15.123456+00:00", "2024-02-29T08:30:15.123457+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00", "2017-01-01T00:00:01+00:00"),
        ("2016-12-31T24:00:00Z", "2017-01-01T00:00:00+00:00", "2017-01-01T00:00:01+00:00"),
        ("2024-02-29T08:30:15-14:00", "2024-02-29T22:30:15+00:00", "2024-02-29T22:30:16+00:00"),
    ],
)
def test_a_text_covers_its_whole_range(text: str, low: str, high: str) -> None:
    assert dates.parse_range(text, VIETNAM) == (datetime.fromisoformat(low), datetime.fromisoformat(high))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "2024-1",
        "2024-13",
        "2024-00",
        "2023-02-29",
        "2024-04-31",
        "0000",
        "2024Z",
        "2024-02-29Z",
        "2024-02-29T",
        "2024-02-29T08",
        "2024-02-29T24:01",
        "2024-02-29T25:00",
        "2024-02-29T08:60",
        "2024-02-29T08:30:61",
        "2024-02-29T24:00:00.1Z",
        "2024-02-29T08:30:15.Z",
        "2024-02-29T08:30:15+14:01",
        "2024-02-29T08:30:15+07:60",
        "2024-02-29T08:30:15+7",
        "٢٠٢٤",
        "2024-02-29 \n",
        "20240229",
        "2024-W09",
        "now",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(dates.DateError):
        dates.parse_range(text, VIETNAM)
    assert dates.parse_date(text, VIETNAM) is None


@pytest.mark.parametrize(
    "text",
    [
        "0001",
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999",
        "9999-12",
        "9999-12-31",
        "9999-12-31T24:00:00Z",
        "9999-12-31T23:59:60-14:00",
        "9999-12-31T23:59:59.999999Z",
    ],
)
@pytest.mark.parametrize("zone", [UTC, VIETNAM, ZoneInfo("America/Los_Angeles")])
def test_the_ends_of_the_calendar_are_edges_and_no_errors(text: str, zone: ZoneInfo) -> None:
    low, high = dates.parse_range(text, zone)
    assert dates.EARLIEST <= low <= high <= dates.LATEST


def test_the_day_of_a_clock_change_has_23_or_25_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = []
    for text in ("2024-03-31", "2024-10-27", "2024-06-01"):
        low, high = dates.parse_range(text, berlin)
        hours.append((high - low).total_seconds() / 3600)
    assert hours == [23, 25, 24]


@pytest.mark.parametrize(
    ("period", "low", "high"),
    [
        (
            {"start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z"},
            datetime(2024, 1, 1, tzinfo=UTC),
            datetime(2024, 1, 2, 0, 0, 1, tzinfo=UTC),
        ),
        ({"start": "2024-01-01T00:00:00Z"}, datetime(2024, 1, 1, tzinfo=UTC), dates.LATEST),
        ({"end": "2024-01-02T00:00:00Z"}, dates.EARLIEST, datetime(2024, 1, 2, 0, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_period_is_open_where_it_says_nothing(period: dict, low: datetime, high: datetime) -> None:
    assert dates.parse_period(period, UTC) == (low, high)


def test_a_period_without_dates_covers_nothing() -> None:
    assert dates.parse_period({}, UTC) is None
    assert dates.parse_period({"start": "soon"}, UTC) is None


def test_a_timing_covers_its_events_and_bounds() -> None:
    timing = {"event": ["2024-03-01", "2024-01-01"], "repeat": {"boundsPeriod": {"start": "2024-02", "end": "2024-04"}}}
    assert dates.parse_timing(timing, UTC) == (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC))
    assert dates.parse_timing({"repeat": {"frequency": 2}}, UTC) is None


@given(st.datetimes(timezones=st.timezones()))
def test_every_instant_lies_in_its_own_range(moment: datetime) -> None:
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
    try:
        moment = moment.replace(fold=0).astimezone(UTC)
    except OverflowError:
        return
    low, high = dates.parse_range(text + "Z", UTC)
    assert low <= datetime.fromisoformat(text + "+00:00") <= high
