"""Reference ranges by age in days and sex, interpretation and delta check: each rule just inside and just outside."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lienmach.departments.laboratory import ranges
from lienmach.departments.laboratory.ranges import Range, Value

ROWS: dict[str, Any] = {
    "ranges": [
        {"sex": "", "from_days": 0, "to_days": 28, "low": 3.7, "high": 5.9, "critical_low": 2.8, "critical_high": 7},
        {"sex": "", "from_days": 29, "low": 3.5, "high": 5.0, "critical_low": 2.8, "critical_high": 6.5},
        {"sex": "2", "from_days": 5840, "low": 3.4, "high": 4.9},
    ]
}
LIMITS = Range(Decimal("3.5"), Decimal("5.0"), Decimal("2.8"), Decimal("6.5"))


@pytest.mark.parametrize(
    ("days", "sex", "low"),
    [(0, "male", "3.7"), (28, "male", "3.7"), (29, "male", "3.5"), (5839, "female", "3.5"), (5840, "female", "3.4"),
     (5840, "male", "3.5"), (5840, "unknown", "3.5"), (40000, "other", "3.5")],
)  # fmt: skip
def test_a_range_fits_age_and_sex(days: int, sex: str, low: str) -> None:
    assert ranges.of(ROWS, days=days, sex=sex).low == Decimal(low)


def test_without_a_birth_date_only_a_range_for_everybody_is_used() -> None:
    assert ranges.of(ROWS, days=None, sex="male") == Range()
    assert ranges.of({"ranges": [{"low": 1, "high": 2}]}, days=None, sex="").low == 1
    assert ranges.of({"ranges": [{"sex": "1", "low": 1}]}, days=9000, sex="unknown") == Range()
    assert ranges.of({}, days=1, sex="male") == Range()


@pytest.mark.parametrize(
    ("value", "sign", "flag"),
    [("3.5", "", "N"), ("3.49", "", "L"), ("5.0", "", "N"), ("5.01", "", "H"), ("2.81", "", "L"), ("2.8", "", "LL"),
     ("6.49", "", "H"), ("6.5", "", "HH"), ("10", ">", "HH"), ("6", ">", "H"), ("4", ">", ""), ("2", "<", "LL"),
     ("3", "<", "L"), ("4", "<", ""), ("7", "<", "")],
)  # fmt: skip
def test_interpretation(value: str, sign: str, flag: str) -> None:
    assert ranges.interpret(Value(Decimal(value), sign), LIMITS) == flag


def test_one_sided_limits_and_none() -> None:
    high = Range(high=Decimal("5.2"))
    assert ranges.interpret(Value(Decimal("5.2")), high) == "N" and ranges.interpret(Value(Decimal("5.3")), high) == "H"
    assert (
        ranges.interpret(Value(Decimal("5"), "<"), high) == "N"
        and ranges.interpret(Value(Decimal("6"), "<"), high) == ""
    )
    assert ranges.interpret(Value(Decimal("5")), Range()) == ""
    assert ranges.shown(high) == "≤ 5,2" and ranges.shown(LIMITS) == "3,5 – 5,0" and ranges.shown(Range()) == ""


@pytest.mark.parametrize(
    ("text", "number", "sign"),
    [("6.8", "6.8", ""), ("6,80", "6.80", ""), (">1000", "1000", ">"), ("≤ 0,5", "0.5", "<="), ("-1.5", "-1.5", "")],
)
def test_numbers_as_they_are_written(text: str, number: str, sign: str) -> None:
    assert ranges.read_value(text) == Value(Decimal(number), sign)


@pytest.mark.parametrize("text", ["", "x", "1 2", "1e5", "#####", "1.2.3", "Âm tính", "9" * 30, "NaN", "Infinity"])
def test_what_is_no_number(text: str) -> None:
    assert ranges.read_value(text) is None


@pytest.mark.parametrize(
    ("birth", "on", "days"),
    [("2026-11-01", date(2026, 11, 22), 21), ("2026-11-22", date(2026, 11, 22), 0), ("2026-11-23", date(2026, 11, 22), None),
     ("2026-10", date(2026, 11, 14), 30), ("1958", date(1958, 7, 2), 1), ("", date(2026, 1, 1), None),
     ("1958-99", date(2026, 1, 1), None)],
)  # fmt: skip
def test_age_in_days(birth: str, on: date, days: int | None) -> None:
    assert ranges.age_days(birth, on) == days


@pytest.mark.parametrize(
    ("now", "before", "between", "is_delta"),
    [("5.0", "4.0", 3, False), ("5.01", "4.0", 3, True), ("3.0", "4.0", 3, False), ("2.99", "4.0", 3, True),
     ("9", "4.0", 4, False), ("1", "0", 1, True), ("0", "0", 1, False)],
)  # fmt: skip
def test_delta_check(now: str, before: str, between: int, is_delta: bool) -> None:
    data = {"delta_percent": 25, "delta_days": 3}
    assert ranges.is_delta(Decimal(now), Decimal(before), between, data) is is_delta
    assert not ranges.is_delta(Decimal(now), Decimal(before), between, {})
