"""A claim read once for all rules: its rows with numbers, days and moments taken out of their texts.

What cannot be read is None: the structure rules say so, all others pass over it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

Row = dict[str, str]
Tables = dict[str, list[Row]]

AMOUNTS = ("THANH_TIEN_BV", "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")
LINE_NUMBERS = (
    *AMOUNTS, "SO_LUONG", "DON_GIA", "DON_GIA_BV", "DON_GIA_BH", "TYLE_TT_DV", "TYLE_TT_BH", "MUC_HUONG", "T_TRANTT",
    "T_NGUONKHAC_NSNN", "T_NGUONKHAC_VTNN", "T_NGUONKHAC_VTTN", "T_NGUONKHAC_CL",
)  # fmt: skip
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?")
_BELOW = {"SO_LUONG": 10**7, "TYLE_TT_DV": 1000, "TYLE_TT_BH": 1000, "MUC_HUONG": 1000}  # what can be reckoned with
DRUGS, BLOOD, SUPPLIES = frozenset({"4", "5", "6"}), frozenset({"7", "17"}), frozenset({"10", "11"})
TESTS, PROCEDURES, BEDS = frozenset({"1", "2", "3"}), frozenset({"8", "18"}), frozenset({"14", "15", "16"})
EXAMINATION = "13"
TREATED_OUTPATIENT, INPATIENT = frozenset({"02", "05", "08"}), frozenset({"03", "04", "06", "09"})
FORCES = frozenset({"QN", "CA", "CY"})


@dataclass(frozen=True)
class Item:
    """A line of XML2 or XML3. number: its STT, else its place from 1. amounts: field -> number, None if unreadable."""

    table: str
    row: Row
    number: int
    amounts: dict[str, Decimal | None]
    ordered_at: datetime | None
    done_at: datetime | None
    result_at: datetime | None

    def __getitem__(self, name: str) -> str:
        return self.row.get(name, "")

    def amount(self, name: str) -> Decimal | None:
        """A number of the line; None where it is missing or unreadable."""
        return self.amounts.get(name)

    @property
    def nhom(self) -> str:
        """MA_NHOM."""
        return self.row.get("MA_NHOM", "")

    @property
    def is_insured(self) -> bool:
        """Whether the line is in the scope of insurance, PHAM_VI 1 or 3."""
        return self.row.get("PHAM_VI", "") in ("1", "3")

    @property
    def name(self) -> str:
        """What people call it."""
        row = self.row
        if self.table == "XML2":
            return row.get("TEN_THUOC", "")
        return row.get("TEN_VAT_TU", "") if row.get("MA_VAT_TU") else row.get("TEN_DICH_VU", "")


@dataclass(frozen=True)
class Claim:
    """One visit's tables. visit: the row of XML1, {} if there is none. items: lines of XML2, then of XML3.

    notes: what a rule worked out and others need again.
    """

    tables: Tables
    visit: Row
    items: tuple[Item, ...]
    arrived_at: datetime | None
    ended_at: datetime | None
    born_on: date | None = None
    notes: dict[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def examinations(self) -> list[Item]:
        """Lines of group 13 in order of their time."""
        found = [one for one in self.items if one.table == "XML3" and one.nhom == EXAMINATION]
        return sorted(found, key=lambda one: one.ordered_at or datetime.max)

    @cached_property
    def works(self) -> list[Item]:
        """Lines of XML3."""
        return [one for one in self.items if one.table == "XML3"]

    @cached_property
    def drugs(self) -> list[Item]:
        """Lines of XML2."""
        return [one for one in self.items if one.table == "XML2"]

    @cached_property
    def cards(self) -> list[str]:
        """Parts of MA_THE_BHYT."""
        return parts(self.visit.get("MA_THE_BHYT", ""))

    @property
    def kind(self) -> str:
        """MA_LOAI_KCB."""
        return self.visit.get("MA_LOAI_KCB", "")

    @property
    def category(self) -> str:
        """MA_DOITUONG_KCB."""
        return self.visit.get("MA_DOITUONG_KCB", "")

    @property
    def arrived_on(self) -> date | None:
        """The day of NGAY_VAO."""
        return self.arrived_at.date() if self.arrived_at else None

    @property
    def ended_on(self) -> date | None:
        """The day of NGAY_RA, of NGAY_VAO where that cannot be read."""
        return self.ended_at.date() if self.ended_at else self.arrived_on

    def rows(self, table: str) -> list[tuple[int, Row]]:
        """(number, row) of a table; none where it is not there."""
        return [(number_of(row, place), row) for place, row in enumerate(self.tables.get(table, ()), 1)]


def read(tables: Tables) -> Claim:
    """The claim of these tables."""
    visit = next(iter(tables.get("XML1", ())), {})
    items = []
    for table in ("XML2", "XML3"):
        for place, row in enumerate(tables.get(table, ()), 1):
            amounts = {name: _amount(name, row[name]) for name in LINE_NUMBERS if row.get(name)}
            items.append(
                Item(
                    table, row, number_of(row, place), amounts,
                    moment(row.get("NGAY_YL", "")), moment(row.get("NGAY_TH_YL", "")), moment(row.get("NGAY_KQ", "")),
                )
            )  # fmt: skip
    born = visit.get("NGAY_SINH", "")
    return Claim(
        tables, visit, tuple(items), moment(visit.get("NGAY_VAO", "")), moment(visit.get("NGAY_RA", "")), day(born[:8])
    )


def number_of(row: Row, place: int) -> int:
    """STT of a row, its place from 1 where it has none that can be read."""
    text = row.get("STT", "")
    return int(text) if text.isdecimal() and len(text) < 10 else place


def _amount(name: str, text: str) -> Decimal | None:
    value = number(text)
    return None if value is None or abs(value) >= _BELOW.get(name, 10**12) else value


def number(text: str) -> Decimal | None:
    """A number as written in a claim; None for anything else."""
    return Decimal(text) if text and text.isascii() and _NUMBER.fullmatch(text) else None


def moment(text: str) -> datetime | None:
    """A datetime12 of the calendar; None for anything else."""
    if len(text) != 12 or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return datetime(int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), int(text[10:]))
    except ValueError:
        return None


def day(text: str) -> date | None:
    """A date8 of the calendar; None for anything else."""
    if len(text) != 8 or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def parts(text: str) -> list[str]:
    """The parts of a list divided by ';'; none of an empty text."""
    return text.split(";") if text else []


def months_between(born_on: date, on: date) -> int:
    """Whole months of age on a day."""
    months = (on.year - born_on.year) * 12 + on.month - born_on.month
    return months - (on.day < born_on.day)
