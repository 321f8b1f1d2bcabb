"""Invented people of the browser tests, with a life of many kinds of entries."""

from __future__ import annotations

from typing import Any

DUONG = "duong"
SUBJECT = {"reference": f"Patient/{DUONG}"}
TEST = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}


def later() -> dict[str, Any]:
    """A second version of the first person."""
    return {**_person(DUONG, "Đặng Thị Đường", "1958-02-01", "079158004521"), "maritalStatus": {"text": "Đã kết hôn"}}


def bundle() -> dict[str, Any]:
    """A transaction with three people and the life of the first."""
    resources = [
        _person(DUONG, "Đặng Thị Đường", "1958-02-01", "079158004521"),
        _person("an", "Nguyễn Văn Ân", "1958-07-09", "001058000111"),
        _person("an2", "Nguyễn Văn An", "1990", "001090000222"),
        {"resourceType": "Organization", "id": "tram", "name": "Trạm y tế xã Mẫu"},
        *_life(),
    ]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ],
    }


def _person(key: str, name: str, birth: str, number: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": key,
        "meta": TEST,
        "active": True,
        "name": [{"text": name}],
        "gender": "female" if "Thị" in name else "male",
        "birthDate": birth,
        "identifier": [{"system": "https://lienmach.org/sid/cccd", "value": number}],
        "telecom": [{"system": "phone", "value": "0000123456"}],
        "address": [{"text": "Thôn Mẫu, Xã Mẫu, Tỉnh Mẫu"}],
    }


def _life() -> list[dict[str, Any]]:
    """Sixteen yearly visits, and what happened once."""
    return [*(one for year in range(2010, 2026) for one in _visit(year)), *_once()]


def _visit(year: int) -> list[dict[str, Any]]:
    """A check-up with what was weighed and prescribed."""
    visit, at = f"kham-{year}", f"{year}-05-06T08:30:00+07:00"
    encounter = {"reference": f"Encounter/{visit}"}
    return [
        {
            "resourceType": "Encounter",
            "id": visit,
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": SUBJECT,
            "type": [{"text": "Khám định kỳ"}],
            "period": {"start": at},
            "serviceProvider": {"reference": "Organization/tram"},
        },
        {
            "resourceType": "Observation",
            "id": f"can-{year}",
            "status": "final",
            "subject": SUBJECT,
            "encounter": encounter,
            "code": {"text": "Cân nặng"},
            "effectiveDateTime": at,
            "valueQuantity": {
                "value": 60 + year % 7,
                "unit": "kg",
                "system": "http://unitsofmeasure.org",
                "code": "kg",
            },
        },
        {
            "resourceType": "MedicationRequest",
            "id": f"thuoc-{year}",
            "status": "completed",
            "intent": "order",
            "subject": SUBJECT,
            "encounter": encounter,
            "authoredOn": at,
            "medicationCodeableConcept": {"text": "Amlodipin 5 mg"},
            "dosageInstruction": [{"text": "Sáng 1 viên"}],
        },
    ]


def _once() -> list[dict[str, Any]]:
    """A diagnosis, a vaccination, a procedure and an allergy."""
    return [
        {
            "resourceType": "Condition",
            "id": "tha",
            "subject": SUBJECT,
            "onsetDateTime": "2010-05-06",
            "clinicalStatus": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
            },
            "code": {
                "coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10", "display": "Tăng huyết áp"}]
            },
        },
        {
            "resourceType": "Immunization",
            "id": "cum",
            "status": "completed",
            "patient": SUBJECT,
            "vaccineCode": {"text": "Cúm mùa"},
            "occurrenceDateTime": "2023-10-01",
        },
        {
            "resourceType": "Procedure",
            "id": "tt",
            "status": "completed",
            "subject": SUBJECT,
            "code": {"text": "Điện tâm đồ"},
            "performedDateTime": "2022-03-04",
        },
        {
            "resourceType": "AllergyIntolerance",
            "id": "du",
            "patient": SUBJECT,
            "criticality": "high",
            "code": {"text": "Penicillin"},
        },
    ]
