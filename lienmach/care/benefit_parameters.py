"""What the catalogues say about benefits, as the values that standards/bhxh/benefit.py takes.

Lists: base-salary (a row holds from its first day on), card-benefit (percent by level and date), examination-rate,
ma-doituong-kcb (category rates by date). Levels of objects that have dates: standards/vietnam/insurance_card.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from lienmach.care import catalogues
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import benefit
from lienmach.standards.bhxh.costs import Category, LevelPeriod, Parameters, Period
from lienmach.standards.vietnam import insurance_card

LISTS = ("base-salary", "card-benefit", "examination-rate")


async def read(tx: Transaction, objects: Iterable[str] = ()) -> Parameters:
    """Every dated parameter of the tenant. objects: the object codes of the cards that it is for."""
    return of_rows([row for name in LISTS for row in await catalogues.all_of(tx, name)], objects)


def of_rows(rows: Iterable[catalogues.Row], objects: Iterable[str] = ()) -> Parameters:
    """The parameters that rows of LISTS state; rows of other lists are passed over."""
    salaries: list[Period] = []
    percents: dict[str, tuple[Period, ...]] = {}
    more: dict[str, Any] = {}
    for row in rows:
        if row.list == "base-salary":
            salaries.append(Period(Decimal(str(row.data["dong"])), row.valid_from, row.valid_to))
        elif row.list == "card-benefit":
            percents[row.code] = (*percents.get(row.code, ()), *_periods(row, "percent"))
        elif row.list == "examination-rate" and row.data.get("rates"):
            more["examination_rates"] = tuple(int(one) for one in row.data["rates"])
    return Parameters(tuple(salaries), percents, _levels(objects), **more)


async def category(tx: Transaction, code: str, on: date) -> Category | None:
    """One category of the list of a day; None for a code that is not in it."""
    row = await catalogues.get(tx, "ma-doituong-kcb", code, on=on)
    return category_of(code, row.data) if row is not None else None


def category_of(code: str, data: Mapping[str, Any]) -> Category:
    """The category that a row of the list states."""
    outpatient = tuple(_rates(data.get("rates", ()), "rate_outpatient"))
    inpatient = tuple(_rates(data.get("rates", ()), "rate_inpatient"))
    return Category(code, outpatient, inpatient, bool(data.get("whole_card")))


def rate_on(found: Category, kind: str, on: date) -> Decimal | None:
    """The rate of a category on a day; None where it depends on the case."""
    try:
        return benefit.rate_of(found, kind, on)
    except ValueError:
        return None


def _levels(objects: Iterable[str]) -> Mapping[str, tuple[LevelPeriod, ...]]:
    """Objects whose level has dates: there the printed digit is not what counts."""
    found = {}
    for code in sorted(set(objects)):
        dated = [one for one in insurance_card.objects(code) if one.valid_from or one.valid_to]
        if dated:
            found[code] = tuple(LevelPeriod(one.level, one.valid_from, one.valid_to) for one in dated)
    return found


def _rates(rows: Iterable[Mapping[str, Any]], own: str) -> Iterable[Period]:
    for row in rows:
        value = row.get(own, row.get("rate"))
        if value is not None:
            yield Period(Decimal(str(value)), _day(row.get("from")), _day(row.get("to")))


def _periods(row: catalogues.Row, name: str) -> Iterable[Period]:
    """The dated values of a row; a row with one value holds on the row's own days."""
    periods = row.data.get(f"{name}_periods")
    if not periods:
        if row.data.get(name) is not None:
            yield Period(Decimal(str(row.data[name])), row.valid_from, row.valid_to)
        return
    for one in periods:
        yield Period(Decimal(str(one[name])), _day(one.get("from")), _day(one.get("to")))


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)) if text else None
