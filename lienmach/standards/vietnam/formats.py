"""How dates, ages, numbers, money and phone numbers are written for people in Vietnam.

Dates dd/mm/yyyy, a 24-hour clock, 1.234.567,89, whole đồng. No clock here: the day of today is handed
in. The last section holds words, Vietnamese first; `en=True` asks for English.
"""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from decimal import Decimal

_MONTHS_UNTIL = 72  # under this many months an age is said in months, as prescriptions ask
_DAYS_UNTIL = 30


def write_date(fhir: str, tz: tzinfo | None = None) -> str:
    """A FHIR date, dateTime or instant as dd/mm/yyyy [hh:mm]; partial dates as mm/yyyy or yyyy.

    tz: zone in which an instant with an offset is shown; without it the text's own zone. Unreadable
    text comes back unchanged, so that a page never hides what the record holds.
    """
    partial = re.fullmatch(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", fhir)
    if partial:
        return "/".join(piece for piece in (partial[3], partial[2], partial[1]) if piece)
    try:
        moment = datetime.fromisoformat(fhir)
    except ValueError:
        return fhir
    if tz is not None and moment.tzinfo is not None:
        moment = moment.astimezone(tz)
    return moment.strftime("%d/%m/%Y %H:%M")


def write_age(birth: str, on: date, *, en: bool = False) -> str:
    """The age on a day: days under 30 days, months under 72 months, else years; "" if unknown or ahead.

    birth: FHIR date. Of a year or a month alone the age is counted roughly and marked with "khoảng".
    """
    found = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", birth)
    if not found:
        return ""
    if not found[3]:
        years = on.year - int(found[1])
        if years < 0:
            return ""
        return f"about {years} years" if en else f"khoảng {years} tuổi"
    born = date(int(found[1]), int(found[2]), int(found[3]))
    if born > on:
        return ""
    days = (on - born).days
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    if days < _DAYS_UNTIL:
        return _count(days, "day", en) if en else f"{days} ngày tuổi"
    if months < _MONTHS_UNTIL:
        months = max(months, 1)
        return _count(months, "month", en) if en else f"{months} tháng tuổi"
    return _count(months // 12, "year", en) if en else f"{months // 12} tuổi"


def _count(number: int, word: str, en: bool) -> str:
    return f"{number} {word}" + ("s" if number != 1 else "")


def write_number(value: Decimal | int, *, en: bool = False) -> str:
    """1.234.567,89 with every decimal that the value carries (English: 1,234,567.89)."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,f}"
    return text if en else text.translate(str.maketrans(",.", ".,"))


def read_number(text: str) -> list[Decimal]:
    """What typed digits may mean; several values when "1.234" may be a thousand or a decimal.

    Raises ValueError if it is no number. The caller echoes the value or asks which one is meant.
    """
    typed = re.sub(r"[\s\u00a0\u202f]", "", text)
    if not re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)*", typed) or len(typed) > 40:
        raise ValueError("This is not a number.")
    marks = re.findall(r"[.,]", typed)
    if not marks:
        return [Decimal(typed)]
    if len(set(marks)) == 2:  # the last kind of mark is the decimal one, and it stands once
        decimal = marks[-1]
        if marks.count(decimal) > 1:
            raise ValueError("This number has its marks in no known order.")
        return [Decimal(typed.replace("," if decimal == "." else ".", "").replace(decimal, "."))]
    grouped = re.fullmatch(r"[+-]?[0-9]{1,3}([.,][0-9]{3})+", typed)
    whole = Decimal(re.sub(r"[.,]", "", typed))
    if len(marks) > 1:
        if not grouped:
            raise ValueError("This number has its marks in no known order.")
        return [whole]
    fraction = Decimal(typed.replace(",", "."))
    if not grouped or typed.lstrip("+-").startswith("0"):
        return [fraction]
    # Vietnamese habit first: a dot groups, a comma divides.
    return [whole, fraction] if marks[0] == "." else [fraction, whole]


def write_money(dong: int, *, en: bool = False) -> str:
    """Whole đồng: "1.234.567 đ"."""
    return f"{write_number(dong, en=en)} {'VND' if en else 'đ'}"


def compact_phone(text: str) -> str:
    """Digits of a Vietnamese phone number with the leading 0: +84, 84 and 0084 become 0; "" if it is none."""
    digits = re.sub(r"[\s.\-()]", "", text)
    digits = re.sub(r"^(\+84|0084|84(?=\d{9,10}$))", "0", digits)
    digits = re.sub(r"^00(?=[1-9]\d{8}$)", "0", digits)  # "+84 0912…" is often written
    return digits if re.fullmatch(r"0[0-9]{8,10}", digits) else ""


def write_phone(text: str) -> str:
    """ "0912 345 678"; a number that is no Vietnamese one comes back as typed."""
    digits = compact_phone(text)
    return f"{digits[:-6]} {digits[-6:-3]} {digits[-3:]}" if digits else text


def mask_phone(text: str) -> str:
    """ "091****678", for who may know which phone was meant and not the number; a masked one stays as it is."""
    digits = compact_phone(text)
    return f"{digits[:3]}****{digits[-3:]}" if digits else text if "****" in text else "****"
