"""The problem list of a person: what lasts beyond one visit (Condition, category problem-list-item)."""

from __future__ import annotations

from typing import Any

from lienmach.base import clock, errors
from lienmach.care import catalogues, resources, systems
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

Resource = dict[str, Any]
_SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-category"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_TEXT_CHARACTERS_MAX = 200


async def of_patient(tx: Transaction, patient_id: str) -> list[Resource]:
    """Active problems of a person, newest first."""
    found = await resources.find(
        tx,
        "Condition",
        ("patient", patient_id),
        ("category", f"{_SYSTEM}|problem-list-item"),
        ("clinical-status", "active"),
    )
    return [
        one for one in found if resources.code_of(one.get("verificationStatus"), _VERIFICATION) != "entered-in-error"
    ]


async def add(tx: Transaction, patient_id: str, *, code: str = "", text: str = "", encounter_id: str = "") -> Stored:
    """Add a problem by ICD-10 code or in words. Raises errors.Unprocessable, errors.Conflict if it stands there."""
    patient = await resources.read(tx, "Patient", patient_id)
    text = text.strip()
    if (not code and not text) or len(text) > _TEXT_CHARACTERS_MAX:
        raise errors.Unprocessable("Hãy chọn một bệnh trong danh mục hoặc ghi vấn đề bằng lời (tối đa 200 ký tự).")
    concept: Resource = {"text": text}
    if code:
        row = await catalogues.get(tx, "icd10", code, on=tx.now.astimezone(tx.tenant.time_zone).date())
        if row is None:
            raise errors.Unprocessable("Mã bệnh này không có trong danh mục của hôm nay.")
        concept = resources.concept(systems.ICD10, row.code, row.name)
    for one in await of_patient(tx, patient_id):
        if (code and resources.code_of(one.get("code"), systems.ICD10) == code) or (
            not code and (one.get("code") or {}).get("text") == text
        ):
            raise errors.Conflict("Vấn đề này đã có trong danh sách.")
    problem: Resource = {
        "resourceType": "Condition",
        "clinicalStatus": resources.concept(_CLINICAL, "active"),
        "verificationStatus": resources.concept(_VERIFICATION, "confirmed"),
        "category": [resources.concept(_SYSTEM, "problem-list-item", "Vấn đề sức khoẻ")],
        "code": concept,
        "subject": {"reference": f"Patient/{patient_id}"},
        "recordedDate": clock.to_instant(tx.now),
        "recorder": resources.me(tx),
    }
    if encounter_id:
        problem["encounter"] = {"reference": f"Encounter/{encounter_id}"}
    if patient.get("meta", {}).get("security"):
        problem["meta"] = {"security": patient["meta"]["security"]}
    return await resources.create(tx, problem)


async def resolve(tx: Transaction, patient_id: str, condition_id: str) -> Stored:
    """Mark a problem as over. Raises errors.NotFound if it is not on this person's list, as a diagnosis of a visit."""
    problem = await resources.read(tx, "Condition", condition_id)
    is_listed = any(resources.code_of(one, _SYSTEM) == "problem-list-item" for one in problem.get("category", ()))
    if resources.id_of(problem.get("subject"), "Patient") != patient_id or not is_listed:
        raise errors.NotFound("This problem is not of this person.")
    now = clock.to_instant(tx.now)
    return await resources.update(
        tx, {**problem, "clinicalStatus": resources.concept(_CLINICAL, "resolved"), "abatementDateTime": now}
    )
