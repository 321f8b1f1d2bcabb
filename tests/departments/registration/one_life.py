"""The person whose pages the tests of registration look at, and the entries of this person's record."""

from __future__ import annotations

from typing import Any

PERSON = {
    "resourceType": "Patient",
    "active": True,
    "name": [{"text": "Đặng Thị Đường"}],
    "gender": "female",
    "birthDate": "1958-02-01",
    "identifier": [{"system": "https://lienmach.org/sid/cccd", "value": "079158004521"}],
    "telecom": [{"system": "phone", "value": "0000123456"}],
}


def visit(patient: str, facility: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
        "type": [{"text": "Khám tăng huyết áp"}],
        "period": {"start": "2024-05-06T08:00:00+07:00"},
        "serviceProvider": {"reference": f"Organization/{facility}"},
    }


def pressure(patient: str, visit: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"text": "Huyết áp"},
        "encounter": {"reference": f"Encounter/{visit}"},
        "effectiveDateTime": "2024-05-06T08:10:00+07:00",
        "interpretation": [{"coding": [{"code": "H"}]}],
        "component": [
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                "valueQuantity": {"value": value, "unit": "mmHg"},
            }
            for code, value in (("8480-6", 152), ("8462-4", 94))
        ],
    }


def medicine(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {"text": "Amlodipin 5 mg"},
        "authoredOn": "2023-01-02",
        "dosageInstruction": [{"text": "Sáng 1 viên"}],
    }


def goal(patient: str) -> dict[str, Any]:
    """It has no date."""
    return {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "subject": {"reference": f"Patient/{patient}"},
        "description": {"text": "Huyết áp dưới 130/80"},
    }
