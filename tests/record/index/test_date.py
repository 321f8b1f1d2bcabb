"""Dates: every prefix against instants, partial dates, periods and timings, just inside and just outside."""

from __future__ import annotations

import pytest

from lienmach.base import errors
from tests.record.index.shelves import Shelf, condition

DAY = {"effectiveDateTime": "2024-05-10"}
MAY = {"effectiveDateTime": "2024-05"}
MINUTE = {"effectiveDateTime": "2024-05-10T08:00:00+07:00"}
STAY = {"effectivePeriod": {"start": "2024-05-01", "end": "2024-05-20"}}
OPEN = {"effectivePeriod": {"start": "2024-05-01"}}
ENDED = {"effectivePeriod": {"end": "2024-05-20"}}


def observation(name: str, value: dict) -> dict:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **value}


@pytest.mark.parametrize(
    ("query", "value", "matches"),
    [
        ("2024-05-10", DAY, True),
        ("2024-05", DAY, True),
        ("2024", DAY, True),
        ("2024-05-11", DAY, False),
        ("2024-05-10", MAY, False),
        ("2024-05", MAY, True),
        ("2024-05-10", MINUTE, True),
        ("2024-05-10T08:00", MINUTE, True),
        ("2024-05-10T08:00:00+07:00", MINUTE, True),
        ("2024-05-10T01:00:00Z", MINUTE, True),
        ("2024-05-10T08:00:01+07:00", MINUTE, False),
        ("2024-05-10T08:00:00 07:00", MINUTE, True),
        ("2024-05-09", MINUTE, False),
        ("2024-05", STAY, True),
        ("2024-05-10", STAY, False),
        ("2024", OPEN, False),
        ("ne2024-05-10", DAY, False),
        ("ne2024-05-11", DAY, True),
        ("ne2024-05-10", MAY, True),
        ("ne2024-05", MAY, False),
        ("gt2024-05-10", DAY, False),
        ("gt2024-05-09", DAY, True),
        ("gt2024-05-10", MAY, True),
        ("gt2024-05-20", STAY, False),
        ("gt2024-05-19", STAY, True),
        ("gt2030", OPEN, True),
        ("gt2024-05-20", ENDED, False),
        ("lt2024-05-10", DAY, False),
        ("lt2024-05-11", DAY, True),
        ("lt2024-05-10", STAY, True),
        ("lt2024-05-01", STAY, False),
        ("lt2024-05-01", ENDED, True),
        ("lt2024-04-30", OPEN, False),
        ("ge2024-05-10", DAY, True),
        ("ge2024-05-11", DAY, False),
        ("ge2024-05-19", STAY, True),
        ("ge2024-05-20", STAY, False),
        ("ge2024-05-19", ENDED, True),
        ("ge2024-05", MAY, True),
        ("le2024-05-10", DAY, True),
        ("le2024-05-09", DAY, False),
        ("le2024-05-02", STAY, True),
        ("le2024-05-01", STAY, False),
        ("sa2024-05-09", DAY, True),
        ("sa2024-05-10", DAY, False),
        ("sa2024-04-30", STAY, True),
        ("sa2024-05-10", STAY, False),
        ("sa2024-04-30", ENDED, False),
        ("eb2024-05-11", DAY, True),
        ("eb2024-05-10", DAY, False),
        ("eb2024-05-21", STAY, True),
        ("eb2024-05-20", STAY, False),
        ("eb2030", OPEN, False),
        # The clock of these tests stands at 2026-07-01: a tenth of the distance to May 2024 is some 78 days.
        ("ap2024-05-10", DAY, True),
        ("ap2024-07-01", DAY, True),
        ("ap2024-12-01", DAY, False),
        ("ap2024-03-01", DAY, True),
        ("2023,2024", DAY, True),
        ("2022,2023", DAY, False),
    ],
)
async def test_a_date_matches_as_the_specification_says(shelf: Shelf, query: str, value: dict, matches: bool):
    await shelf.put(observation("a", value))
    assert await shelf.find("Observation", f"date={query}") == ({"a"} if matches else set())


async def test_a_time_without_offset_is_in_the_zone_of_the_tenant(shelf: Shelf):
    await shelf.put(observation("a", {"effectiveDateTime": "2024-05-10T23:30:00Z"}))  # the 11th in Hà Nội
    assert await shelf.find("Observation", "date=2024-05-11") == {"a"}
    assert await shelf.find("Observation", "date=2024-05-10") == set()


async def test_of_a_timing_the_outer_limits_count(shelf: Shelf):
    await shelf.put(
        observation("a", {"effectiveTiming": {"event": ["2024-05-01", "2024-05-20"]}}),
        observation(
            "b", {"effectiveTiming": {"repeat": {"boundsPeriod": {"start": "2023-01-01", "end": "2023-02-01"}}}}
        ),
        observation("c", {"effectiveTiming": {"code": {"text": "daily"}}}),
    )
    assert await shelf.find("Observation", "date=2024-05") == {"a"}
    assert await shelf.find("Observation", "date=2024-05-10") == set()
    assert await shelf.find("Observation", "date=lt2024") == {"b"}


async def test_missing_of_a_date(shelf: Shelf):
    await shelf.put(observation("a", DAY), observation("b", {}))
    assert await shelf.find("Observation", "date:missing=true") == {"b"}
    assert await shelf.find("Observation", "date:missing=false") == {"a"}


@pytest.mark.parametrize(
    ("query", "low"),
    [("2024-05", True), ("ge2024-05", False), ("le2024-05", False), ("ap2024-05", False), ("2023,2024", True)],
)
def test_only_a_date_with_both_limits_may_drive_a_query(query: str, low: bool):
    side = condition("Observation", f"date={query}").side
    assert side is not None and side.eager == low


@pytest.mark.parametrize("value", ["yesterday", "2024-13", "2024-02-30", "xx2024", "2024-5-1", "ge", "20240501", "'"])
def test_what_is_not_a_date_is_refused_with_parameter_and_value(value: str):
    with pytest.raises(errors.Invalid) as refused:
        condition("Observation", f"date={value}")
    assert "'date'" in str(refused.value) and value in str(refused.value)


def test_a_modifier_that_dates_do_not_have_is_refused():
    with pytest.raises(errors.UnknownParameter, match=":exact"):
        condition("Observation", "date:exact=2024")
