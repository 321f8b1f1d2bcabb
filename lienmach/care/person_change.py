"""A person's details put right after registration: the form filled from the record, the change, and what was changed.

Only what the form changed is touched; everything else of the Patient stays as it came, whoever wrote it. A number that
the insurer's portal has confirmed and a card are not changed by hand: a new card is put beside the old one on arrival.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from lienmach.base import clock, errors
from lienmach.care import coverages, insurance, patients, person_draft, resources
from lienmach.care.person_draft import PersonDraft
from lienmach.care.resources import Resource
from lienmach.record import history as record_history
from lienmach.record import read as record_read
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import identity, names

NUMBERS = {
    "citizen_number": "cccd", "old_number": "cmnd", "insurance_number": "bhyt", "social_number": "bhxh",
    "passport": "passport",
}  # fmt: skip
ADDRESS = ("address_line", "commune_code", "province_code", "address_text")
#: What is compared and shown, in the order of the form; `address` stands for the four parts of it.
SHOWN = (
    "name", "sex", "birth", *NUMBERS, "phone", "address", "nationality", "ethnic", "occupation", "blood_group",
    "guardian", "guardian_phone",
)  # fmt: skip
_HISTORY_MAX = 100
_MERGED = "Hồ sơ này đã gộp vào hồ sơ khác; hãy sửa ở hồ sơ kia."
_LOCKED = "Số này đã được xác nhận nên không sửa bằng tay được."
_TAKEN = "Hồ sơ khác đã mang số này. Hãy xem lại số trên giấy tờ."


class NumberTaken(errors.Conflict):
    """Somebody else carries a number of the changed person. others: ids of those Patients."""

    def __init__(self, others: tuple[str, ...]) -> None:
        super().__init__(_TAKEN, code="duplicate")
        self.others = others


@dataclass(frozen=True)
class Line:
    """One detail that a version changed. field: of SHOWN. old, new: as `shown` says them, "" for none."""

    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """One version. who: display of the person, "" where it did not come from a form. is_first: the registration."""

    version: int
    at: datetime
    who: str
    is_first: bool
    lines: tuple[Line, ...]


def draft_of(patient: Resource) -> PersonDraft:
    """The form filled from a Patient; what the form has no field for is left out."""
    home = _home(patient)
    commune, province = (_place(home, system) for system in (person_draft.COMMUNE_SYSTEM, person_draft.PROVINCE_SYSTEM))
    text = str(home.get("text", ""))
    former = next(
        (
            str(one.get("text", ""))
            for one in patient.get("address", ())
            if _end(one) == "2025-06-30" and one is not home
        ),
        "",
    )
    companion = _first(patient, "contact", lambda one: True)
    occupation = _extension(patient, person_draft.OCCUPATION, "valueCodeableConcept")
    nation_code, nation_text = nationality_of(patient)
    numbers: dict[str, Any] = {field: _number(patient, key) for field, key in NUMBERS.items()}
    draft = PersonDraft(
        name=names.shown(patient),
        birth=str(patient.get("birthDate", "")),
        sex=str(patient.get("gender", "")),
        phone=_phone(patient),
        address_line=", ".join(str(one) for one in home.get("line", ())),
        commune_code=commune,
        province_code=province,
        former_address=former,
        ethnic_code=str((_extension(patient, person_draft.ETHNIC_GROUP, "valueCoding") or {}).get("code", "")),
        occupation_code=_coding(occupation).get("code", ""),
        occupation_name=_coding(occupation).get("display", ""),
        nationality_code=nation_code,
        nationality_text=nation_text,
        blood_group=str(_extension(patient, person_draft.BLOOD_GROUP, "valueCode") or ""),
        address_reason=str(_extension(patient, person_draft.ADDRESS_REASON, "valueString") or ""),
        guardian=str((companion.get("name") or {}).get("text", "")),
        guardian_phone=_phone(companion),
        **numbers,
    )
    is_derived = text == str(person_draft.build_address(draft).get("text", ""))
    return draft if commune or is_derived else replace(draft, address_text=text)


def nationality_of(patient: Resource) -> tuple[str, str]:
    """(code of list quoc-tich, words) of the nationality: one of the two, or ("", "") where nobody has asked."""
    for one in patient.get("extension", ()):
        if one.get("url") != person_draft.NATIONALITY:
            continue
        for part in (one, *one.get("extension", ())):
            concept = part.get("valueCodeableConcept") or {}
            for coding in concept.get("coding", ()):
                code = str(coding.get("code", ""))
                if code.upper() in ("VN", "VNM", "704", person_draft.VIETNAM):
                    return person_draft.VIETNAM, ""
                if coding.get("system") == person_draft.NATIONALITY_SYSTEM:
                    return code, ""
            words = concept.get("text") or _coding(concept).get("display") or _coding(concept).get("code")
            if words:
                return "", str(words)
    return "", ""


def shown(patient: Resource) -> dict[str, str]:
    """Field of SHOWN -> what the record says of it, codes as codes, for comparing and showing."""
    draft = draft_of(patient)
    return {
        **{field: getattr(draft, field) for field in SHOWN if hasattr(draft, field)},
        "address": str(_home(patient).get("text", "")) or str(person_draft.build_address(draft).get("text", "")),
        "nationality": draft.nationality_code or draft.nationality_text,
        "ethnic": draft.ethnic_code,
        "occupation": draft.occupation_name or draft.occupation_code,
    }


def has_address(patient: Resource) -> bool:
    """Whether the home address names commune and province by their codes, as a claim wants them (STR-08)."""
    home = _home(patient)
    return all(_place(home, one) for one in (person_draft.COMMUNE_SYSTEM, person_draft.PROVINCE_SYSTEM))


async def locked(tx: Transaction, patient: Resource) -> frozenset[str]:
    """Fields of NUMBERS that are not changed by hand: a card, and the number with which the portal confirmed one."""
    found = {"insurance_number"} if _number(patient, "bhyt") else set()
    if (await insurance.state_of(tx, patient["id"])).is_verified:
        asked_with = next((one for one in ("bhyt", "bhxh", "cccd") if _number(patient, one)), "")
        found |= {field for field, key in NUMBERS.items() if key == asked_with}
    return frozenset(found)


async def change(tx: Transaction, patient_id: str, draft: PersonDraft, *, if_match: int) -> Stored:
    """Store what the form changed, as the version after `if_match`; the same again stores nothing.

    Raises errors.PreconditionFailed (somebody changed it meanwhile), errors.Invalid (name or sex missing),
    errors.Unprocessable (a confirmed number), NumberTaken, errors.Conflict (merged record).
    """
    remarks = person_draft.missing(draft)
    if remarks:
        raise errors.Invalid(issues=[errors.Issue("error", "required", one.en) for one in remarks])
    stored = await record_read.read(tx, "Patient", patient_id)
    patient = resources.of(stored)
    if stored.version_id != if_match:
        raise errors.PreconditionFailed(
            f"Patient/{patient_id} is not at version {if_match} but at {stored.version_id}."
        )
    if any(one.get("type") == "replaced-by" for one in patient.get("link", ())):
        raise errors.Conflict(_MERGED)
    before = draft_of(patient)
    numbers = {one for one in NUMBERS if _compact(draft, one) != _compact(before, one)}
    if numbers & await locked(tx, patient):
        raise errors.Unprocessable(_LOCKED)
    if numbers:
        same: dict[str, Any] = dict.fromkeys(set(NUMBERS) - numbers, "")
        new = replace(draft, **same)
        others = await _others(tx, new, patient_id)
        if others:
            raise NumberTaken(others)
        tx.premises.append(_nobody_else(new, patient_id))
    changed = applied(patient, draft)
    if changed == patient:
        return stored
    changed = person_draft.stamped(changed, resources.me(tx), clock.to_instant(tx.now))
    return await resources.update(tx, changed, if_match=if_match)


def applied(patient: Resource, draft: PersonDraft) -> Resource:
    """The Patient with what this draft says otherwise than the record; every element that says the same is kept."""
    before, result = draft_of(patient), dict(patient)
    made = person_draft.build(draft)
    if names.tidy(draft.name) != names.tidy(before.name):
        first = _first(patient, "name", lambda one: one.get("use") != "old")
        result["name"] = _replaced(patient.get("name"), first, made["name"][0])
    if draft.sex != before.sex:
        result["gender"] = draft.sex
    if draft.birth != before.birth:
        result.pop("_birthDate", None)  # the time of birth belonged to the other day
        result["birthDate"] = draft.birth
    if draft.phone.strip() != before.phone:
        old = _first(patient, "telecom", lambda one: one.get("system") == "phone")
        new = (made.get("telecom") or [None])[0]
        result["telecom"] = _replaced(patient.get("telecom"), old, {**old, **new} if new else None)
    if any(getattr(draft, one).strip() != getattr(before, one) for one in ADDRESS):
        result["address"] = _replaced(patient.get("address"), _home(patient), person_draft.build_address(draft) or None)
    if (draft.guardian.strip(), draft.guardian_phone.strip()) != (before.guardian, before.guardian_phone):
        old = _first(patient, "contact", lambda one: True)
        kept = {key: value for key, value in old.items() if key not in ("name", "telecom")}
        new = (made.get("contact") or [None])[0]
        result["contact"] = _replaced(patient.get("contact"), old, {**kept, **new, **_kind(kept)} if new else None)
    for field, key in NUMBERS.items():
        if _compact(draft, field) != _compact(before, field):
            old = _identifier(patient, key)
            new = identity.identifier(key, getattr(draft, field)) if _compact(draft, field) else None
            result["identifier"] = _replaced(result.get("identifier"), old, new)
    for url, parts in (
        (person_draft.ETHNIC_GROUP, ("ethnic_code",)),
        (person_draft.OCCUPATION, ("occupation_code",)),
        (person_draft.NATIONALITY, ("nationality_code", "nationality_text")),
        (person_draft.BLOOD_GROUP, ("blood_group",)),
        (person_draft.ADDRESS_REASON, ("address_reason", *ADDRESS)),
    ):
        if any(getattr(draft, one).strip() != getattr(before, one) for one in parts):
            own = [one for one in made.get("extension", ()) if one.get("url") == url]
            result["extension"] = [one for one in result.get("extension", ()) if one.get("url") != url] + own
    return {key: value for key, value in result.items() if value not in ([], "")}


async def history(tx: Transaction, patient_id: str) -> list[Change]:
    """The versions that changed a detail, newest first, and the registration as the last one."""
    found = await record_history.history(tx, "Patient", patient_id, count=_HISTORY_MAX)
    versions = [one for one in found.entries if one.op != "D"]
    changes = []
    for number, one in enumerate(versions):
        patient = resources.of(one)
        earlier = resources.of(versions[number + 1]) if number + 1 < len(versions) else None
        is_first = earlier is None and one.version_id == 1
        if earlier is None and not is_first:
            break  # the version before it is on no page here
        old, new = (shown(earlier) if earlier else {}), shown(patient)
        lines = tuple(
            Line(field, old.get(field, ""), new[field]) for field in SHOWN if earlier and old[field] != new[field]
        )
        if lines or is_first:
            stamp = _extension(patient, person_draft.CHANGED_BY, "extension")
            is_own = stamp is not None and stamp != (
                _extension(earlier, person_draft.CHANGED_BY, "extension") if earlier else None
            )
            changes.append(Change(one.version_id, one.last_updated, _who(stamp) if is_own else "", is_first, lines))
    return changes


async def _others(tx: Transaction, draft: PersonDraft, patient_id: str) -> tuple[str, ...]:
    found = [one.found.stored.id for one in await patients.holders(tx, draft)]
    return tuple(one for one in found if one != patient_id)


def _nobody_else(draft: PersonDraft, patient_id: str) -> Any:
    async def still_so(tx: Transaction, connection: asyncpg.Connection) -> bool:
        tx.on(connection)
        try:
            return not await _others(tx, draft, patient_id)
        finally:
            tx.on(None)

    return still_so


def _who(stamp: Any) -> str:
    who = next((one.get("valueReference") or {} for one in stamp or () if one.get("url") == "who"), {})
    return str(who.get("display", ""))


def _replaced(listed: list[Resource] | None, old: Resource, new: Resource | None) -> list[Resource]:
    """The list with `new` in the place of `old`, in front if there was none; None takes it away."""
    found = list(listed or ())
    put = [new] if new is not None else []
    at = next((number for number, one in enumerate(found) if one is old), None)
    return [*put, *found] if at is None else [*found[:at], *put, *found[at + 1 :]]


def _kind(contact: Resource) -> Resource:
    return {"relationship": contact["relationship"]} if contact.get("relationship") else {}


def _first(patient: Resource, element: str, fits: Any) -> Resource:
    found: Resource = next((one for one in patient.get(element, ()) if fits(one)), {})
    return found


def _home(patient: Resource) -> Resource:
    return _first(patient, "address", lambda one: one.get("use") not in ("old", "work"))


def _end(address: Resource) -> str:
    return str((address.get("period") or {}).get("end", ""))


def _place(address: Resource, system: str) -> str:
    for one in address.get("extension", ()):
        coding = one.get("valueCoding") or {}
        if one.get("url") == person_draft.PLACE_CODE and coding.get("system") == system:
            return str(coding.get("code", ""))
    return ""


def _phone(holder: Resource) -> str:
    found = [one for one in holder.get("telecom", ()) if one.get("system") == "phone"]
    return str(found[0].get("value", "")) if found else ""


def _identifier(patient: Resource, key: str) -> Resource:
    for one in patient.get("identifier", ()):
        kind = identity.kind_of_system(str(one.get("system", "")))
        if kind is not None and kind.key == key and one.get("use") != "old":
            found: Resource = one
            return found
    return {}


def _number(patient: Resource, key: str) -> str:
    return coverages.number_of(patient) if key == "bhyt" else str(_identifier(patient, key).get("value", ""))


def _compact(draft: PersonDraft, field: str) -> str:
    return identity.compact(getattr(draft, field))


def _extension(patient: Resource, url: str, value: str) -> Any:
    return next((one.get(value) for one in patient.get("extension", ()) if one.get("url") == url), None)


def _coding(concept: Any) -> dict[str, str]:
    found: dict[str, str] = ((concept or {}).get("coding") or [{}])[0]
    return found
