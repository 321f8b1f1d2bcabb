"""What the QR code of a citizen card or an insurance card says, as one value.

Citizen card: plain UTF-8, `number|old number|name|ddmmyyyy|sex|address|ddmmyyyy of issue`, newer cards
with more fields behind, which are ignored. Insurance card: `number|hex name|dd/mm/yyyy or yyyy|1 or 2|
hex address|facility|from|to|issued|office|hex parent|area|five-year day|check|$`, with missing tail
fields and "-" for nothing. Both layouts are known from public programs, not from an official text.
Nothing here logs; the sentences of errors never quote the scan.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from lienmach.standards.vietnam import identity, insurance_card, names

CHARS_MAX = 2000


@dataclass(frozen=True)
class ScannedPerson:
    """source: `citizen-card` or `insurance-card`. Dates are FHIR dates as text; birth may be a year alone.

    sex: `male`, `female` or "". card_number: as printed, 15 characters or the 10-digit number.
    Every text that the card does not carry is "".
    """

    source: str
    name: str
    birth: str = ""
    sex: str = ""
    address: str = ""
    citizen_number: str = ""
    old_number: str = ""
    issued_on: str = ""
    card_number: str = ""
    facility: str = ""
    valid_from: str = ""
    valid_to: str = ""
    area: str = ""
    five_years_on: str = ""
    parent: str = ""


def looks_scanned(text: str) -> bool:
    """Whether a text typed into the search box has the form of a scan: bars between fields."""
    return text.count("|") >= 3


def parse(text: str) -> ScannedPerson:
    """Read a scan of either card. Raises ValueError with a sentence for a person if it is neither."""
    if len(text) > CHARS_MAX:
        raise ValueError("The scan is longer than any card's code.")
    fields = [field.strip() for field in _clean(text).split("|")]
    if len(fields) < 4:
        raise ValueError("This is not the code of a citizen card or an insurance card: fields are missing.")
    first = identity.compact(fields[0])
    # A citizen card has the sex as a word in its fifth field, an insurance card a 1 or 2 in its fourth.
    if re.fullmatch(r"[0-9]{12}", first):
        return _read_citizen_card(fields, first)
    if insurance_card.parse(first) or insurance_card.is_social_number(first):
        return _read_insurance_card(fields, first)
    raise ValueError("The first field is neither a 12-digit citizen number nor an insurance card number.")


def _read_citizen_card(fields: list[str], number: str) -> ScannedPerson:
    cells = fields + [""] * (7 - len(fields))
    name = names.tidy(cells[2])
    if not is_person_name(name):
        raise ValueError("The name in the citizen card's code cannot be read.")
    return ScannedPerson(
        source="citizen-card",
        citizen_number=number,
        old_number=identity.compact(_or_nothing(cells[1])),
        name=name,
        birth=read_day(cells[3]),
        sex=_read_sex(cells[4]),
        address=names.tidy(_or_nothing(cells[5])),
        issued_on=read_day(cells[6], optional=True),
    )


def _read_insurance_card(fields: list[str], number: str) -> ScannedPerson:
    cells = fields + [""] * (13 - len(fields))
    name = names.tidy(_read_hex(cells[1]))
    if not is_person_name(name):
        raise ValueError("The name in the insurance card's code cannot be read.")
    return ScannedPerson(
        source="insurance-card",
        card_number=number,
        name=name,
        birth=read_day(cells[2]),
        sex=_read_sex(cells[3]),
        address=names.tidy(_read_hex(cells[4])),
        facility=re.sub(r"[^0-9A-Za-z]", "", cells[5]),
        valid_from=read_day(cells[6], optional=True),
        valid_to=read_day(cells[7], optional=True),
        issued_on=read_day(cells[8], optional=True),
        parent=names.tidy(_read_hex(cells[10])),
        area=_or_nothing(cells[11]),
        five_years_on=read_day(cells[12], optional=True),
    )


def read_day(text: str, *, optional: bool = False) -> str:
    """`ddmmyyyy`, `dd/mm/yyyy` (also with - or .), `mm/yyyy` or `yyyy` as a FHIR date.

    optional: anything unreadable gives "" instead of ValueError.
    """
    found = re.fullmatch(r"(?:(?:(\d{1,2})[/.\-])?(\d{1,2})[/.\-]|(\d{2})(\d{2}))?(\d{4})", text, re.ASCII)
    if not found:
        if optional or _or_nothing(text) == "":
            return ""
        raise ValueError("A date in the code is not of the form dd/mm/yyyy.")
    day, month, year = found[1] or found[3], found[2] or found[4], found[5]
    try:
        checked = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        if optional:
            return ""
        raise ValueError("A date in the code is no day of the calendar.") from None
    return checked.isoformat() if day else f"{year}-{checked.month:02d}" if month else year


def is_person_name(text: str) -> bool:
    """Whether a text can be a name: has letters, no digits and no control or replacement characters."""
    return (
        0 < len(text) <= 200
        and any(char.isalpha() for char in text)
        and not any(char.isdecimal() or char in "?|\ufffd" or unicodedata.category(char)[0] == "C" for char in text)
    )


def _read_sex(text: str) -> str:
    word = unicodedata.normalize("NFC", text).strip().lower()
    return {"nam": "male", "1": "male", "nữ": "female", "nu": "female", "2": "female"}.get(word, "")


def _read_hex(text: str) -> str:
    if not _or_nothing(text):
        return ""
    try:
        return bytes.fromhex(text).decode("utf-8")
    except ValueError:
        raise ValueError("A text in the insurance card's code was damaged on its way.") from None


def _or_nothing(text: str) -> str:
    return "" if text.strip() in ("-", "--", "null", "NULL") else text.strip()


def _clean(text: str) -> str:
    # Scanners prepend byte-order marks and append Enter; some libraries put zero-width marks between.
    return re.sub(r"[\ufeff\u200b-\u200f\x00\r\n\t]", "", unicodedata.normalize("NFC", text)).strip()
