"""Dated parameters, cards and lines of the tests, as the sources of benefit.py give them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lienmach.standards.bhxh.costs import Card, Category, LevelPeriod, Line, Parameters, Period, Visit

JULY_2026 = date(2026, 7, 1)
PARAMETERS = Parameters(
    base_salaries=(
        Period(Decimal(1490000), date(2019, 7, 1), date(2023, 6, 30)),
        Period(Decimal(1800000), date(2023, 7, 1), date(2024, 6, 30)),
        Period(Decimal(2340000), date(2024, 7, 1), date(2026, 6, 30)),
        Period(Decimal(2530000), JULY_2026),
    ),
    percents={
        level: (Period(Decimal(percent)),) for level, percent in zip("12345", (100, 100, 95, 80, 100), strict=True)
    },
    levels={"CN": (LevelPeriod("2", date(2026, 1, 1)),), "LH": (LevelPeriod("2", date(2026, 1, 1)),)},
)
_SINCE_JULY = (Period(Decimal(0), None, date(2026, 6, 30)), Period(Decimal(50), JULY_2026))
CATEGORIES = {
    "1.1": Category("1.1", (Period(Decimal(100)),)),
    "1.2": Category("1.2", (Period(Decimal(100)),), is_whole_card=True),
    "1.13": Category("1.13", _SINCE_JULY),
    "2": Category("2", (Period(Decimal(100)),)),
    "3.1": Category("3.1", (Period(Decimal(0)),), (Period(Decimal(40)),)),
    "7.2": Category("7.2", ()),
}


def card(number: str = "DN4790000000001", **more: Any) -> Card:
    """A card of this number, without dates unless they are given."""
    return Card(number, number[:2], number[2], **more)


def visit(category: str = "1.1", on: date = date(2026, 11, 21), **more: Any) -> Visit:
    """A visit that begins at 8 o'clock of a day; with one level-4 card unless cards are given."""
    cards = more.pop("cards", (card(),))
    return Visit(datetime(on.year, on.month, on.day, 8), CATEGORIES[category], cards, **more)


def line(key: str, price: int | str, *, at: datetime = datetime(2026, 11, 21, 9), **more: Any) -> Line:
    """One laboratory service of this price, insured in full, unless said otherwise."""
    given: dict[str, Any] = {"table": "3", "nhom": "1", "quantity": Decimal(1), "don_gia_bh": Decimal(price), **more}
    given["quantity"] = Decimal(given["quantity"])
    return Line(key, don_gia_bv=Decimal(price), ordered_at=at, **given)
