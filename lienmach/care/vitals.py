"""Vital signs of a visit: units, what cannot be, what is unusual, and what is abnormal at this age.

A value outside of what a living person can have is refused; an unusual one is asked about once; an abnormal one is
stored with its interpretation (HL7 v3 codes H and L), so that no screen has to judge again. The normal ranges by age
stand in vital_ranges.csv with their source (from memory: a facility's own head should look at them).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import resources, systems, visit_facts
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

Resource = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
CATEGORY = resources.concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "Vital Signs")
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
PRESSURE = "85354-9"  # the panel of systolic and diastolic
_TEXT_CHARACTERS_MAX = 12
_NUMBER = re.compile(r"\d{1,4}([.,]\d{1,3})?")


@dataclass(frozen=True)
class Measure:
    """One kind of value. least, most: beyond them it cannot be. odd_below, odd_above: beyond them it is asked about."""

    name: str
    title: str
    short: str
    loinc: str
    ucum: str
    unit: str
    least: Decimal
    most: Decimal
    odd_below: Decimal
    odd_above: Decimal


def _measure(name: str, title: str, short: str, loinc: str, ucum: str, unit: str, *bounds: str) -> Measure:
    least, odd_below, odd_above, most = (Decimal(one) for one in bounds)
    return Measure(name, title, short, loinc, ucum, unit, least, most, odd_below, odd_above)


MEASURES: dict[str, Measure] = {
    one.name: one
    for one in (
        _measure("pulse", "Mạch", "Mạch", "8867-4", "/min", "lần/phút", "20", "40", "160", "300"),
        _measure("temperature", "Nhiệt độ", "T°", "8310-5", "Cel", "°C", "25", "35", "40", "45"),
        _measure("systolic", "Huyết áp tâm thu", "HA", "8480-6", "mm[Hg]", "mmHg", "30", "70", "200", "300"),
        _measure("diastolic", "Huyết áp tâm trương", "HA tâm trương", "8462-4", "mm[Hg]", "mmHg", "10", "40", "120", "200"),
        _measure("respiration", "Nhịp thở", "Nhịp thở", "9279-1", "/min", "lần/phút", "4", "10", "40", "120"),
        _measure("oxygen", "SpO₂", "SpO₂", "2708-6", "%", "%", "30", "90", "100", "100"),
        _measure("weight", "Cân nặng", "Cân nặng", "29463-7", "kg", "kg", "0.3", "2.5", "130", "300"),
        _measure("height", "Chiều cao", "Cao", "8302-2", "cm", "cm", "20", "45", "195", "250"),
        _measure("bmi", "BMI", "BMI", "39156-5", "kg/m2", "kg/m²", "5", "12", "40", "100"),
    )
}  # fmt: skip
TYPED = tuple(name for name in MEASURES if name != "bmi")
_BY_LOINC = {one.loinc: one for one in MEASURES.values()}


class Unusual(errors.Conflict):
    """Values that can be but rarely are; they are stored when the person who typed them says that they are right."""

    def __init__(self, values: Mapping[str, Decimal]) -> None:
        super().__init__("Có giá trị bất thường hiếm gặp; hãy đo lại hoặc xác nhận là đúng.")
        self.values = dict(values)


@dataclass(frozen=True)
class Reading:
    """One value as shown. flag: "H", "L", "N", or "" where there is no range for the age. earlier: oldest first."""

    measure: Measure
    value: Decimal
    flag: str
    at: datetime
    encounter_id: str = ""
    earlier: tuple[tuple[datetime, Decimal], ...] = ()


def read_values(texts: Mapping[str, str]) -> tuple[dict[str, Decimal], dict[str, str]]:
    """(values, faults) of what was typed by name of the measure, with comma or point; empty fields are left out.

    A blood pressure may be typed whole, "120/80", in the field of the systolic one. Faults are sentences for people.
    """
    values: dict[str, Decimal] = {}
    faults: dict[str, str] = {}
    given = {name: texts.get(name, "").strip() for name in TYPED}
    if "/" in given["systolic"]:
        given["systolic"], _, behind = (part.strip() for part in given["systolic"].partition("/"))
        given["diastolic"] = given["diastolic"] or behind
    for name, text in given.items():
        if not text:
            continue
        if len(text) > _TEXT_CHARACTERS_MAX or not _NUMBER.fullmatch(text):
            faults[name] = "Hãy nhập một số, ví dụ 36,8."
            continue
        try:
            value = Decimal(text.replace(",", "."))
        except InvalidOperation:  # the pattern lets none through; a number that is none must not become one
            faults[name] = "Hãy nhập một số, ví dụ 36,8."
            continue
        if fault := _fault(name, value):
            faults[name] = fault
        values[name] = value
    if "systolic" in values and "diastolic" in values and values["systolic"] <= values["diastolic"]:
        faults["systolic"] = "Huyết áp tâm thu phải lớn hơn tâm trương; hãy kiểm tra lại."
    if ("systolic" in values) != ("diastolic" in values) and not faults.keys() & {"systolic", "diastolic"}:
        faults["systolic"] = "Hãy nhập cả hai số huyết áp, ví dụ 120/80."
    return {name: one for name, one in values.items() if name not in faults}, faults


def unusual(values: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Those of the values that are asked about."""
    return {
        name: value
        for name, value in values.items()
        if value < MEASURES[name].odd_below or value > MEASURES[name].odd_above
    }


def flag_of(name: str, value: Decimal, age_months: int | None) -> str:
    """H, L or N by the range of this age; "" where there is none or the age is not known."""
    if age_months is None:
        return ""
    for measure, from_months, to_months, low, high in _ranges():
        if measure == name and from_months <= age_months < to_months:
            return "L" if value < low else "H" if value > high else "N"
    return ""


def age_months(birth: str, on: date) -> int | None:
    """Completed months between a FHIR birth date (a year alone counts from its middle) and a day; None if unknown."""
    if len(birth) < 4 or not birth[:4].isdecimal():
        return None
    year, month = int(birth[:4]), int(birth[5:7]) if len(birth) >= 7 else 7
    day = int(birth[8:10]) if len(birth) == 10 else 1
    return max(0, (on.year - year) * 12 + on.month - month - (on.day < day))


async def record(
    tx: Transaction, encounter: Resource, values: Mapping[str, Decimal], *, is_confirmed: bool = False
) -> list[Stored]:
    """Store values of a visit, blood pressure as one panel, BMI worked out from weight and height.

    Raises errors.Unprocessable for what cannot be, Unusual for what rarely is unless is_confirmed.
    """
    texts = {name: f"{value:f}" for name, value in values.items()}
    checked, faults = read_values(texts)
    if faults:
        raise errors.Unprocessable(
            issues=[errors.Issue("error", "value", f"{MEASURES[name].title}: {text}") for name, text in faults.items()]
        )
    if not checked:
        raise errors.Unprocessable("Chưa có giá trị sinh hiệu nào được nhập.")
    odd = unusual(checked)
    if odd and not is_confirmed:
        raise Unusual(odd)
    patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    months = age_months(str(patient.get("birthDate", "")), tx.now.astimezone(tx.tenant.time_zone).date())
    if "weight" in checked and "height" in checked:
        checked["bmi"] = (checked["weight"] / (checked["height"] / 100) ** 2).quantize(Decimal("0.1"))
    stored = []
    for name, value in checked.items():
        if name == "systolic":
            panel = _observation(tx, encounter, PRESSURE, "Huyết áp")
            panel["component"] = [
                {"code": _code(MEASURES[one]), **_value(one, checked[one], months)} for one in ("systolic", "diastolic")
            ]
            stored.append(await resources.create(tx, panel))
        elif name != "diastolic":
            one = _observation(tx, encounter, MEASURES[name].loinc, MEASURES[name].title)
            stored.append(await resources.create(tx, one | _value(name, value, months)))
    return stored


async def latest(tx: Transaction, patient_id: str) -> dict[str, Reading]:
    """The newest value of each measure of a person by name, with up to five earlier ones for a trend."""
    codes = ",".join(f"{systems.LOINC}|{code}" for code in (PRESSURE, *_BY_LOINC))
    found = await resources.find(
        tx, "Observation", ("patient", patient_id), ("code", codes), ("_sort", "-date"), count=60
    )
    lines: dict[str, list[Reading]] = {}
    for observation in found:
        if observation.get("status") == "entered-in-error":
            continue
        for part in (observation, *observation.get("component", ())):
            reading = _reading(observation, part)
            if reading is not None:
                lines.setdefault(reading.measure.name, []).append(reading)
    newest = {}
    for name, readings in lines.items():
        readings.sort(key=lambda one: one.at, reverse=True)
        before = tuple((one.at, one.value) for one in reversed(readings[1:6]))
        first = readings[0]
        newest[name] = Reading(first.measure, first.value, first.flag, first.at, first.encounter_id, before)
    return {name: newest[name] for name in MEASURES if name in newest}


def _fault(name: str, value: Decimal) -> str:
    measure = MEASURES[name]
    if measure.least <= value <= measure.most:
        return ""
    return "Giá trị này không thể có ở người sống; hãy kiểm tra số và đơn vị."


def _observation(tx: Transaction, encounter: Resource, loinc: str, title: str) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [CATEGORY],
        "code": resources.concept(systems.LOINC, loinc, title),
        "subject": encounter["subject"],
        "encounter": {"reference": f"Encounter/{encounter['id']}"},
        "effectiveDateTime": clock.to_instant(tx.now),
        "issued": clock.to_instant(tx.now),
        "performer": [resources.me(tx)],
    }


def _code(measure: Measure) -> Resource:
    return resources.concept(systems.LOINC, measure.loinc, measure.title)


def _value(name: str, value: Decimal, months: int | None) -> Resource:
    measure = MEASURES[name]
    found: Resource = {"valueQuantity": {"value": value, "unit": measure.unit, "system": UCUM, "code": measure.ucum}}
    flag = flag_of(name, value, months)
    if flag:
        found["interpretation"] = [resources.concept(INTERPRETATION, flag)]
    return found


def _reading(observation: Resource, part: Resource) -> Reading | None:
    measure = _BY_LOINC.get(resources.code_of(part.get("code"), systems.LOINC))
    quantity = part.get("valueQuantity") or {}
    when = str(observation.get("effectiveDateTime", ""))
    if measure is None or "value" not in quantity or "T" not in when:
        return None
    if quantity.get("code", measure.ucum) != measure.ucum:
        return None  # another unit is not compared without being converted
    flag = next((resources.code_of(one, INTERPRETATION) for one in part.get("interpretation", ())), "")
    return Reading(
        measure, Decimal(str(quantity["value"])), flag, datetime.fromisoformat(when),
        resources.id_of(observation.get("encounter"), "Encounter"),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _ranges() -> tuple[tuple[str, int, int, Decimal, Decimal], ...]:
    with open(Path(__file__).parent / "vital_ranges.csv", encoding="utf-8", newline="") as file:
        return tuple(
            (one["measure"], int(one["from_months"]), int(one["to_months"]), Decimal(one["low"]), Decimal(one["high"]))
            for one in csv.DictReader(file)
        )
