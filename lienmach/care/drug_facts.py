"""What must be known of a person before a medicine is prescribed: allergies, medicines taken now, age, weight, kidneys,
pregnancy, diagnoses, and whether the facility has beds. Read from the record and from the unit of work itself.

What is read of allergies and prescriptions becomes a premise of the commit: if another prescriber was faster, the unit
runs again and sees their lines too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import drug_kidney, drug_lines, facility, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.drug_formulary import Formulary
from lienmach.care.drug_lines import RxLine
from lienmach.record import search
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding

Resource = dict[str, Any]
OVERRIDE = systems.EXTENSION + "override-reason"
ORDERS = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order"}
)  # intents that somebody acts on
GROUP = "https://lienmach.org/fhir/CodeSystem/allergy-group"
_TAKEN = ("active", "on-hold", "completed")  # completed: all of it was given out, so it lies at home
_WEIGHTS = ("29463-7", "3141-9")
_PREGNANCY = "82810-3"
_PREGNANT = {"77386006", "LA15173-0"}
_NOT_PREGNANT = {"60001007", "LA26683-5"}
_PREGNANT_ICD = re.compile(r"(Z3[345]|O(0[0-2]|1[0-9]|2[0-9]|3[0-9]|4[0-8]))")
_FEEDING_ICD = re.compile(r"(Z39\.1|O92)")
_PREGNANCY_DAYS = 300
_SMALL_MONTHS, _SMALL_DAYS = 72, 180  # the weight of a small child holds for half a year
_TYPES = ("AllergyIntolerance", "MedicationRequest", "Observation", "Condition")


@dataclass(frozen=True)
class Allergy:
    """Folded codes of the lists that a statement means. is_sure: False for a text that also says "no"."""

    words: str
    ingredients: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    is_sure: bool = True


@dataclass(frozen=True)
class Current:
    """A medicine taken now by another line. is_refill: written earlier and nearly used up."""

    id: str
    drug: Row
    line: RxLine | None
    encounter_id: str
    is_refill: bool
    overrides: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """None where the record does not say. months: age. clearance: ml/min. codes: ICD-10 of the visit and open ones."""

    months: int | None = None
    sex: str = ""
    weight_kg: Decimal | None = None
    clearance: Decimal | None = None
    is_pregnant: bool = False
    is_breastfeeding: bool = False
    has_beds: bool | None = None
    codes: frozenset[str] = frozenset()
    has_long_term: bool = False
    allergies: tuple[Allergy, ...] = ()
    current: tuple[Current, ...] = ()


class _Known:
    """The person's resources as this unit's snapshot has them, and the premise that they still are so."""

    def __init__(self, patient_id: str, found: dict[tuple[str, str], Resource]) -> None:
        self.patient_id = patient_id
        self.found = found
        self.beds: dict[str, bool | None] = {}
        self.watched: list[str] = []  # types that were read whole

    async def __call__(self, tx: Transaction, connection: asyncpg.Connection) -> bool:
        tx.on(connection)
        try:
            for kind in self.watched:
                again = await search.search_ids(tx, kind, _params(kind, self.patient_id), limit=_MOST)
                if {(one.id, one.version_id) for one in again} != {
                    (own, int(one.get("meta", {}).get("versionId", 0)))
                    for (type_name, own), one in self.found.items()
                    if type_name == kind
                }:
                    return False
        except errors.Refused:
            return True
        finally:
            tx.on(None)
        return True


_MOST = 300


async def read(
    tx: Transaction,
    formulary: Formulary,
    patient_id: str,
    *,
    encounter_id: str = "",
    on: date,
    without: Iterable[str] = (),
) -> Facts:
    """The facts of a person on a day. without: ids of MedicationRequests that are written anew or replaced."""
    known = await _known(tx, patient_id)
    found = dict(known.found)
    pending: set[str] = set()
    for change in tx.pending.values():
        if change.patient == patient_id and change.type in (*_TYPES, "Patient"):
            found.pop((change.type, change.id), None)
            if change.op != "D":
                found[change.type, change.id] = resources.of(change.stored())
                pending.add(change.id)
    by_type: dict[str, list[Resource]] = {}
    for (kind, _), one in found.items():
        by_type.setdefault(kind, []).append(one)
    patient = next(iter(by_type.get("Patient", [])), {})
    seen, conditions = by_type.get("Observation", []), by_type.get("Condition", [])
    months = _months(patient, on)
    is_small = months is not None and months < _SMALL_MONTHS
    weight = newest_weight(seen, since=on - timedelta(days=_SMALL_DAYS) if is_small else None)
    sex = str(patient.get("gender", ""))
    codes = _codes(conditions, encounter_id)
    own = {one for one in without if one}
    return Facts(
        months=months,
        sex=sex,
        weight_kg=weight,
        clearance=drug_kidney.clearance(seen, months=months, sex=sex, weight_kg=weight, on=on),
        is_pregnant=sex != "male" and _is_pregnant(seen, conditions, on),
        is_breastfeeding=sex != "male" and any(_FEEDING_ICD.match(one) for one in codes),
        has_beds=await _beds_of(tx, known, encounter_id),
        codes=frozenset(codes),
        allergies=tuple(
            one for one in (_allergy(formulary, each) for each in by_type.get("AllergyIntolerance", ())) if one
        ),
        current=tuple(
            one
            for one in (
                _current(formulary, each, on, encounter_id, each.get("id") in pending)
                for each in by_type.get("MedicationRequest", ())
                if each.get("id") not in own
            )
            if one
        ),
    )


def newest_weight(observations: list[Resource], *, since: date | None = None) -> Decimal | None:
    """Kilograms of the newest body weight, or None. since: older ones do not count."""
    found = [
        (str(one.get("effectiveDateTime", "")), one["valueQuantity"])
        for one in observations
        if any(resources.code_of(one.get("code"), systems.LOINC) == code for code in _WEIGHTS)
        and (one.get("valueQuantity") or {}).get("value") is not None
        and (since is None or str(one.get("effectiveDateTime", ""))[:10] >= since.isoformat())
        and one.get("status") not in ("entered-in-error", "cancelled")
    ]
    if not found:
        return None
    quantity = max(found, key=lambda one: one[0])[1]
    value = Decimal(str(quantity["value"]))
    return value / 1000 if str(quantity.get("code") or quantity.get("unit")) == "g" else value


def overrides_of(request: Resource) -> dict[str, str]:
    """Danger key -> reason, of the extensions of a MedicationRequest."""
    found = {}
    for one in request.get("extension", ()):
        if one.get("url") == OVERRIDE:
            said = {part.get("url"): str(part.get("valueString", "")) for part in one.get("extension", ())}
            found[said.get("danger", "")] = said.get("reason", "").strip()
    return found


def drug_codes(request: Resource, medication: Resource | None = None) -> list[str]:
    """Our codes of the drug that a MedicationRequest names; a whole order names one."""
    found: dict[str, None] = {}
    for concept in (request.get("medicationCodeableConcept"), (medication or {}).get("code")):
        for one in (concept or {}).get("coding", ()):
            if one.get("system") == systems.DRUG and one.get("code"):
                found[str(one["code"])] = None
    return list(found)


def drug_of(formulary: Formulary, request: Resource, medication: Resource | None = None) -> Row | None:
    """The row of the drug that a MedicationRequest names by our code, or None."""
    codes = drug_codes(request, medication)
    return next((formulary.drugs[code] for code in codes if code in formulary.drugs), None)


async def _known(tx: Transaction, patient_id: str) -> _Known:
    for premise in tx.premises:
        if isinstance(premise, _Known) and premise.patient_id == patient_id:
            return premise
    found: dict[tuple[str, str], Resource] = {}
    known = _Known(patient_id, found)
    point = await tx.point("Patient", patient_id) if patient_id else None
    if point is not None and not point.deleted:
        stored = Stored("Patient", patient_id, point.version_id, point.at, point.body, patient=patient_id)
        found["Patient", patient_id] = resources.of(stored)
    asked = [(kind, _params(kind, patient_id)) for kind in _TYPES if kind != "Observation"]
    asked += [("Observation", _measured(codes, patient_id)) for codes in ((*_WEIGHTS, _PREGNANCY), drug_kidney.CODES)]
    for kind, params in asked if patient_id else ():
        try:
            page = await search.search(tx, kind, params)
        except errors.Refused:
            continue  # the role may write prescriptions but not read this; the rules of what it may read still hold
        found |= {(kind, one.id): resources.of(one) for one in page.matches}
        if kind in _TYPES[:2] and page.next_cursor is None:
            known.watched.append(kind)
    if patient_id:
        tx.premises.append(known)
    return known


def _params(kind: str, patient_id: str) -> list[tuple[str, str]]:
    common = [("patient", f"Patient/{patient_id}"), ("_count", str(_MOST))]
    if kind == "MedicationRequest":
        return [*common, ("status", ",".join(_TAKEN))]
    return common


def _measured(codes: Iterable[str], patient_id: str) -> list[tuple[str, str]]:
    said = ",".join(f"{systems.LOINC}|{one}" for one in codes)
    return [("patient", f"Patient/{patient_id}"), ("code", said), ("_count", "20")]


def _months(patient: Resource, on: date) -> int | None:
    found = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", str(patient.get("birthDate", "")))
    if not found:
        return None
    year, month, day = int(found[1]), int(found[2] or 7), int(found[3] or 1)
    return max((on.year - year) * 12 + on.month - month - (on.day < day), 0)


def _codes(conditions: list[Resource], encounter_id: str) -> set[str]:
    found = set()
    for one in conditions:
        code = resources.code_of(one.get("code"), systems.ICD10)
        is_own = bool(encounter_id) and resources.id_of(one.get("encounter"), "Encounter") == encounter_id
        if code and _holds(one) and (is_own or not one.get("encounter") or not encounter_id or _is_problem(one)):
            found.add(code)
    return found


def _is_problem(condition: Resource) -> bool:
    return any(
        part.get("code") == "problem-list-item"
        for one in condition.get("category", ())
        for part in one.get("coding", ())
    )


def _holds(one: Resource) -> bool:
    said = {
        part.get("code")
        for name in ("clinicalStatus", "verificationStatus")
        for part in (one.get(name) or {}).get("coding", ())
    }
    return not said & {"entered-in-error", "refuted", "inactive", "resolved", "remission"}


def _is_pregnant(observations: list[Resource], conditions: list[Resource], on: date) -> bool:
    """By the newest statement: an Observation of pregnancy status, or an open ICD-10 code of pregnancy."""
    said: list[tuple[str, bool]] = []
    for one in observations:
        if resources.code_of(one.get("code"), systems.LOINC) == _PREGNANCY and one.get("status") != "entered-in-error":
            values = {part.get("code") for part in (one.get("valueCodeableConcept") or {}).get("coding", ())}
            if values & (_PREGNANT | _NOT_PREGNANT):
                said.append((str(one.get("effectiveDateTime", "")), bool(values & _PREGNANT)))
    for one in conditions:
        code = resources.code_of(one.get("code"), systems.ICD10)
        if code and _PREGNANT_ICD.match(code) and _holds(one):
            said.append((str(one.get("onsetDateTime") or one.get("recordedDate") or on.isoformat()), True))
    oldest = (on - timedelta(days=_PREGNANCY_DAYS)).isoformat()
    recent = [one for one in said if one[0][:10] >= oldest]
    return max(recent, key=lambda one: one[0])[1] if recent else False


def _allergy(formulary: Formulary, statement: Resource) -> Allergy | None:
    code = statement.get("code") or {}
    if not _holds(statement) or any(one.get("code") == "716186003" for one in code.get("coding", ())):
        return None
    ingredients = {resources.code_of(code, systems.INGREDIENT)} - {""}
    groups = {resources.code_of(code, GROUP)} - {""}
    drug = formulary.drugs.get(resources.code_of(code, systems.DRUG))
    texts = [str(code.get("text", "")), *(str(one.get("display", "")) for one in code.get("coding", ()))]
    for reaction in statement.get("reaction", ()):
        substance = reaction.get("substance") or {}
        texts += [str(substance.get("text", "")), *(str(one.get("display", "")) for one in substance.get("coding", ()))]
        ingredients |= {resources.code_of(substance, systems.INGREDIENT)} - {""}
    is_coded = bool(ingredients or groups or drug)
    folded = " " + re.sub(r"[^\w]+", " ", " ".join(folding.fold(one) for one in texts)) + " "
    for word, name, own in formulary.words:
        if f" {re.sub(r'[^a-z0-9]+', ' ', word).strip()} " in folded:
            if name == "drug":
                drug = drug or formulary.drugs.get(own)
            else:
                (ingredients if name == "ingredient" else groups).add(own)
    if drug is not None:
        ingredients |= {part["code"] for part in formulary.parts(drug)}
    if not (ingredients or groups):
        return None
    is_sure = is_coded or not re.search(r" (khong|no|not|chua) ", folded)
    return Allergy(next((one for one in texts if one), ""), frozenset(ingredients), frozenset(groups), is_sure)


def _current(formulary: Formulary, request: Resource, on: date, encounter_id: str, is_own: bool) -> Current | None:
    """The medicine of another line, if it is one that is taken on this day."""
    contained = {f"#{one.get('id')}": one for one in request.get("contained", ())}
    medication = contained.get(str((request.get("medicationReference") or {}).get("reference")))
    drug = drug_of(formulary, request, medication)
    if drug is None or request.get("status") not in _TAKEN or request.get("intent") not in ORDERS:
        return None
    try:
        line: RxLine | None = drug_lines.read(request, drug)
    except drug_lines.Unreadable:
        line = None
    written = _day(str(request.get("authoredOn", "")), on)
    left = (written + timedelta(days=line.days if line else 30) - on).days
    if left <= 0 and not is_own:
        return None
    own_encounter = resources.id_of(request.get("encounter"), "Encounter")
    is_same = bool(encounter_id) and own_encounter == encounter_id
    is_refill = written < on and left <= 7 and not is_same and not is_own
    reasons = overrides_of(request) if is_own or is_same else {}
    return Current(str(request.get("id")), drug, line, own_encounter, is_refill, reasons)


def _day(text: str, otherwise: date) -> date:
    try:
        return datetime.fromisoformat(text).date() if "T" in text else date.fromisoformat(text[:10])
    except ValueError:
        return otherwise


async def _beds_of(tx: Transaction, known: _Known, encounter_id: str) -> bool | None:
    """Whether the facility of the visit treats inpatients; None where the record does not tell the facility."""
    if encounter_id not in known.beds:
        known.beds[encounter_id] = None
        try:
            if encounter_id:
                encounter = await resources.read(tx, "Encounter", encounter_id)
                own = resources.id_of(encounter.get("serviceProvider"), "Organization")
                known.beds[encounter_id] = (await facility.facility(tx, own)).has_beds if own else None
        except (errors.NotFound, errors.Gone, errors.Refused):
            pass
    return known.beds[encounter_id]


def with_line(facts: Facts, has_long_term: bool) -> Facts:
    """The facts with what the ICD list says about the diagnoses."""
    return replace(facts, has_long_term=has_long_term)
