"""Two people with the same values in everything that can be theirs, for tests of who sees one person only."""

from __future__ import annotations

import json
from typing import Any

from lienmach.base.actor import Actor
from lienmach.record import access, write
from lienmach.record.transaction import Store, Transaction

MINE, OTHER = "me", "other"
OPEN = {
    "Observation": ("final", "amended", "corrected"),
    "DiagnosticReport": ("final", "amended", "corrected", "appended"),
}
CLOSED = {
    "Observation": ("registered", "preliminary", "cancelled", "entered-in-error", "unknown"),
    "DiagnosticReport": ("registered", "partial", "preliminary", "cancelled", "entered-in-error", "unknown"),
}
CODE = {"coding": [{"system": "https://example.org/c", "code": "k1", "display": "Kali"}], "text": "Kali"}
DAY = "2026-05-02"
AT = "2026-05-02T08:00:00+07:00"


def citizen(patient_id: str = MINE, **more: Any) -> Actor:
    return Actor(
        1,
        f"citizen/{patient_id}",
        frozenset({"citizen"}),
        "PATRQT",
        "Ân",
        more.get("reference", f"Patient/{patient_id}"),
    )


def _shown(who: str) -> list[dict[str, Any]]:
    """What is theirs to see; the same values for both."""
    person = {"reference": f"Patient/{who}"}
    visit = {"reference": f"Encounter/visit-{who}"}
    return [
        {
            "resourceType": "Patient", "id": who, "name": [{"text": "Nguyễn Văn Ân", "family": "Nguyễn", "given": ["Ân"]}],
            "birthDate": "1958-02-01", "gender": "male", "telecom": [{"system": "phone", "value": "0912345678"}],
            "managingOrganization": {"reference": "Organization/home"},
            "identifier": [{"system": "https://example.org/n", "value": "shared"}], "address": [{"city": "Huế"}],
        },
        {
            "resourceType": "Encounter", "id": f"visit-{who}", "status": "finished", "class": {"code": "AMB"},
            "subject": person, "period": {"start": AT, "end": AT}, "serviceProvider": {"reference": "Organization/home"},
            "diagnosis": [{"condition": {"reference": f"Condition/condition-{who}"}}], "reasonCode": [CODE],
            "appointment": [{"reference": f"Appointment/appointment-{who}"}],
        },
        {
            "resourceType": "Appointment", "id": f"appointment-{who}", "status": "booked", "start": AT, "end": AT,
            "participant": [{"actor": person, "status": "accepted"}, {"actor": {"reference": "Location/room"}, "status": "accepted"}],
        },
        {"resourceType": "Condition", "id": f"condition-{who}", "subject": person, "encounter": visit, "code": CODE, "recordedDate": AT},
        {"resourceType": "AllergyIntolerance", "id": f"allergy-{who}", "patient": person, "code": CODE, "recordedDate": AT},
        {
            "resourceType": "Immunization", "id": f"immunization-{who}", "status": "completed", "patient": person,
            "vaccineCode": CODE, "occurrenceDateTime": DAY,
        },
        {
            "resourceType": "MedicationRequest", "id": f"request-{who}", "status": "active", "intent": "order", "subject": person,
            "encounter": visit, "medicationCodeableConcept": CODE, "authoredOn": AT,
        },
        {
            "resourceType": "MedicationDispense", "id": f"dispense-{who}", "status": "completed", "subject": person,
            "medicationCodeableConcept": CODE, "whenHandedOver": AT,
            "authorizingPrescription": [{"reference": f"MedicationRequest/request-{who}"}],
        },
        {
            "resourceType": "DocumentReference", "id": f"paper-{who}", "status": "current", "subject": person, "date": AT,
            "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:sha256:00"}}],
            "context": {"encounter": [visit]},
        },
        {"resourceType": "Invoice", "id": f"invoice-{who}", "status": "issued", "subject": person, "date": AT},
        {
            "resourceType": "Coverage", "id": f"coverage-{who}", "status": "active", "beneficiary": person,
            "payor": [{"reference": "Organization/home"}], "subscriberId": "shared",
        },
    ]  # fmt: skip


def _beside(who: str) -> list[dict[str, Any]]:
    """Results of every status, and what is theirs but not for their eyes."""
    person = {"reference": f"Patient/{who}"}
    visit = {"reference": f"Encounter/visit-{who}"}
    results = [
        {
            "resourceType": kind, "id": f"{kind.lower()}-{status}-{who}", "status": status, "code": CODE, "subject": person,
            "encounter": visit, "effectiveDateTime": AT, "issued": AT,
            **({"valueQuantity": {"value": 6.8, "unit": "mmol/L"}} if kind == "Observation"
               else {"result": [{"reference": f"Observation/observation-final-{who}"}]}),
        }
        for kind in OPEN
        for status in (*OPEN[kind], *CLOSED[kind])
    ]  # fmt: skip
    hidden: list[dict[str, Any]] = [  # theirs, but not for their eyes
        {"resourceType": "Task", "id": f"task-{who}", "status": "requested", "intent": "order", "for": person},
        {
            "resourceType": "ServiceRequest",
            "id": f"order-{who}",
            "status": "active",
            "intent": "order",
            "subject": person,
            "code": CODE,
        },
        {"resourceType": "Communication", "id": f"message-{who}", "status": "completed", "subject": person},
    ]
    return [*results, *hidden]


def resources_of(who: str) -> list[dict[str, Any]]:
    """Everything of one person."""
    return [*_shown(who), *_beside(who)]


def visible_ids(who: str) -> set[tuple[str, str]]:
    """(type, id) of everything that this person may see."""
    types = set(access.GRANTS["citizen"].read.split())
    return {
        (one["resourceType"], one["id"])
        for one in resources_of(who)
        if one["resourceType"] in types and one.get("status") not in CLOSED.get(one["resourceType"], ())
    }


async def fill(store: Store, system: Actor) -> None:
    """Store both people, the directory, and a list that names both."""

    async def work(tx: Transaction) -> None:
        tx.defers_references = True
        directory: list[dict[str, Any]] = [
            {"resourceType": "Organization", "id": "home", "name": "Trạm mẫu"},
            {"resourceType": "Location", "id": "room", "name": "Phòng mẫu"},
            {"resourceType": "List", "id": "both", "status": "current", "mode": "working",
             "entry": [{"item": {"reference": f"Patient/{one}"}} for one in (MINE, OTHER)]},
        ]  # fmt: skip
        for one in [*directory, *resources_of(MINE), *resources_of(OTHER)]:
            await write.create(tx, json.dumps(one).encode(), resource_id=one["id"])

    await store.run(system, work)


def of_others(entries: Any) -> list[str]:
    """What in an answer is not mine to see."""
    may = visible_ids(MINE)
    return [f"{one.type}/{one.id}" for one in entries if (one.type, one.id) not in may]
