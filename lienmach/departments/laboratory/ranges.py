"""Reference ranges, interpretation, delta check: pure, from a catalogue row of the list `indicator` and a person.

Nothing is guessed: without a birth date or a sex only a range that holds for everybody is used, and a value that a
comparator leaves open (`<5` against a low limit of 2) gets no interpretation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

_SEX = {"1": "male", "2": "female", "nam": "male", "nu": "female", "m": "male", "f": "female"}
_DAYS_MAX = 150 * 366
_NUMBER = re.compile(r"(<=|>=|<|>|≤|≥)?\s*([+-]?\d{1,12}(?:[.,]\d{1,10})?)")
_COMPARATORS = {"≤": "<=", "≥": ">="}


@dataclass(frozen=True)
class Range:
    """The limits for one person; None where there is none. A value on low or high is inside, on a critical one out."""

    low: Decimal | None = None
    high: Decimal | None = None
    critical_low: Decimal | None = None
    critical_high: Decimal | None = None


@dataclass(frozen=True)
class Value:
    """A measured number with its comparator ("", <, <=, >, >=)."""

    number: Decimal
    comparator: str = ""


def read_value(text: str) -> Value | None:
    """A number as an analyser or a person writes it: `6.8`, `6,8`, `>1000`. None if it is not one."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    sign = found[1] or ""
    return Value(Decimal(found[2].replace(",", ".")), _COMPARATORS.get(sign, sign))


def age_days(birth: str, on: date) -> int | None:
    """Age in days on a day; of a birth year or month alone, counted from its middle. None: not known, or in future."""
    parts = birth[:10].split("-")
    try:
        numbers = [int(part) for part in parts]
        born = date(numbers[0], numbers[1] if len(numbers) > 1 else 7, numbers[2] if len(numbers) > 2 else
                    (15 if len(numbers) > 1 else 1))  # fmt: skip
    except (ValueError, IndexError):
        return None
    days = (on - born).days
    return max(days, 0) if days >= 0 or len(parts) < 3 else None


def of(data: dict[str, Any], *, days: int | None, sex: str) -> Range:
    """The range of an indicator for an age in days (None: not known) and a FHIR gender. Empty where none is for them.

    A row for one sex goes before one for both; of several the narrowest span of age.
    """
    fits = []
    for row in data.get("ranges") or ():
        wanted = str(row.get("sex") or "")
        wanted = _SEX.get(wanted, wanted)
        first, last = int(row.get("from_days") or 0), int(row.get("to_days") or _DAYS_MAX)
        if wanted and wanted != sex:
            continue
        if not first <= (days if days is not None else -1) <= last and not (
            days is None and first == 0 and last >= 100 * 365
        ):
            continue
        fits.append((not wanted, last - first, row))
    if not fits:
        return Range()
    row = min(fits, key=lambda one: one[:2])[2]
    return Range(*(_decimal(row.get(name)) for name in ("low", "high", "critical_low", "critical_high")))


def interpret(value: Value, limits: Range) -> str:
    """N, L, H, LL or HH (HL7 v3 ObservationInterpretation); "" where the limits or the comparator leave it open."""
    number, sign = value.number, value.comparator[:1]
    low, high = limits.low, limits.high
    if limits.critical_low is not None and number <= limits.critical_low and sign != ">":
        return "LL"
    if limits.critical_high is not None and number >= limits.critical_high and sign != "<":
        return "HH"
    if low is None and high is None:
        return ""
    if sign == "<":
        return "L" if low is not None and number <= low else "N" if low is None and _under(number, high) else ""
    if sign == ">":
        return "H" if high is not None and number >= high else "N" if high is None and _over(number, low) else ""
    if low is not None and number < low:
        return "L"
    if high is not None and number > high:
        return "H"
    return "N"


def delta_percent(now: Decimal, before: Decimal) -> Decimal | None:
    """By how many percent of the value before it changed, unsigned; None after a zero."""
    return None if before == 0 else abs(now - before) / abs(before) * 100


def is_delta(now: Decimal, before: Decimal, days_between: int, data: dict[str, Any]) -> bool:
    """Whether the change is more than the indicator allows within its days; exactly the limit is allowed."""
    limit, within = _decimal(data.get("delta_percent")), data.get("delta_days")
    if limit is None or within is None or days_between > int(within):
        return False
    change = delta_percent(now, before)
    return (change is None and now != 0) or (change is not None and change > limit)


def shown(limits: Range) -> str:
    """The range as people read it: `3,5 – 5,1`, `≤ 5,2`, or "" where there is none."""
    low, high = ((format(one, "f").replace(".", ",") if one is not None else "") for one in (limits.low, limits.high))
    return f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else ""


def _under(number: Decimal, high: Decimal | None) -> bool:
    return high is None or number <= high


def _over(number: Decimal, low: Decimal | None) -> bool:
    return low is None or number >= low


def _decimal(value: Any) -> Decimal | None:
    try:
        return None if value is None or value == "" else Decimal(str(value))
    except InvalidOperation:
        return None
