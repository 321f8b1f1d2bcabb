"""The table of a cost statement: its lines by section of 01/KBCB with their sums, and what it comes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lienmach.care.money import statement_sections

SUMS = ("THANH_TIEN_BV", "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")


@dataclass(frozen=True)
class Section:
    """One section with its lines (care/money/statements.StatementLine) and what they come to."""

    number: str
    title: str
    lines: tuple[Any, ...]
    sums: dict[str, Decimal]


@dataclass(frozen=True)
class Sheet:
    """A draft or a closed statement. totals: SUMS of all lines. percent, rate, muc_huong: as in costs.Amounts."""

    sections: tuple[Section, ...]
    totals: dict[str, Decimal]
    patient_total: int
    rounding: Decimal
    percent: Decimal
    rate: Decimal
    muc_huong: Decimal


def of(lines: Sequence[Any], amounts: Any) -> Sheet:
    """The table. amounts: whatever carries patient_total, rounding, percent, rate and muc_huong."""
    sections = tuple(
        Section(number, statement_sections.TITLES[number], tuple(own), sums(own))
        for number, own in statement_sections.grouped(lines)
    )
    return Sheet(
        sections, sums(lines), amounts.patient_total, amounts.rounding, amounts.percent, amounts.rate,
        amounts.muc_huong,
    )  # fmt: skip


def sums(lines: Iterable[Any]) -> dict[str, Decimal]:
    """The columns of these lines added up."""
    listed = list(lines)
    return {name: sum((getattr(one, name) for one in listed), Decimal(0)) for name in SUMS}
