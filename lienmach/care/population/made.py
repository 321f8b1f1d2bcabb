"""Small makers of FHIR parts for the synthetic population; every resource is marked HTEST.

LOINC codes stand without their names (LOINC is (c) Regenstrief Institute and may be used under its free licence,
loinc.org/license); the texts are our own. ICD-10 codes carry `version: "demo"`: a sample for trying, not the
ministry's list. CVX codes come from the CDC's public table.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from lienmach.care import person_draft

LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"
_VIETNAM = timezone(timedelta(hours=7))
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"


def resource(kind: str, resource_id: str, **elements: Any) -> dict[str, Any]:
    """A resource with id and mark; elements that are None are left out. `class_` stands for `class`."""
    made: dict[str, Any] = {
        "resourceType": kind,
        "id": resource_id,
        "meta": {"security": [dict(person_draft.TEST_DATA)]},
    }
    for name, value in elements.items():
        if value is not None:
            made[name.rstrip("_")] = value
    return made


def concept(text: str, system: str = "", code: str = "", *, version: str = "", display: str = "") -> dict[str, Any]:
    """A CodeableConcept with our text and at most one coding."""
    if not code:
        return {"text": text}
    coding = {"system": system, "code": code}
    if version:
        coding["version"] = version
    if display:
        coding["display"] = display
    return {"coding": [coding], "text": text}


def hl7(name: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept of one of HL7's own code systems, by the last part of its URL."""
    coding = {"system": _TERMINOLOGY + name, "code": code}
    return {"coding": [{**coding, "display": display} if display else coding]}


def reference(target: dict[str, Any], display: str = "") -> dict[str, Any]:
    """A literal reference to a resource made here."""
    made = {"reference": f"{target['resourceType']}/{target['id']}"}
    return {**made, "display": display} if display else made


def quantity(value: str | int, unit: str, code: str = "") -> dict[str, Any]:
    """A UCUM quantity. value: digits as they shall be written. unit: for people; code: UCUM, if it differs."""
    return {
        "value": Decimal(value) if isinstance(value, str) else value,
        "unit": unit,
        "system": UCUM,
        "code": code or unit,
    }


def moment(at: datetime) -> str:
    """A local time of Vietnam as a FHIR dateTime with its offset."""
    return at.replace(tzinfo=_VIETNAM).isoformat()
