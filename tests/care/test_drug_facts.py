"""What the record says of a person before a medicine is written: kidneys, weight, pregnancy, allergies in any words."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from lienmach.api import steps, transaction
from lienmach.base import errors
from lienmach.care import catalogues, drug_facts, drug_formulary, drug_kidney, drug_safety, resources, systems
from lienmach.care.drug_lines import RxLine
from lienmach.standards.fhir import bundles
from lienmach.standards.fhir import json as fhir_json

ON = date(2026, 11, 22)


def creatinine(value, unit, *, loinc="2160-0", on=ON, status="final"):
    return {
        "status": status,
        "code": resources.concept(systems.LOINC, loinc),
        "effectiveDateTime": on.isoformat(),
        "valueQuantity": {"value": Decimal(value), "code": unit},
    }


@pytest.mark.parametrize(
    ("observation", "weight", "sex", "expected"),
    [
        (creatinine("1.0", "mg/dL"), "72", "male", "80.0"),  # (140 - 60) * 72 / (72 * 1)
        (creatinine("1.0", "mg/dL"), "72", "female", "68.0"),
        (creatinine("88.4", "umol/L", loinc="14682-9"), "72", "male", "80.0"),
        (creatinine("88.4", "umol/L"), "72", "male", "80.0"),  # the unit tells, not the code
        (creatinine("1.0", "mmol/L"), "72", "male", None),  # no unit of creatinine in blood here
        (creatinine("25", "mL/min/{1.73_m2}", loinc="62238-1"), "72", "male", "25"),
        (creatinine("1.0", "mg/dL", on=ON - timedelta(days=366)), "72", "male", None),
        (creatinine("1.0", "mg/dL", on=ON - timedelta(days=365)), "72", "male", "80.0"),
        (creatinine("1.0", "mg/dL", status="cancelled"), "72", "male", None),
    ],
)
def test_kidney_function_comes_from_creatinine_with_its_unit_or_a_reported_rate(observation, weight, sex, expected):
    found = drug_kidney.clearance([observation], months=720, sex=sex, weight_kg=Decimal(weight), on=ON)
    assert found == (Decimal(expected) if expected else None)


def test_without_a_weight_the_rate_is_estimated_and_children_are_not_guessed():
    found = drug_kidney.clearance([creatinine("1.0", "mg/dL")], months=720, sex="male", weight_kg=None, on=ON)
    assert found is not None and 80 < found < 90  # CKD-EPI 2021: about 86
    assert (
        drug_kidney.clearance([creatinine("1", "mg/dL")], months=60, sex="male", weight_kg=Decimal(18), on=ON) is None
    )


@pytest.fixture
async def facts_of(clinic):
    """Reads the facts of a new person about whom these resources are stored."""

    async def read(*about, patient=None, on=None):
        own = await clinic.patient(**(patient or {}))

        async def keep(tx):
            for one in about:
                whose = "patient" if one["resourceType"] == "AllergyIntolerance" else "subject"
                await resources.create(tx, {**one, whose: {"reference": f"Patient/{own}"}})

        await clinic.store.run(clinic.actor("doctor"), keep)
        async with clinic.store.begin(clinic.actor("doctor")) as tx:
            today = on or tx.now.astimezone(tx.tenant.time_zone).date()
            formulary = await drug_formulary.read(tx, today)
            return await drug_facts.read(tx, formulary, own, on=today)

    return read


def allergy(text="", *, coding=None, **more):
    return {
        "resourceType": "AllergyIntolerance",
        "code": {"text": text, **({"coding": [coding]} if coding else {})},
        **more,
    }


def status(word):
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
    return {"coding": [{"system": system, "code": word}]}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allergy("Dị ứng Amoxicilin, nổi mề đay"), {"amoxicillin", "penicillin"}),
        (allergy("DI UNG PENICILLIN"), {"penicillin"}),
        (allergy("augmentin"), {"penicillin"}),
        (allergy("Thuốc A", coding=resources.coding(systems.DRUG, "AUG625")), {"amoxicillin", "clavulanic-acid"}),
        (allergy("x", coding=resources.coding(drug_facts.GROUP, "nsaid")), {"nsaid"}),
        (allergy("Bactrim"), {"sulfonamide", "trimethoprim"}),
        (allergy("Tôm, cua"), set()),
        (allergy("amoxicilin", verificationStatus=status("entered-in-error")), set()),
        (allergy("Không có dị ứng", coding=resources.coding("http://snomed.info/sct", "716186003")), set()),
    ],
)
async def test_an_allergy_is_understood_by_code_or_by_its_words(facts_of, statement, expected):
    found = (await facts_of(statement)).allergies
    said = {code for one in found for code in one.ingredients | one.groups}
    assert said == expected or (expected <= said and "amoxicillin" in expected)


async def test_pregnancy_is_told_by_a_code_of_pregnancy_or_by_a_newer_statement(facts_of):
    woman = {"gender": "female", "birthDate": "1996-05-01"}
    pregnant = {
        "resourceType": "Condition",
        "code": resources.concept(systems.ICD10, "Z34.9", "Thai thường"),
        "recordedDate": "2026-11-01",
    }
    ended = {
        "resourceType": "Observation",
        "status": "final",
        "code": resources.concept(systems.LOINC, "82810-3"),
        "valueCodeableConcept": resources.concept("http://snomed.info/sct", "60001007", "Không có thai"),
        "effectiveDateTime": "2026-11-20",
    }
    assert (await facts_of(pregnant, patient=woman, on=ON)).is_pregnant
    assert not (await facts_of(pregnant, ended, patient=woman, on=ON)).is_pregnant
    assert not (await facts_of({**pregnant, "recordedDate": "2025-06-01"}, patient=woman, on=ON)).is_pregnant
    assert not (await facts_of(pregnant, patient={"gender": "male"}, on=ON)).is_pregnant


async def test_the_weight_of_a_small_child_holds_for_half_a_year(facts_of):
    def weight(days):
        return {
            "resourceType": "Observation",
            "status": "final",
            "code": resources.concept(systems.LOINC, "29463-7"),
            "effectiveDateTime": (ON - timedelta(days=days)).isoformat(),
            "valueQuantity": {"value": Decimal("12.5"), "unit": "kg", "code": "kg"},
        }

    child = {"birthDate": "2024-01-15"}
    assert (await facts_of(weight(180), patient=child, on=ON)).weight_kg == Decimal("12.5")
    assert (await facts_of(weight(181), patient=child, on=ON)).weight_kg is None
    assert (await facts_of(weight(900), on=ON)).weight_kg == Decimal("12.5")


async def test_a_change_of_the_list_counts_at_once(clinic):
    """The lists are kept in memory; a new row must not wait."""
    doctor, patient = clinic.actor("doctor"), await clinic.patient()

    async def check(tx):
        line = RxLine("VITC500", Decimal(1), 1, 10, payer="self")
        return [one.key for one in await drug_safety.check(tx, patient, [line]) if one.level == "block"]

    assert await clinic.store.run(doctor, check) == []

    async def change(tx):
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        row = await catalogues.get(tx, "ingredient", "ascorbic-acid", on=today)
        data = {**row.data, "dose": {**row.data["dose"], "adult_max_single": 100, "adult_max_day": 200}}
        catalogues.put(tx, [catalogues.Row("ingredient", row.code, row.name, row.valid_from, state="demo", data=data)])

    await clinic.store.run(clinic.actor("system"), change)
    assert "dose-single:ascorbic-acid" in await clinic.store.run(doctor, check)


async def test_a_bundle_is_judged_with_everything_in_it_whatever_its_order(clinic):
    if drug_safety.guard not in clinic.store.guards.setdefault("MedicationRequest", []):
        clinic.store.guards["MedicationRequest"].append(drug_safety.guard)
    request = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "urn:uuid:p"},
        "medicationCodeableConcept": resources.concept(systems.DRUG, "AMOX500"),
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d", "boundsDuration": {"value": 5, "code": "d"}}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "viên"}}],
            }
        ],
    }  # fmt: skip
    others = [
        {"resourceType": "Patient", "gender": "male", "birthDate": "1980-01-01"},
        {**allergy("penicillin"), "patient": {"reference": "urn:uuid:p"}},
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": f"urn:uuid:{name}", "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
            for name, one in zip("rpa", (request, *others), strict=True)
        ],
    }
    body = fhir_json.dump(bundle)
    limits = clinic.store.limits
    parts = bundles.split(body, entries_max=limits.bundle_entries_max, depth_max=limits.depth_max, bytes_max=len(body))
    found = steps.read(clinic.store, parts, batch=False, base_url="http://localhost/fhir")
    with pytest.raises(errors.Unprocessable) as caught:
        await clinic.store.run(clinic.actor("system"), lambda tx: transaction.run(tx, found, "http://localhost/fhir"))
    assert "allergy-group:amoxicillin" in str(caught.value.issues)
