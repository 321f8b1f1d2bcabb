"""LIEU_DUNG of an outpatient line: "amount unit/lần * times lần/ngày * days ngày [total/ngày]" (QĐ 130/QĐ-BYT)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from lienmach.standards.bhxh.rules.reading import Claim

_CHARACTERS_MAX = 1024
_NUMBER = r"(\d{1,6}(?:[.,]\d{1,4})?)"
_DOSE = re.compile(
    rf"\s*{_NUMBER}\s*([^*/\[\]]*?)\s*/\s*lần\s*\*\s*{_NUMBER}\s*lần\s*/\s*ngày\s*\*\s*{_NUMBER}\s*ngày\s*(?:\[\s*{_NUMBER}[^\]]*\])?\s*"
)


@dataclass(frozen=True)
class Dose:
    """amount: of unit, at a time. times: a day. days: how long. a_day: units of a day, None where it is not written."""

    amount: Decimal
    unit: str
    times: Decimal
    days: Decimal
    a_day: Decimal | None

    @property
    def quantity(self) -> Decimal:
        """Units that the course needs: by the day's total where it is written (uneven doses), else by the product."""
        return (self.a_day if self.a_day is not None else self.amount * self.times) * self.days


def read(text: str) -> Dose | None:
    """The dose that a text states, None if it has not that form."""
    found = _DOSE.fullmatch(text) if len(text) <= _CHARACTERS_MAX else None
    if found is None:
        return None
    amount, unit, times, days, a_day = found.groups()
    return Dose(_number(amount), unit, _number(times), _number(days), _number(a_day) if a_day else None)


def days_of(claim: Claim) -> int:
    """How many days the drugs of the visit last: of the longest line, 0 where no line says it."""
    found = [read(one["LIEU_DUNG"]) for one in claim.drugs]
    return max((int(one.days) for one in found if one is not None), default=0)


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))
