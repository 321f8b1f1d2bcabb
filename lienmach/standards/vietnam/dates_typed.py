"""Dates as clerks type them: "01021958", "1/2/58", "1258", "1958", "02/1958".

Every reading that makes sense is returned, likeliest first, each with the words that the screen
echoes. One reading means that it may be taken; several mean that the clerk chooses. Lunar dates are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_AGE_YEARS_MAX = 130


@dataclass(frozen=True)
class TypedDate:
    """fhir: `yyyy`, `yyyy-mm` or `yyyy-mm-dd`. echo: what the screen shows back, dd/mm/yyyy in words."""

    fhir: str
    echo: str


def read(text: str, today: date) -> list[TypedDate]:
    """All readings of a typed date that is not after `today`, likeliest first; empty if there is none.

    Two-digit years are the last such year not after today; of "58" the nearest is taken, never two
    centuries. A birth date is meant: nothing before `today` less 130 years.
    """
    typed = text.strip()
    if len(typed) > 20:
        return []
    pieces = re.split(r"[\s/.\-]+", typed)
    if not all(re.fullmatch(r"[0-9]+", piece) for piece in pieces):
        return []
    if len(pieces) == 3:
        readings = _three(pieces)
    elif len(pieces) == 2:
        readings = [(pieces[1], pieces[0], None)]
    elif len(pieces) == 1:
        readings = _run(pieces[0])
    else:
        return []
    found: list[TypedDate] = []
    for year, month, day in readings:
        one = _check(year, month, day, today)
        if one and one not in found:
            found.append(one)
    return found


def _three(pieces: list[str]) -> list[tuple[str, str | None, str | None]]:
    if len(pieces[0]) == 4:  # pasted from a program: year first
        return [(pieces[0], pieces[1], pieces[2])]
    return [(pieces[2], pieces[1], pieces[0])]


def _run(digits: str) -> list[tuple[str, str | None, str | None]]:
    """Readings (year, month, day) of digits without marks, by their count."""
    size = len(digits)
    if size == 8:
        return [(digits[4:], digits[2:4], digits[:2]), (digits[:4], digits[4:6], digits[6:])]
    if size == 7:  # one zero left out: d mm yyyy, dd m yyyy
        return [(digits[3:], digits[1:3], digits[0]), (digits[3:], digits[2], digits[:2])]
    if size == 6:  # dd mm yy, mm yyyy, d m yyyy
        return [
            (digits[4:], digits[2:4], digits[:2]),
            (digits[2:], digits[:2], None),
            (digits[2:], digits[1], digits[0]),
        ]
    if size == 5:  # d mm yy, dd m yy, m yyyy
        return [
            (digits[3:], digits[1:3], digits[0]),
            (digits[3:], digits[2], digits[:2]),
            (digits[1:], digits[0], None),
        ]
    if size == 4 and digits[:2] in ("18", "19", "20"):  # a year, although 1 September 58 is thinkable
        return [(digits, None, None)]
    if size == 4:  # d m yy, mm yy
        return [(digits[2:], digits[1], digits[0]), (digits[2:], digits[:2], None)]
    return [(digits, None, None)] if size == 2 else []


def _check(year_text: str, month_text: str | None, day_text: str | None, today: date) -> TypedDate | None:
    if len(year_text) not in (2, 4) or any(part is not None and len(part) > 2 for part in (month_text, day_text)):
        return None
    year = int(year_text)
    if len(year_text) == 2:
        year += today.year // 100 * 100
        if year > today.year:
            year -= 100
    month, day = (int(part) if part is not None else None for part in (month_text, day_text))
    if not today.year - _AGE_YEARS_MAX <= year <= today.year:
        return None
    try:
        first = date(year, month if month is not None else 1, day if day is not None else 1)
    except ValueError:
        return None
    if first > today:
        return None
    if month is None:
        return TypedDate(f"{year:04d}", f"năm {year:04d} (không rõ ngày, tháng)")
    if day is None:
        return TypedDate(f"{year:04d}-{month:02d}", f"tháng {month:02d}/{year:04d} (không rõ ngày)")
    return TypedDate(first.isoformat(), f"{day:02d}/{month:02d}/{year:04d}")
