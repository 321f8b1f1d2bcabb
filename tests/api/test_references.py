"""References to what is not here: accepted by default, refused for a tenant that asks for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lienmach.base.actor import Actor
from lienmach.record import search, write
from lienmach.record.transaction import Store

URN = "urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff"


def _observation(reference):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": reference},
    }


@pytest.fixture
def strict(store):
    store.tenants[1] = replace(store.tenants[1], references_must_resolve=True)


async def test_a_reference_to_nothing_is_accepted_by_default(fhir):
    assert (await fhir.post("/Observation", json=_observation("Patient/none"))).status_code == 201


async def test_a_strict_tenant_refuses_a_reference_to_nothing(strict, fhir):
    answer = await fhir.post("/Observation", json=_observation("Patient/none"))
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (409, ["Observation.subject.reference"])
    await fhir.put("/Patient/none", json={"resourceType": "Patient", "id": "none"})
    assert (await fhir.post("/Observation", json=_observation("Patient/none"))).status_code == 201


async def test_a_strict_tenant_refuses_a_reference_to_what_was_deleted(strict, fhir):
    await fhir.put("/Patient/gone", json={"resourceType": "Patient", "id": "gone"})
    await fhir.delete("/Patient/gone")
    assert (await fhir.post("/Observation", json=_observation("Patient/gone"))).status_code == 409


async def test_a_link_forward_inside_a_bundle_resolves_for_a_strict_tenant(strict, fhir):
    entries = [
        {"resource": _observation(URN), "request": {"method": "POST", "url": "Observation"}},
        {"fullUrl": URN, "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await fhir.post("/", json=bundle)).status_code == 200
    entries[0]["resource"] = _observation("Patient/none")
    answer = await fhir.post("/", json=bundle)
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (
        409,
        ["Bundle.entry[0].resource.subject.reference"],
    )


async def test_a_reference_under_our_own_address_is_one_to_here(settings, pool, store):
    own = await Store.open(settings, pool, store.definitions, base_url="https://here/fhir")
    system = Actor(1, "system", frozenset(["system"]))
    body = json.dumps(_observation("https://here/fhir/Patient/p")).encode()
    stored = await own.run(system, lambda tx: write.create(tx, body))
    assert stored.patient == "p"
    for value in ("p", "Patient/p", "https://here/fhir/Patient/p"):
        async with own.begin(system) as tx:
            assert len((await search.search(tx, "Observation", [("patient", value)])).matches) == 1, value
        async with own.begin(system) as tx:
            assert len((await search.search(tx, "Observation", [("subject", value)])).matches) == 1, value
    elsewhere = json.dumps(_observation("https://there/fhir/Patient/p")).encode()
    assert (await own.run(system, lambda tx: write.create(tx, elsewhere))).patient is None
    await own.close()
