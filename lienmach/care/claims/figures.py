"""How values stand in a claim: amounts with two decimals, prices with three, times as twelve digits, lists with ';'.

Annexes of Decision 130/QĐ-BYT (2023-01-18): a point, no grouping, no sign. Rates are whole; MUC_HUONG may hold one
decimal since 2026-07-01 (Decision 1931, secondary).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lienmach.standards.bhxh import claim_xml


def amount(value: Any) -> str:
    """đồng with two decimals."""
    return format(Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP), "f")


def price(value: Any) -> str:
    """đồng a unit with three decimals."""
    return format(Decimal(value).quantize(Decimal("0.001"), ROUND_HALF_UP), "f")


def quantity(value: Any) -> str:
    """Without zeros behind: 10, 0.5, at most three decimals."""
    return _short(Decimal(value).quantize(Decimal("0.001"), ROUND_HALF_UP))


def rate(value: Any) -> str:
    """A percentage: 80, 47.5."""
    return _short(Decimal(value))


def datetime12(at: datetime | None) -> str:
    """yyyymmddHHMM, "" for none. at: local."""
    return f"{at:%Y%m%d%H%M}" if at else ""


def date8(on: date | None) -> str:
    """yyyymmdd, "" for none."""
    return f"{on:%Y%m%d}" if on else ""


def parts(values: Iterable[str]) -> str:
    """Values with ';' between them and no blanks; each once, empty ones left out."""
    return ";".join(dict.fromkeys(one for one in (value.strip() for value in values) if one))


def text(value: str, most: int = 0) -> str:
    """A text as a field takes it, at most so many characters; 0: no limit is stated."""
    found = claim_xml.clean(value)
    return found[:most].rstrip() if most else found


def one_line(value: str, most: int = 0) -> str:
    """The same with line breaks and runs of blanks as one blank."""
    return text(" ".join(value.split()), most)


def _short(value: Decimal) -> str:
    shown = format(value, "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
