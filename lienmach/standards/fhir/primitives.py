"""The formats of FHIR's primitive types (datatypes.html#primitive, R4), one check each.

A check takes a value as `json.parse` gives it and returns None, or what is wrong with it as a sentence.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from lienmach.standards.fhir import narrative

Check = Callable[[Any], str | None]

STRING_CHARACTERS_MAX = 1024 * 1024
_INTEGER_MAX = 2**31 - 1

_YEAR = r"(?!0000)[0-9]{4}"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = r"(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_is_code = re.compile(r"[^\s]+(?:\s[^\s]+)*").fullmatch
_is_uri = re.compile(r"\S+").fullmatch
_is_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_is_uuid = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_is_date = re.compile(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?").fullmatch
_is_date_time = re.compile(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_TIME}{_ZONE})?)?)?").fullmatch
_is_instant = re.compile(rf"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}").fullmatch
_is_time = re.compile(_TIME).fullmatch
_no_space = str.maketrans("", "", " \t\r\n")


def _boolean(value: Any) -> str | None:
    return None if value is True or value is False else "A boolean is true or false."


def _string(value: Any) -> str | None:
    if type(value) is str and value and len(value) <= STRING_CHARACTERS_MAX:
        return None
    if type(value) is str and value:
        return f"A string has at most {STRING_CHARACTERS_MAX} characters."
    return "A string must not be empty." if value == "" else _not("text", value)


def _integer(value: Any) -> str | None:
    return _whole(value, -_INTEGER_MAX - 1)


def _unsigned(value: Any) -> str | None:
    return _whole(value, 0)


def _positive(value: Any) -> str | None:
    return _whole(value, 1)


def _whole(value: Any, low: int) -> str | None:
    if type(value) is not int:
        return _not("a whole number", value)
    return None if low <= value <= _INTEGER_MAX else f"{value} is not between {low} and {_INTEGER_MAX}."


def _decimal(value: Any) -> str | None:
    kind = type(value)
    return None if kind is Decimal or kind is int or kind is float else _not("a number", value)


def _matching(what: str, matches: Callable[[str], Any]) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is str and matches(value):
            return None
        return f"{quote(value)} is not {what}." if type(value) is str else _not("text", value)

    return check


def _calendar(what: str, matches: Callable[[str], Any]) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is str and matches(value):
            # Only the days 29 to 31 depend on the month.
            return None if value[8:10] <= "28" or _is_in_calendar(value) else f"There is no day {value[:10]}."
        return f"{quote(value)} is not {what}." if type(value) is str else _not("text", value)

    return check


def _is_in_calendar(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        return False
    return True


def _base64(value: Any) -> str | None:
    if type(value) is not str:
        return _not("text", value)
    try:
        decoded = binascii.a2b_base64(value.translate(_no_space), strict_mode=True)
    except (binascii.Error, ValueError):
        return "The text is not base64."
    return None if decoded else "Binary data must not be empty."


def _xhtml(value: Any) -> str | None:
    return narrative.problem(value) if type(value) is str else _not("text", value)


def _not(what: str, value: Any) -> str:
    return f"Expected {what}, found {kind_of(value)}."


def kind_of(value: Any) -> str:
    """What a JSON value is, in words for a message."""
    return (
        "null"
        if value is None
        else "an object"
        if type(value) is dict
        else "a list"
        if type(value) is list
        else "a boolean"
        if type(value) is bool
        else "text"
        if type(value) is str
        else "a number"
    )


def quote(value: str) -> str:
    """A value at fault, for a message; cut at 80 characters, visibly."""
    return repr(value if len(value) <= 80 else value[:80] + "…")


CHECKS: dict[str, Check] = {
    "boolean": _boolean,
    "integer": _integer,
    "string": _string,
    "decimal": _decimal,
    "uri": _matching("a URI (no spaces, not empty)", _is_uri),
    "url": _matching("a URL (no spaces, not empty)", _is_uri),
    "canonical": _matching("a canonical URL (no spaces, not empty)", _is_uri),
    "base64Binary": _base64,
    "instant": _calendar("an instant such as 2024-02-29T08:30:00.000+07:00", _is_instant),
    "date": _calendar("a date such as 2024, 2024-02 or 2024-02-29", _is_date),
    "dateTime": _calendar("a dateTime such as 2024-02-29 or 2024-02-29T08:30:00+07:00", _is_date_time),
    "time": _matching("a time such as 08:30:00", _is_time),
    "code": _matching("a code (no spaces at its ends, no two in a row)", _is_code),
    "oid": _matching("an OID such as urn:oid:1.2.3", _is_oid),
    "id": _matching("an id (1 to 64 of A-Z a-z 0-9 - .)", _is_id),
    "markdown": _string,
    "unsignedInt": _unsigned,
    "positiveInt": _positive,
    "uuid": _matching("a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520", _is_uuid),
    "xhtml": _xhtml,
}
