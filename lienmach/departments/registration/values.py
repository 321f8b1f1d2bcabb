"""FHIR datatypes as one line of text: quantities with units, coded words, names, periods (R4 datatypes.html).

Pure. Every function takes the JSON value and the language (`vi`, `en`) and returns text, "" for nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from lienmach.departments.registration import fhir_words
from lienmach.standards.vietnam import names
from lienmach.web import formats

#: UCUM codes and what people write instead.
_UNITS = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "{score}": "điểm",
    "/min": "lần/phút",
    "kg/m2": "kg/m²",
    "{count}": "",
    "1": "",
    "[IU]": "IU",
    "10*3/uL": "×10³/µL",
    "10*6/uL": "×10⁶/µL",
    "umol/L": "µmol/L",
    "ug": "µg",
    "mo": "tháng",
    "wk": "tuần",
    "a": "năm",
    "d": "ngày",
    "h": "giờ",
    "min": "phút",
}
_UNITS_EN = {
    "{score}": "score",
    "/min": "/min",
    "mo": "months",
    "wk": "weeks",
    "a": "years",
    "d": "days",
    "h": "hours",
    "min": "minutes",
}


def concept(value: Any, language: str) -> str:
    """A CodeableConcept or Coding: its text, else the first display, else the code."""
    if not isinstance(value, dict):
        return ""
    codings = [one for one in value.get("coding") or [value] if isinstance(one, dict)]
    for one in codings:
        word = fhir_words.code_word(str(one.get("code", "")), language) if _is_fhir_code(one) else ""
        if word:
            return word
    shown = value.get("text") or next((one["display"] for one in codings if one.get("display")), "")
    return str(shown or next((one["code"] for one in codings if one.get("code")), ""))


def _is_fhir_code(coding: dict[str, Any]) -> bool:
    system = str(coding.get("system", ""))
    return system.startswith(("http://terminology.hl7.org/", "http://hl7.org/fhir"))


def quantity(value: Any, language: str) -> str:
    """Value, comparator and unit, with the digits that were sent."""
    if not isinstance(value, dict):
        return ""
    unit = str(value.get("unit") or value.get("code") or "")
    unit = (_UNITS_EN if language == "en" else _UNITS).get(unit, _UNITS.get(unit, unit))
    unit = "" if unit.startswith("{") and unit.endswith("}") else unit
    parts = [str(value.get("comparator", "")), formats.number(short(value.get("value"))), unit]
    return " ".join(part for part in parts if part)


def short(value: Any) -> Any:
    """A measured number cut to what a person reads: at most four digits behind the point."""
    if isinstance(value, Decimal) and int(value.as_tuple().exponent) < -4:  # a computed mean, not a measurement
        rounded = round(value, 2 if abs(value) >= 1 else 4)
        return rounded.normalize() if rounded else rounded
    return value


def human_name(value: Any) -> str:
    """A HumanName in display order."""
    return names.shown({"name": [value]}) if isinstance(value, dict) else ""


def address(value: Any) -> str:
    """An Address on one line."""
    if not isinstance(value, dict):
        return ""
    pieces = [
        *(value.get("line") or []),
        *(value.get(key) for key in ("district", "city", "state", "postalCode", "country")),
    ]
    return str(value.get("text") or ", ".join(str(piece) for piece in pieces if piece))


def period(value: Any, zone: ZoneInfo) -> str:
    """A Period: start – end, the day said once if both lie on it."""
    if not isinstance(value, dict):
        return ""
    start, end = formats.moment(value.get("start"), zone), formats.moment(value.get("end"), zone)
    if start and end and start[:10] == end[:10]:
        return start if start == end else f"{start} – {end[11:]}"
    return f"{start} – {end}" if start and end else (f"{start} –" if start else f"– {end}" if end else "")


def identifier(value: Any) -> str:
    """An Identifier's value, with the kind of number before it if it has one."""
    if not isinstance(value, dict):
        return ""
    kind = value.get("type") or {}
    shown = kind.get("text") or next((one.get("display", "") for one in kind.get("coding") or []), "")
    return f"{shown}: {value.get('value', '')}" if shown else str(value.get("value", ""))


def reference(value: Any) -> str:
    """What a Reference calls its target: display, else the literal reference, else the identifier."""
    if not isinstance(value, dict):
        return ""
    return str(value.get("display") or value.get("reference") or identifier(value.get("identifier")))


def choice(resource: dict[str, Any], stem: str) -> tuple[str, Any] | None:
    """The choice element `stem[x]` of a resource as (datatype, value), such as ("Quantity", {...})."""
    for key, value in resource.items():
        if key.startswith(stem) and key[len(stem) : len(stem) + 1].isupper():
            return key[len(stem) :], value
    return None


def any_value(datatype: str, value: Any, language: str, zone: ZoneInfo) -> str:
    """One line for a value of a choice element."""
    if datatype in ("CodeableConcept", "Coding"):
        return concept(value, language)
    if datatype in ("Quantity", "Age", "Duration", "Count", "Distance"):
        return quantity(value, language)
    if datatype == "Period":
        return period(value, zone)
    if datatype == "Reference":
        return reference(value)
    if datatype == "Range":
        return f"{quantity(value.get('low'), language)} – {quantity(value.get('high'), language)}"
    if datatype == "Ratio":
        return f"{quantity(value.get('numerator'), language)} / {quantity(value.get('denominator'), language)}"
    if datatype == "Money":
        return formats.money(value.get("value"), str(value.get("currency", "VND")))
    if datatype == "Boolean":
        return {True: ("Có", "Yes"), False: ("Không", "No")}.get(value, ("", ""))[0 if language == "vi" else 1]
    if datatype in ("DateTime", "Instant", "Date"):
        return formats.moment(value, zone)
    if datatype in ("Decimal", "Integer", "PositiveInt", "UnsignedInt"):
        return formats.number(value)
    return value if isinstance(value, str) else ""
