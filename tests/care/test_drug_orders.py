"""Medicines that other programs order: their dosage is understood or asked for, history and foreign codes pass."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lienmach.base import errors
from lienmach.care import catalogue_set, drug_lines, drug_safety, resources, systems

DRUGS = {row.code: row for row in catalogue_set.rows("demo") if row.list == "drug"}


@pytest.fixture
async def clinic(clinic):
    """The clinic; the rule about MedicationRequests is asked even where no department has said so yet."""
    asked = clinic.store.guards.setdefault("MedicationRequest", [])
    if drug_safety.guard not in asked:
        asked.append(drug_safety.guard)
    return clinic


async def stored(clinic, **members):
    """What the guard says to a foreign MedicationRequest: "" or the diagnostics."""
    patient = members.pop("patient", None) or await clinic.patient()
    request = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": resources.concept(systems.DRUG, "PARA500", "Paracetamol 500 mg"),
        **members,
    }
    request = {name: value for name, value in request.items() if value is not None}

    async def work(tx):
        await resources.create(tx, request)

    try:
        await clinic.store.run(clinic.actor("doctor"), work)
    except errors.Unprocessable as failure:
        return " ".join(one.diagnostics for one in failure.issues)
    return ""


def dosage(value, unit, *, code="", days=5, **repeat):
    bounds = {"boundsDuration": {"value": days, "code": "d", "system": "http://unitsofmeasure.org"}} if days else {}
    quantity = {"value": Decimal(value), "unit": unit, **({"code": code} if code else {})}
    return [{"timing": {"repeat": {**bounds, **repeat}}, "doseAndRate": [{"doseQuantity": quantity}]}]


@pytest.mark.parametrize(
    ("instruction", "key"),
    [
        (dosage("1", "viên", frequency=3, period=1, periodUnit="d"), ""),
        (dosage("1000", "mg", code="mg", frequency=1, period=6, periodUnit="h"), ""),  # 4,000 mg
        (dosage("1000", "mg", code="mg", frequency=1, period=4, periodUnit="h"), "dose-day:paracetamol"),
        (dosage("1", "g", code="g", frequency=5, period=1, periodUnit="d"), "dose-day:paracetamol"),
        (dosage("3", "viên", timeOfDay=["08:00:00"]), "dose-single:paracetamol"),
        (dosage("2", "viên", when=["MORN", "NOON", "AFT", "EVE", "NIGHT"]), "dose-day:paracetamol"),
        (dosage("1", "viên", days=40, frequency=1, period=1, periodUnit="d"), "RX-04:PARA500"),
        (dosage("1", "viên", days=0, frequency=1, period=1, periodUnit="d"), "boundsDuration"),
        ([{"text": "Ngày uống 3 lần, mỗi lần 1 viên"}], "doseQuantity"),
        (None, "doseQuantity"),
    ],
)
async def test_a_dosage_that_somebody_else_wrote_is_understood_or_asked_for(clinic, instruction, key):
    said = await stored(clinic, dosageInstruction=instruction)
    assert key in said if key else said == ""


async def test_history_plans_and_unknown_codes_pass(clinic):
    assert await stored(clinic, status="completed") == ""
    assert await stored(clinic, intent="plan") == ""
    foreign = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "161"}]}
    assert await stored(clinic, medicationCodeableConcept=foreign) == ""
    assert (
        await stored(clinic, subject={"identifier": {"value": "1"}}, dosageInstruction=dosage("1", "viên", frequency=1))
        != ""
    )


async def test_a_medicine_named_by_reference_or_contained_is_seen_too(clinic):
    days_31 = dosage("1", "viên", days=31, frequency=1, period=1, periodUnit="d")
    medication = {
        "resourceType": "Medication",
        "id": "m",
        "code": resources.concept(systems.DRUG, "AMLO5", "Amlodipin"),
    }
    said = await stored(
        clinic, medicationCodeableConcept=None, medicationReference={"reference": "#m"}, contained=[medication],
        dosageInstruction=days_31,
    )  # fmt: skip
    assert "RX-04:AMLO5" in said

    async def keep(tx):
        return (await resources.create(tx, {**medication, "id": "rxmed"}, resource_id="rxmed")).id

    own = await clinic.store.run(clinic.actor("pharmacist"), keep)
    said = await stored(
        clinic, medicationCodeableConcept=None, medicationReference={"reference": f"Medication/{own}"},
        dosageInstruction=days_31,
    )  # fmt: skip
    assert "RX-04:AMLO5" in said


def test_a_line_is_read_with_its_days_from_its_quantity_where_nothing_else_says_them():
    request = {
        "dosageInstruction": dosage("1", "viên", days=0, frequency=2, period=1, periodUnit="d"),
        "dispenseRequest": {"quantity": {"value": 20, "unit": "viên"}},
    }
    assert drug_lines.read(request, DRUGS["PARA500"]).days == 10


@pytest.mark.parametrize(
    ("instructions", "single", "day", "every", "days"),
    [
        (dosage("1", "viên", frequency=3, period=1, periodUnit="d"), 1, 3, 1, 5),
        (dosage("1", "viên", frequency=1, period=8, periodUnit="h"), 1, 3, 1, 5),
        (dosage("1", "viên", frequency=1, period=72, periodUnit="h"), 1, 1, 3, 5),
        (dosage("4", "viên", frequency=1, period=1, periodUnit="wk"), 4, 4, 7, 5),
        (dosage("1", "viên", frequency=14, period=1, periodUnit="wk"), 1, 2, 1, 5),
        (dosage("1", "viên", frequency=1, frequencyMax=4, period=1, periodUnit="d"), 1, 4, 1, 5),
        (dosage("2", "viên", when=["MORN"]) + dosage("1", "viên", when=["EVE"]), 2, 3, 1, 5),
        (
            [{**dosage("1", "viên", frequency=1, period=1)[0], "sequence": 1}]
            + [{**dosage("2", "viên", frequency=2, period=1)[0], "sequence": 2}],
            2,
            4,
            1,
            10,
        ),  # one after the other: the heavier step counts, and the days of both
    ],
)
def test_timing_is_read_as_fhir_says_it(instructions, single, day, every, days):
    line = drug_lines.read({"dosageInstruction": instructions}, DRUGS["PARA500"])
    assert (line.single, line.day_total, line.every_days, line.days) == (single, day, every, days)


def test_a_dose_as_needed_counts_by_its_ceiling():
    instruction = dosage("1", "viên")[0] | {
        "asNeededBoolean": True,
        "maxDosePerPeriod": {"numerator": {"value": 6, "unit": "viên"}, "denominator": {"value": 1, "unit": "d"}},
    }
    assert drug_lines.read({"dosageInstruction": [instruction]}, DRUGS["PARA500"]).day_total == 6


def test_millilitres_asked_for_are_counted_in_bottles():
    request = {
        "dosageInstruction": dosage("5", "ml", frequency=3, period=1),
        "dispenseRequest": {"quantity": {"value": 75, "unit": "ml"}},
    }
    assert drug_lines.read(request, DRUGS["IBU100SY"]).quantity == 2
