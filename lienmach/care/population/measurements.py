"""Vital signs and laboratory values as Observations with LOINC codes and UCUM units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from lienmach.care.population import made


@dataclass(frozen=True)
class Lab:
    """low, high: reference range. mean, spread: of people who have the illness. digits: decimals."""

    code: str
    text: str
    unit: str
    ucum: str
    low: str
    high: str
    mean: float
    spread: float
    digits: int


LABS: dict[str, Lab] = {
    "glucose": Lab("14771-0", "Glucose máu lúc đói", "mmol/L", "mmol/L", "3.9", "6.4", 8.1, 1.8, 1),
    "hba1c": Lab("4548-4", "HbA1c", "%", "%", "4.0", "6.0", 7.3, 1.0, 1),
    "creatinine": Lab("14682-9", "Creatinin máu", "µmol/L", "umol/L", "53", "106", 84, 18, 0),
    "potassium": Lab("2823-3", "Kali máu", "mmol/L", "mmol/L", "3.5", "5.1", 4.2, 0.4, 1),
    "ldl": Lab("22748-8", "LDL-cholesterol", "mmol/L", "mmol/L", "1.5", "3.4", 3.2, 0.8, 2),
    "cholesterol": Lab("14647-2", "Cholesterol toàn phần", "mmol/L", "mmol/L", "3.1", "5.2", 5.4, 0.9, 2),
}
_VITAL = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}]
_LABORATORY = [
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
]


def pressure(base: dict[str, Any], resource_id: str, at: datetime, random: Random, *, high: bool) -> dict[str, Any]:
    """Blood pressure with its two components (the FHIR vital signs profile names the codes). base: who, which visit."""
    systolic = round(random.gauss(143 if high else 121, 13 if high else 10))
    diastolic = min(round(random.gauss(86 if high else 76, 8)), systolic - 20)
    parts = (("8480-6", "Huyết áp tâm thu", systolic), ("8462-4", "Huyết áp tâm trương", diastolic))
    return made.resource(
        "Observation",
        resource_id,
        status="final",
        category=_VITAL,
        code=made.concept("Huyết áp", made.LOINC, "85354-9"),
        **base,
        effectiveDateTime=made.moment(at),
        component=[
            {"code": made.concept(text, made.LOINC, code), "valueQuantity": made.quantity(value, "mmHg", "mm[Hg]")}
            for code, text, value in parts
        ],
    )


def vital(
    base: dict[str, Any], resource_id: str, at: datetime, code: str, text: str, value: str, unit: str, ucum: str = ""
) -> dict[str, Any]:
    """One vital sign with one value."""
    return made.resource(
        "Observation",
        resource_id,
        status="final",
        category=_VITAL,
        code=made.concept(text, made.LOINC, code),
        **base,
        effectiveDateTime=made.moment(at),
        valueQuantity=made.quantity(value, unit, ucum),
    )


def lab(base: dict[str, Any], resource_id: str, at: datetime, key: str, random: Random) -> dict[str, Any]:
    """One laboratory value with its reference range and H, L or N."""
    one = LABS[key]
    number = max(random.gauss(one.mean, one.spread), float(one.low) * 0.7)
    value = f"{number:.{one.digits}f}"
    flag = "H" if float(value) > float(one.high) else "L" if float(value) < float(one.low) else "N"
    return made.resource(
        "Observation",
        resource_id,
        status="final",
        category=_LABORATORY,
        code=made.concept(one.text, made.LOINC, one.code),
        **base,
        effectiveDateTime=made.moment(at),
        valueQuantity=made.quantity(value, one.unit, one.ucum),
        interpretation=[made.hl7("v3-ObservationInterpretation", flag)],
        referenceRange=[
            {"low": made.quantity(one.low, one.unit, one.ucum), "high": made.quantity(one.high, one.unit, one.ucum)}
        ],
    )


def weight_kg(age: float, sex: str, random: Random) -> float:
    """A plausible body weight for an age in years."""
    if age < 20:
        return max(2.8, (3.2 + age * 2.6 if age < 10 else 30 + (age - 10) * 2.3) * random.gauss(1, 0.08))
    return max(36.0, random.gauss(63 if sex == "male" else 54, 8))


def height_cm(age: float, sex: str, random: Random) -> float:
    """A plausible height for an age in years."""
    if age < 18:
        grown = 50 + 25 * min(age, 1) + 7 * max(0.0, min(age, 5) - 1) + 5.4 * max(0.0, age - 5)
        return grown * random.gauss(1, 0.025)
    return random.gauss(167 if sex == "male" else 155, 5)
