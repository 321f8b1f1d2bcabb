"""Allergies of a person: not asked, none known, or coded by ingredient or group of the catalogue.

"Not asked" is the absence of any statement; "none known" is a statement with an author and a day (SNOMED CT 716186003,
the code that FHIR's own pages use). A recorded allergy refutes "none known"; it is never the other way round.
"""

from __future__ import annotations

from typing import Any

from lienmach.base import clock, errors
from lienmach.care import catalogues, resources, systems
from lienmach.care.catalogues import Row
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

Resource = dict[str, Any]
NONE_KNOWN = resources.concept("http://snomed.info/sct", "716186003", "Không có dị ứng đã biết")
GROUP = "https://lienmach.org/fhir/CodeSystem/allergy-group"
LISTS = {"ingredient": systems.INGREDIENT, "allergy-group": GROUP}
CRITICALITIES = ("low", "high", "unable-to-assess")
_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_TEXT_CHARACTERS_MAX = 200


async def of_patient(tx: Transaction, patient_id: str) -> list[Resource]:
    """Statements that hold now, the statement "none known" included; an empty list: nobody asked."""
    found = await resources.find(tx, "AllergyIntolerance", ("patient", patient_id))
    return [one for one in found if _holds(one)]


def is_none_known(statement: Resource) -> bool:
    """Whether this statement says that there are none."""
    return resources.code_of(statement.get("code"), "http://snomed.info/sct") == "716186003"


async def offer(tx: Transaction, text: str, limit: int = 10) -> list[Row]:
    """Groups and ingredients whose name holds the text, groups first: "penicillin" means the group before the drug."""
    today = _today(tx)
    groups = await catalogues.find(tx, "allergy-group", text, on=today, limit=4)
    return [*groups, *await catalogues.find(tx, "ingredient", text, on=today, limit=limit - len(groups))]


async def record(
    tx: Transaction,
    patient_id: str,
    *,
    list_name: str,
    code: str,
    criticality: str = "high",
    reaction: str = "",
    encounter_id: str = "",
) -> Stored:
    """Record an allergy to an ingredient or to a group of them. list_name: ingredient or allergy-group.

    Raises errors.Unprocessable for an unknown code, errors.Conflict if it stands already.
    """
    row = await catalogues.get(tx, list_name, code, on=_today(tx)) if list_name in LISTS else None
    if row is None:
        raise errors.Unprocessable("Hãy chọn hoạt chất hoặc nhóm thuốc trong danh sách gợi ý.")
    if criticality not in CRITICALITIES or len(reaction) > _TEXT_CHARACTERS_MAX:
        raise errors.Unprocessable("Mức độ hoặc biểu hiện dị ứng chưa đúng; hãy chọn lại.")
    standing = await of_patient(tx, patient_id)
    if any(resources.code_of(one.get("code"), LISTS[list_name]) == code for one in standing):
        raise errors.Conflict("Dị ứng này đã có trong hồ sơ.")
    for one in standing:
        if is_none_known(one):
            await _end(tx, one, "refuted")
    statement = await _statement(tx, patient_id, encounter_id)
    statement |= {
        "category": ["medication"],
        "criticality": criticality,
        "code": resources.concept(LISTS[list_name], code, row.name),
    }
    if reaction.strip():
        statement["reaction"] = [{"manifestation": [{"text": reaction.strip()}]}]
    return await resources.create(tx, statement)


async def record_none(tx: Transaction, patient_id: str, *, encounter_id: str = "") -> Stored:
    """Record that the person was asked and knows of none. Raises errors.Conflict where an allergy stands."""
    for one in await of_patient(tx, patient_id):
        if is_none_known(one):
            return await resources.update(
                tx, {**one, "recordedDate": clock.to_instant(tx.now), "recorder": resources.me(tx)}
            )
        raise errors.Conflict("Hồ sơ đang ghi một dị ứng; hãy xoá dị ứng đó trước nếu ghi nhầm.")
    statement = await _statement(tx, patient_id, encounter_id)
    return await resources.create(tx, {**statement, "code": NONE_KNOWN})


async def withdraw(tx: Transaction, patient_id: str, statement_id: str) -> Stored:
    """Mark a statement as entered in error; it stays to be seen in the history. Raises errors.NotFound."""
    statement = await resources.read(tx, "AllergyIntolerance", statement_id)
    if resources.id_of(statement.get("patient"), "Patient") != patient_id:
        raise errors.NotFound("This allergy is not of this person.")
    return await _end(tx, statement, "entered-in-error")


def words_of(statement: Resource) -> str:
    """The name of what is not tolerated, with the reaction if one is told."""
    reactions = [str((one.get("manifestation") or [{}])[0].get("text", "")) for one in statement.get("reaction", ())]
    name = str((statement.get("code") or {}).get("text", ""))
    return f"{name} ({', '.join(one for one in reactions if one)})" if any(reactions) else name


async def _statement(tx: Transaction, patient_id: str, encounter_id: str) -> Resource:
    patient = await resources.read(tx, "Patient", patient_id)
    statement: Resource = {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": resources.concept(_CLINICAL, "active"),
        "verificationStatus": resources.concept(_VERIFICATION, "confirmed"),
        "patient": {"reference": f"Patient/{patient_id}"},
        "recordedDate": clock.to_instant(tx.now),
        "recorder": resources.me(tx),
    }
    if encounter_id:
        statement["encounter"] = {"reference": f"Encounter/{encounter_id}"}
    if patient.get("meta", {}).get("security"):
        statement["meta"] = {"security": patient["meta"]["security"]}
    return statement


async def _end(tx: Transaction, statement: Resource, word: str) -> Stored:
    changed = {**statement, "verificationStatus": resources.concept(_VERIFICATION, word)}
    if word == "entered-in-error":
        changed.pop("clinicalStatus", None)
    else:
        changed["clinicalStatus"] = resources.concept(_CLINICAL, "inactive")
    return await resources.update(tx, changed)


def _holds(statement: Resource) -> bool:
    verified = resources.code_of(statement.get("verificationStatus"), _VERIFICATION)
    clinical = resources.code_of(statement.get("clinicalStatus"), _CLINICAL)
    return verified not in ("entered-in-error", "refuted") and clinical not in ("inactive", "resolved")


def _today(tx: Transaction) -> Any:
    return tx.now.astimezone(tx.tenant.time_zone).date()
