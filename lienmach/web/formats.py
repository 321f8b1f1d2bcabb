"""How values look on screen: dd/mm/yyyy, 24-hour clock, 1.234,5 — in one place, for both languages.

FHIR dates arrive as text of any precision (R4 datatypes.html#dateTime) and keep that precision on screen.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


def day(value: str | date | datetime | None, zone: ZoneInfo = ZONE) -> str:
    """A date as dd/mm/yyyy, mm/yyyy or yyyy, as exact as it was given."""
    if not value:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%d/%m/%Y")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    moment = _moment(value, zone)
    if moment is not None:
        return moment.strftime("%d/%m/%Y")
    match = _PARTIAL.match(value)
    return "/".join(part for part in reversed(match.groups()) if part) if match else value


def moment(value: str | datetime | None, zone: ZoneInfo = ZONE) -> str:
    """A point in time as dd/mm/yyyy HH:MM in the facility's zone; a bare date stays a date."""
    if not value:
        return ""
    found = value.astimezone(zone) if isinstance(value, datetime) else _moment(value, zone)
    return found.strftime("%d/%m/%Y %H:%M") if found else day(value, zone)


def clock_time(value: str | datetime | None, zone: ZoneInfo = ZONE) -> str:
    """HH:MM in the facility's zone, or "" for a bare date."""
    found = value.astimezone(zone) if isinstance(value, datetime) else _moment(value or "", zone)
    return found.strftime("%H:%M") if found else ""


def _moment(value: str, zone: ZoneInfo) -> datetime | None:
    if not _INSTANT.match(value):
        return None
    # A leap second (`:60`) is a legal FHIR time and not a Python one.
    try:
        found = datetime.fromisoformat(re.sub(r":60(?=\D|$)", ":59", value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found.astimezone(zone) if found.tzinfo else found.replace(tzinfo=zone)


def number(value: Decimal | int | float | str | None) -> str:
    """A number as 1.234,5 with the digits it was given (62.50 stays 62,50)."""
    if value is None or value == "":
        return ""
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    plain = format(exact, "f")
    if len(plain) > 30:
        return str(exact).replace(".", ",")
    sign, digits = ("−", plain[1:]) if plain.startswith("-") else ("", plain)
    whole, _, part = digits.partition(".")
    grouped = f"{int(whole):,}".replace(",", ".") if len(whole) > 4 else whole
    return f"{sign}{grouped},{part}" if part else f"{sign}{grouped}"


def money(value: Decimal | int | str | None, currency: str = "VND") -> str:
    """An amount; whole đồng grouped by thousands, other currencies with their code."""
    if value is None:
        return ""
    exact = Decimal(str(value))
    if currency == "VND":
        return f"{int(exact):,} ₫".replace(",", ".")
    whole, _, part = f"{exact:.2f}".partition(".")
    return f"{int(whole):,}".replace(",", ".") + f",{part} {currency}"


def utc_text(value: datetime) -> str:
    """An instant for a `datetime` attribute in HTML."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
