"""References to what is not here: accepted by default, refused for a tenant that asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
