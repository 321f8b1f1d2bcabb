"""A straight count over FHIR resources, written without the code that it checks, and the same figures as the pages have.

Each visit's line: state, doctor, main diagnosis, commune, insured, and what its prescription and costs add up to.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lienmach.base.actor import Actor
from lienmach.care import catalogues, resources
from tests.clinic import Clinic

SYSTEM = Actor(1, "system", frozenset(["system"]), "HOPERAT")
_BASE = "https://lienmach.org/fhir/"
Line = tuple[Any, ...]


async def all_of(clinic: Clinic, kind: str) -> list[dict[str, Any]]:
    """Every current resource of a type."""
    async with clinic.store.begin(SYSTEM) as tx:
        found = await resources.find(tx, kind, count=1000)
    assert len(found) < 1000
    return found


async def of_record(clinic: Clinic) -> dict[str, Line]:
    """Encounter id -> its line, from the resources."""
    people = {one["id"]: one for one in await all_of(clinic, "Patient")}
    diseases = {one["id"]: one for one in await all_of(clinic, "Condition")}
    medicines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in await all_of(clinic, "MedicationRequest"):
        if one["status"] in ("active", "on-hold", "completed"):
            medicines[_id(one["encounter"])].append(one)
    costs: dict[str, int] = defaultdict(int)
    for one in await all_of(clinic, "ChargeItem"):
        if one["status"] in ("planned", "billable", "billed"):
            costs[_id(one["context"])] += _whole(one["quantity"]["value"] * _terms(one)["don-gia-bv"])
    drugs, prices = await _lists(clinic)
    found = {}
    for visit in await all_of(clinic, "Encounter"):
        main = next((one["condition"] for one in visit.get("diagnosis", ()) if one["rank"] == 1), None)
        lines = medicines[visit["id"]]
        codes = [one["medicationCodeableConcept"]["coding"][0]["code"] for one in lines]
        antibiotics = [code for code in codes if drugs[code]["atc"].startswith("J01")]
        found[visit["id"]] = (
            visit["status"],
            next((one["individual"]["reference"] for one in visit.get("participant", ())), ""),
            diseases[_id(main)]["code"]["coding"][0]["code"] if main else "",
            _commune(people[_id(visit["subject"])]),
            any(one["url"].endswith("visit-coverage") for one in visit.get("extension", ())),
            bool(visit.get("appointment")),
            len(lines),
            len(antibiotics),
            sum(drugs[code]["route"] in ("tiem", "truyen", "tiem_duoi_da") for code in antibiotics),
            sum(
                _whole(one["dispenseRequest"]["quantity"]["value"] * prices[code])
                for one, code in zip(lines, codes, strict=True)
            ),
            costs[visit["id"]],
        )
    return found


async def of_projection(clinic: Clinic) -> dict[str, Line]:
    """The same lines as the pages read them."""
    async with clinic.store.begin(clinic.actor("director")) as tx:
        rows = await tx.fetch("select * from leaders_visit where tenant = $1", 1)
    return {
        row["encounter_id"]: (
            row["state"], row["doctor"], row["icd"], row["commune"], row["is_insured"], row["is_booked"], row["items"],
            row["antibiotics"], row["injections"], row["rx_vnd"], row["cost_vnd"],
        )
        for row in rows
    }  # fmt: skip


async def _lists(clinic: Clinic) -> tuple[dict[str, dict[str, Any]], dict[str, Decimal]]:
    async with clinic.store.begin(SYSTEM) as tx:
        today = tx.now.date()
        drugs = await catalogues.all_of(tx, "drug", on=today)
        prices = await catalogues.get_many(tx, "price", [f"drug:{one.code}" for one in drugs], on=today)
    return (
        {one.code: one.data for one in drugs},
        {
            code.partition(":")[2]: Decimal(str(row.data.get("don_gia_bh") or row.data["don_gia_bv"]))
            for code, row in prices.items()
        },
    )


def _terms(charge: dict[str, Any]) -> dict[str, Any]:
    terms = next(one for one in charge["extension"] if one["url"] == _BASE + "StructureDefinition/charge-terms")
    return {one["url"]: one.get("valueDecimal") for one in terms["extension"]}


def _commune(patient: dict[str, Any]) -> str:
    for one in patient.get("address", ()):
        for part in one.get("extension", ()):
            if part.get("valueCoding", {}).get("system") == "https://lienmach.org/sid/commune":
                return str(part["valueCoding"]["code"])
    return ""


def _id(reference: dict[str, str]) -> str:
    return reference["reference"].partition("/")[2]


def _whole(amount: Decimal) -> int:
    return int(Decimal(amount).to_integral_value(ROUND_HALF_UP))
