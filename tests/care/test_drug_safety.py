"""Two thousand prescriptions on every path: each planted danger is caught, no clean prescription is stopped."""

from __future__ import annotations

import os

import httpx
import pytest

from lienmach.api import routes
from lienmach.base import clock, errors
from lienmach.care import catalogues, drug_formulary, drug_safety, prescriptions
from lienmach.care.population import clinic as demo_clinic
from lienmach.identity import tokens
from lienmach.record import bulk
from lienmach.standards.fhir import json as fhir_json
from tests.care import prescription_cases as cases_of

COUNT = int(os.environ.get("RX_COUNT", "2000"))
SEED = int(os.environ.get("RX_SEED", "20261122"))
UNIT = 25  # prescriptions of one unit of work


@pytest.fixture
async def store(clinic):
    """The clinic's record; the rule is asked even where no department has said so yet."""
    asked = clinic.store.guards.setdefault("MedicationRequest", [])
    if drug_safety.guard not in asked:
        asked.append(drug_safety.guard)
    return clinic.store


@pytest.fixture
def doctor(clinic):
    return clinic.actor("doctor")


@pytest.fixture
async def fhir(store):
    door = routes.FhirDoor()
    door.store = store
    token = await tokens.issue(store.pool, 1, role_names=["doctor"], user="test-doctor", now=clock.now())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(door, raise_app_exceptions=False),
        base_url="http://localhost/fhir",
        headers={"authorization": f"Bearer {token}"},
        timeout=60,
    ) as client:
        yield client


HARMLESS = ("NACLEYE", "CLOTRIC", "FUCID", "MUPI2", "HYALEYE", "POVI10")


class World:
    """The generated people in the record, and each path by which a prescription comes in."""

    def __init__(self, store, doctor, system, fhir, formulary, today):
        self.store, self.doctor, self.system, self.fhir = store, doctor, system, fhir
        self.drugs, self.today = formulary.drugs, today
        self.at = store.now()
        self.facilities = (demo_clinic.HOSPITAL, demo_clinic.STATION)

    async def load(self, found, source="world"):
        items = [bulk.Item(source, f"{one['resourceType']}/{one['id']}", fhir_json.dump(one), one["resourceType"], one["id"])
                 for one in found]  # fmt: skip
        refused = []
        await bulk.load(self.store, self.system, items, refuse=refused.append)
        return refused

    def before(self, case):
        """What is in the record before the path is taken; the facts of a bundle come with it."""
        known = cases_of.resources_of(case, self.drugs, self.today, self.facilities)
        if case.path in ("api", "import"):
            known = [one for one in known if one["resourceType"] not in ("AllergyIntolerance", "Condition")]
        if case.path == "edit":
            known += self.harmless(case)
        return known

    def along(self, case):
        known = cases_of.resources_of(case, self.drugs, self.today, self.facilities)
        return [one for one in known if one["resourceType"] in ("AllergyIntolerance", "Condition")]

    def requests(self, case):
        return cases_of.requests_of(case, self.drugs, self.at, self.facilities)

    def harmless(self, case):
        """The lines as they are before an edit: eye drops and creams; a draft where not even those may be written."""
        found = []
        for index, one in enumerate(self.requests(case)):
            drops = cases_of.line(HARMLESS[index], "1", 2, 5)
            clean = cases_of.Case(case.number, case.path, [drops], has_beds=case.has_beds)
            [made] = cases_of.requests_of(clean, self.drugs, self.at, self.facilities)
            status = "draft" if case.key.startswith("RX-05") else "active"
            found.append({**made, "id": one["id"], "status": status})
        return found

    async def by_verb(self, cases):
        """Refusals by number of what `prescriptions.write` does, many prescriptions in a unit."""
        said = {}

        async def work(tx):
            for case in cases:
                try:
                    await self.write(tx, case)
                except errors.Unprocessable as failure:
                    said[case.number] = str([one.diagnostics for one in failure.issues])

        await self.store.run(self.doctor, work)
        return said

    async def write(self, tx, case):
        lines = case.lines
        if case.path == "repeat":
            last = await prescriptions.last_of(tx, case.patient_id, before_encounter_id=case.encounter_id)
            lines = [prescriptions.line_of(one) for one in last]
            assert lines == sorted(lines, key=lambda one: order_of(case, one))
        await prescriptions.write(tx, case.encounter_id, lines, reasons=case.reasons)

    async def by_api(self, case):
        """What the FHIR door answers to a transaction; "" if it takes it."""
        method = "PUT" if case.path == "edit" else "POST"
        entries = self.requests(case) + ([] if case.path == "edit" else self.along(case))
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "resource": one,
                    "request": {
                        "method": method,
                        "url": one["resourceType"] + (f"/{one['id']}" if method == "PUT" else ""),
                    },
                }
                for one in entries
            ],
        }
        answer = await self.fhir.post("/", content=fhir_json.dump(bundle))
        assert answer.status_code in (200, 422), answer.text
        return "" if answer.status_code == 200 else answer.text

    async def by_import(self, cases):
        """Refusals by number of a bulk load; odd ones as a group with their facts behind, even ones item by item."""
        groups = []
        for case in cases:
            found = [*self.requests(case), *self.along(case)]
            items = [
                bulk.Item("import", f"urn:uuid:{one['id']}", fhir_json.dump(one), one["resourceType"], one["id"], index)
                for index, one in enumerate(found)
            ]
            groups += [items] if case.number % 12 < 6 else items
        refused = []
        await bulk.load(self.store, self.system, groups, refuse=refused.append)
        said = {}
        for one in refused:
            assert one.item.type == "MedicationRequest" or one.with_group
            number = int(one.item.id[3:].partition("-")[0])
            said[number] = said.get(number, "") + str([issue.diagnostics for issue in one.failure.issues])
        return said


def order_of(case, line):
    return [one.drug_code for one in case.lines].index(line.drug_code)


async def test_every_planted_danger_is_caught_on_every_path_and_no_clean_prescription_is_stopped(
    store, doctor, system, fhir
):
    print(f"seed {SEED}")
    async with store.begin(doctor) as tx:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        formulary = await drug_formulary.read(tx, today)
        sets = [
            [(set_line(one), formulary.drugs[one["code"]].data["ingredients"][0]["code"]) for one in row.data["drugs"]]
            for row in await catalogues.all_of(tx, "order-set", on=today)
            if row.data.get("drugs")
        ]
    world = World(store, doctor, system, fhir, formulary, today)
    cases = cases_of.make(COUNT, SEED, sets)
    assert await world.load([one for case in cases for one in world.before(case)]) == []

    said = {}
    verbs = [case for case in cases if case.path in ("new", "repeat", "order-set")]
    for start in range(0, len(verbs), UNIT):
        said |= await world.by_verb(verbs[start : start + UNIT])
    for case in cases:
        if case.path in ("edit", "api"):
            said[case.number] = await world.by_api(case)
    said |= await world.by_import([case for case in cases if case.path == "import"])

    slipped = [
        (case.number, case.path, case.key)
        for case in cases
        if case.key and f"[{case.key}]" not in said.get(case.number, "")
    ]
    stopped = [(case.number, case.path, said[case.number]) for case in cases if not case.key and said.get(case.number)]
    assert slipped == []
    assert stopped == []
    planted = {case.path: sum(1 for one in cases if one.path == case.path and one.key) for case in cases}
    assert set(planted) == set(cases_of.PATHS) and min(planted.values()) > COUNT // 20


def set_line(one):
    return cases_of.line(one["code"], str(one["per_time"]), one["times"], one["days"])
