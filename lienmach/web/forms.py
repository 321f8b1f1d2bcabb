"""Form text -> values, with messages that a person can use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lienmach.standards.vietnam import dates_typed
from lienmach.standards.vietnam import formats as vietnam
from lienmach.web import formats


@dataclass(frozen=True)
class ReadDate:
    """fhir: the date as understood, "" if none. echo: how it was understood, other readings after it. fault: a key of
    `web/words` if the text cannot be a date."""

    fhir: str
    echo: str
    fault: str


def read_date(text: str, now: datetime) -> ReadDate:
    """A date that was typed ("01021958", "1/2/58", "1958") or comes back from us ("1958-02-01")."""
    if not text.strip():
        return ReadDate("", "", "")
    readings = dates_typed.read(text, now.astimezone(formats.ZONE).date())
    if not readings:
        return ReadDate("", "", "Ngày chưa đúng. Viết như 01/02/1958, 01021958 hoặc chỉ năm 1958.")
    others = " · ".join(one.echo for one in readings[1:3])
    return ReadDate(readings[0].fhir, readings[0].echo + (f" ({others}?)" if others else ""), "")


def read_count(text: str, *, most: int) -> int | None:
    """A whole number from 0 to `most` as typed; None for anything else, such as "²" or thousands of digits."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(most)):
        return None
    return int(text) if int(text) <= most else None


def write_date(fhir: str) -> str:
    """A FHIR date as people type it; other text stays as it was typed."""
    return vietnam.write_date(fhir) if fhir[:4].isdecimal() and "-" in fhir else fhir
