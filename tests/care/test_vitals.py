"""Vital signs: what cannot be is refused, what is unusual is asked about, what is abnormal at this age is marked."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import resources, visits, vitals
from tests.clinic import Clinic


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("temperature", "45", "45,1"),
        ("temperature", "25", "24.9"),
        ("pulse", "300", "301"),
        ("oxygen", "100", "100,5"),
        ("weight", "0,3", "0,29"),
        ("height", "250", "250,1"),
        ("respiration", "4", "3"),
    ],
)
def test_what_no_living_person_has_is_refused(name: str, inside: str, outside: str) -> None:
    values, faults = vitals.read_values({name: inside})
    assert not faults and values[name] == Decimal(inside.replace(",", "."))
    values, faults = vitals.read_values({name: outside})
    assert not values and "không thể có" in faults[name]


@pytest.mark.parametrize("text", ["abc", "1e9", "-5", "٣", "1,2,3", "99999999", "NaN"])
def test_what_is_no_number_is_said_so(text: str) -> None:
    values, faults = vitals.read_values({"pulse": text})
    assert not values and "số" in faults["pulse"]


def test_a_blood_pressure_is_two_numbers_the_upper_one_larger() -> None:
    assert vitals.read_values({"systolic": "120/80"})[0] == {"systolic": Decimal(120), "diastolic": Decimal(80)}
    assert "cả hai" in vitals.read_values({"systolic": "120"})[1]["systolic"]
    assert "lớn hơn" in vitals.read_values({"systolic": "80", "diastolic": "80"})[1]["systolic"]


@pytest.mark.parametrize(
    ("name", "value", "months", "flag"),
    [
        ("pulse", "101", 400, "H"),
        ("pulse", "100", 400, "N"),
        ("pulse", "59", 400, "L"),
        ("pulse", "140", 6, "N"),
        ("respiration", "50", 11, "H"),
        ("respiration", "50", 1, "N"),
        ("oxygen", "94", 400, "L"),
        ("bmi", "30", 100, ""),
        ("temperature", "39", None, ""),
    ],
)
def test_abnormal_depends_on_the_age(name: str, value: str, months: int | None, flag: str) -> None:
    assert vitals.flag_of(name, Decimal(value), months) == flag


@pytest.mark.parametrize(
    ("birth", "months"),
    [("2026-11-22", 0), ("2026-10-22", 1), ("2026-10-23", 0), ("2020-11-22", 72), ("2020-11-23", 71), ("", None)],
)
def test_months_are_completed_ones(birth: str, months: int | None) -> None:
    assert vitals.age_months(birth, date(2026, 11, 22)) == months


async def test_bmi_is_worked_out_and_marked(clinic: Clinic) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient)

    async def work(tx: Any) -> None:
        values = {"weight": Decimal("80"), "height": Decimal("165"), "systolic": Decimal(160), "diastolic": Decimal(95)}
        await visits.record_vitals(tx, visit, values)

    await clinic.store.run(clinic.actor("nurse"), work)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        found = await vitals.latest(tx, patient)
        panels = await resources.find(tx, "Observation", ("patient", patient), ("code", vitals.PRESSURE))
    assert found["bmi"].value == Decimal("29.4") and found["bmi"].flag == "H"
    assert found["systolic"].flag == "H" and found["diastolic"].flag == "H"
    assert len(panels) == 1 and len(panels[0]["component"]) == 2


async def test_an_unusual_value_is_stored_when_it_is_confirmed(clinic: Clinic) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient)
    values = {"temperature": Decimal("40.5")}
    with pytest.raises(vitals.Unusual) as asked:
        await clinic.store.run(clinic.actor("nurse"), lambda tx: visits.record_vitals(tx, visit, values))
    assert set(asked.value.values) == {"temperature"}
    await clinic.store.run(clinic.actor("nurse"), lambda tx: visits.record_vitals(tx, visit, values, is_confirmed=True))
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert (await vitals.latest(tx, patient))["temperature"].value == Decimal("40.5")


async def test_an_impossible_value_changes_nothing(clinic: Clinic) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient)
    with pytest.raises(errors.Unprocessable, match="không thể"):
        await clinic.store.run(
            clinic.actor("nurse"),
            lambda tx: visits.record_vitals(
                tx, visit, {"pulse": Decimal(80), "weight": Decimal(900)}, is_confirmed=True
            ),
        )
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await vitals.latest(tx, patient) == {}


async def test_earlier_values_stand_beside_the_newest(clinic: Clinic) -> None:
    patient = await clinic.patient()
    visit = await clinic.visit(patient)
    for weight in ("60", "61", "62.5"):
        await clinic.store.run(
            clinic.actor("nurse"), lambda tx, one=weight: visits.record_vitals(tx, visit, {"weight": Decimal(one)})
        )
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        reading = (await vitals.latest(tx, patient))["weight"]
    assert reading.value == Decimal("62.5") and [value for _, value in reading.earlier] == [60, 61]
