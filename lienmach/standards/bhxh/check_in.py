"""The check-in message of a visit (XML0): sent after its first cost, for information, never a ground for payment.

Fields, their order and sizes: Decision 130/QĐ-BYT (2023-01-18) as amended by 3176 (2024-10-29, seven of the fields);
order from a source, sizes derived from the same fields of XML1 to XML3. Times have 12 digits, days 8.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import date, datetime
from xml.sax.saxutils import escape

from lienmach.standards.bhxh import claim_fields

ROOT, LIST, RECORD = claim_fields.ROOTS["XML0"]
_PARTED = ("MA_THE_BHYT", "MA_DKBD", "GT_THE_TU", "GT_THE_DEN")  # the same number of ';' parts in each
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_BIRTH = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@functools.lru_cache(maxsize=1)
def fields() -> tuple[tuple[str, int, bool], ...]:
    """Field, most characters (0: no limit is stated), whether it must be there."""
    return tuple((one.name, one.max, one.req == claim_fields.REQUIRED) for one in claim_fields.newest()["XML0"])


def build(values: Mapping[str, str]) -> bytes:
    """The file of one check-in, UTF-8, unsigned. values: by field name; what is left out stands as an empty element.

    Raises ValueError with the fields that are unknown, missing, too long or not of the same number of parts.
    """
    wrong = [f"{name} is no field" for name in sorted(values.keys() - {name for name, _, _ in fields()})]
    lines = []
    for name, most, is_needed in fields():
        text = _NOT_XML.sub("", str(values.get(name, ""))).strip()
        if is_needed and not text:
            wrong.append(f"{name} is missing")
        if most and len(text) > most:
            wrong.append(f"{name} has {len(text)} characters, at most {most} fit")
        lines.append(f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>")
    if len({str(values.get(name, "")).count(";") for name in _PARTED}) > 1:
        wrong.append(f"{', '.join(_PARTED)} differ in their number of parts")
    if wrong:
        raise ValueError("; ".join(wrong))
    record = "".join(lines)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{ROOT}><{LIST}><{RECORD}>{record}</{RECORD}></{LIST}>'
        f"<CHUKYDONVI/></{ROOT}>"
    ).encode()


def datetime12(moment: datetime) -> str:
    """yyyymmddHHMM of a local time."""
    return f"{moment:%Y%m%d%H%M}"


def date8(day: date | None) -> str:
    """yyyymmdd, "" for no day."""
    return f"{day:%Y%m%d}" if day else ""


def birth12(text: str, at: datetime | None = None) -> str:
    """NGAY_SINH of a FHIR date; unknown parts are 0000 or 00. at: the time of birth of a newborn, where it is known.

    Raises ValueError for what is no FHIR date.
    """
    if at is not None:
        return datetime12(at)
    found = _BIRTH.fullmatch(text)
    if found is None:
        raise ValueError("a birth date is yyyy, yyyy-mm or yyyy-mm-dd")
    year, month, day = found.groups()
    return f"{year}{month or '00'}{day or '00'}0000"
