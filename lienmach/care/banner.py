"""Who the person is, for the fixed strip on top of every page: never blank, unknown is a word.

Pure: resources in, a value of ready texts out; `patients.read_banner` fetches. Words are Vietnamese, or English
with `en=True`. Order and contents follow the patient banner of the NHS Common User Interface guidance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from lienmach.care import person_draft
from lienmach.standards.vietnam import formats, identity, insurance_card, names

_SEX = {
    "male": ("Nam", "Male"),
    "female": ("Nữ", "Female"),
    "other": ("Khác", "Other"),
    "unknown": ("Chưa rõ", "Unknown"),
}


_ZONE = timezone(timedelta(hours=7))  # Vietnam knows no summer time


@dataclass(frozen=True)
class Banner:
    """patient_id, name, sex (word), birth (dd/mm/yyyy), age, numbers [(label, value)], insurance, address, phone.

    allergies: texts, worst first. allergies_word: what to say instead when there are none: not asked, or none known.
    alerts: deceased, merged, inactive, as words. demo: synthetic data, the strip takes another colour.
    """

    patient_id: str
    name: str
    sex: str
    birth: str
    age: str
    numbers: tuple[tuple[str, str], ...]
    insurance: str
    address: str
    phone: str
    allergies: tuple[str, ...]
    allergies_word: str
    weight: str
    alerts: tuple[str, ...]
    demo: bool


def build(
    patient: dict[str, Any],
    *,
    today: date,
    allergies: list[dict[str, Any]] | None = None,
    weight: dict[str, Any] | None = None,
    coverages: list[dict[str, Any]] | None = None,
    en: bool = False,
) -> Banner:
    """The banner of a Patient. allergies: its AllergyIntolerance resources, None if the role may not see them.
    weight: the newest body weight Observation. coverages: its Coverage resources, what the insurer last said of each
    card in them. today: in the tenant's zone."""
    said = 1 if en else 0
    unknown = ("Chưa rõ", "Unknown")[said]
    birth = _text(patient.get("birthDate"))
    until = _text(patient.get("deceasedDateTime"))[:10]
    on = date.fromisoformat(until) if len(until) == 10 else today
    numbers = _numbers(patient, said)
    texts = tuple(
        _allergy(one)
        for one in sorted(allergies or [], key=lambda one: one.get("criticality") != "high")
        if _is_current(one) and not _says_none(one)
    )
    return Banner(
        patient_id=_text(patient.get("id")),
        name=names.shown(patient) or ("(Chưa có tên)", "(No name)")[said],
        sex=_SEX.get(_text(patient.get("gender")), _SEX["unknown"])[said],
        birth=formats.write_date(birth) if birth else unknown,
        age=formats.write_age(birth, on, en=en),
        numbers=tuple((label, value) for label, value in numbers),
        insurance=_covered(coverages or [], today, said) or _insurance(patient, said),
        address=_address(patient) or unknown,
        phone=_phone(patient) or unknown,
        allergies=texts,
        allergies_word="" if texts else _allergies_word(allergies, said),
        weight=_weight(weight, said),
        alerts=_alerts(patient, said),
        demo=any(_is_test(one) for one in _dicts(_dict(patient.get("meta")).get("security"))),
    )


def _numbers(patient: dict[str, Any], said: int) -> list[tuple[str, str]]:
    found = []
    for one in _dicts(patient.get("identifier")):
        kind = identity.kind_of_system(_text(one.get("system")))
        value = _text(one.get("value"))
        if not value or (kind and kind.key in ("bhyt", "bhxh")):
            continue
        label = (
            (kind.vi, kind.en)[said]
            if kind
            else _text(_dict(one.get("type")).get("text")) or ("Mã khác", "Other")[said]
        )
        found.append((kind is None, label, value))
    return [(label, value) for _, label, value in sorted(found, key=lambda row: row[0])]


def _covered(coverages: list[dict[str, Any]], today: date, said: int) -> str:
    """The card that ends last, with what the insurer's portal said of it (care/coverages.py writes it), or ""."""
    found = [one for one in coverages if one.get("status") == "active" and _text(one.get("subscriberId"))]
    if not found:
        return ""
    newest = max(found, key=lambda one: _text(_dict(one.get("period")).get("end")) or "9999")
    end = _text(_dict(newest.get("period")).get("end"))[:10]
    number = _text(newest.get("subscriberId"))
    card = insurance_card.parse(number)
    shown = f"{card.object_code} {card.level} {card.province_code} {card.social_number}" if card else number
    if not end:
        return f"{shown} ({('chưa kiểm tra', 'not verified')[said]})"
    if end < today.isoformat():
        return f"{shown} ⚠ {('hết hạn', 'ended')[said]} {formats.write_date(end)}"
    return f"{shown} ({('đến', 'until')[said]} {formats.write_date(end)})"


def _insurance(patient: dict[str, Any], said: int) -> str:
    for one in _dicts(patient.get("identifier")):
        kind = identity.kind_of_system(_text(one.get("system")))
        card = insurance_card.parse(_text(one.get("value"))) if kind and kind.key == "bhyt" else None
        if card:
            number = f"{card.object_code} {card.level} {card.province_code} {card.social_number}"
            # Only the insurer's portal knows whether a card is valid; nobody has asked it here.
            return f"{number} ({('chưa kiểm tra', 'not verified')[said]})"
    return ("Chưa có thẻ BHYT", "No insurance card")[said]


def _address(patient: dict[str, Any]) -> str:
    for one in sorted(_dicts(patient.get("address")), key=lambda one: one.get("use") == "old"):
        pieces = [
            *(piece for piece in one.get("line") or [] if isinstance(piece, str)),
            *(_text(one.get(key)) for key in ("district", "city", "state")),
        ]
        text = _text(one.get("text")) or ", ".join(piece for piece in pieces if piece)
        if text:
            return text
    return ""


def _phone(patient: dict[str, Any]) -> str:
    found = [_text(one.get("value")) for one in _dicts(patient.get("telecom")) if one.get("system") == "phone"]
    return formats.write_phone(found[0]) if found else ""


def _is_current(allergy: dict[str, Any]) -> bool:
    verified = _codes(allergy.get("verificationStatus"))
    return not {"entered-in-error", "refuted"} & verified and not {"inactive", "resolved"} & _codes(
        allergy.get("clinicalStatus")
    )


def _says_none(allergy: dict[str, Any]) -> bool:
    """SNOMED CT 716186003 is the code that FHIR's own pages use for "no known allergy"."""
    return "716186003" in _codes(allergy.get("code"))


def _allergies_word(allergies: list[dict[str, Any]] | None, said: int) -> str:
    if any(_is_current(one) and _says_none(one) for one in allergies or []):
        return ("Không có dị ứng đã biết", "No known allergies")[said]
    if allergies is None:
        return ("Không hiển thị", "Not shown")[said]
    return ("Chưa hỏi", "Not asked")[said]


def _allergy(allergy: dict[str, Any]) -> str:
    code = _dict(allergy.get("code"))
    displays = [_text(one.get("display")) for one in _dicts(code.get("coding"))]
    return _text(code.get("text")) or next((one for one in displays if one), "?")


def _weight(observation: dict[str, Any] | None, said: int) -> str:
    quantity = _dict((observation or {}).get("valueQuantity"))
    if "value" not in quantity:
        return ("Chưa cân", "Not weighed")[said]
    value = _rounded(quantity["value"])
    value = value if said else value.replace(".", ",")
    on = formats.write_date(_day(_text((observation or {}).get("effectiveDateTime"))))
    return f"{value} {_text(quantity.get('unit')) or _text(quantity.get('code'))}" + (f" ({on})" if on else "")


def _day(text: str) -> str:
    """The day of a dateTime as it is in Vietnam, where the banner is read."""
    if "T" not in text:
        return text
    try:
        return datetime.fromisoformat(text).astimezone(_ZONE).date().isoformat()
    except ValueError:
        return text[:10]


def _rounded(value: Any) -> str:
    """A weight with the digits that a scale shows: one behind the point; as it is if it is no number."""
    try:
        number = round(Decimal(str(value)), 1)
    except (InvalidOperation, ValueError):
        return str(value)
    return f"{number:f}".removesuffix(".0")


def _alerts(patient: dict[str, Any], said: int) -> tuple[str, ...]:
    found = []
    if patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime"):
        on = formats.write_date(_text(patient.get("deceasedDateTime"))[:10])
        found.append(f"{('Đã mất', 'Deceased')[said]} {on}".strip())
    if any(one.get("type") == "replaced-by" for one in _dicts(patient.get("link"))):
        found.append(("Hồ sơ đã gộp vào hồ sơ khác", "Merged into another record")[said])
    elif patient.get("active") is False:
        found.append(("Hồ sơ ngừng dùng", "Record not in use")[said])
    return tuple(found)


def _is_test(security: dict[str, Any]) -> bool:
    return security.get("system") == person_draft.TEST_DATA["system"] and security.get("code") == "HTEST"


def _codes(concept: Any) -> set[str]:
    return {_text(one.get("code")) for one in _dicts(_dict(concept).get("coding"))}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
