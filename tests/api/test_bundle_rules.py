"""Bundles at their edges: ids promised, found and deleted, claimed twice; refusals told; answers that grow too large."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

URN = "urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff"
PATIENT = {"resourceType": "Patient", "identifier": [{"system": "http://x", "value": "1"}]}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
OTHER = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "http://x", "value": "2"}]}


def _bundle(*entries, kind="transaction"):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def _entry(method, url, resource=None, full_url=None, **request):
    found = {"request": {"method": method, "url": url, **request}}
    return found | ({"resource": resource} if resource else {}) | ({"fullUrl": full_url} if full_url else {})


def _about(reference):
    return {**OBSERVATION, "subject": {"reference": reference}}


async def test_where_references_must_resolve_those_to_later_entries_do(fhir, store):
    store.tenants[1] = replace(store.tenants[1], references_must_resolve=True)
    first = _entry("POST", "Observation", _about(URN))
    answer = await fhir.post("/", json=_bundle(first, _entry("POST", "Patient", PATIENT, URN)))
    assert answer.status_code == 200, answer.text
    answer = await fhir.post("/", json=_bundle(_entry("POST", "Observation", _about("Patient/nobody"))))
    assert answer.status_code == 409


async def test_where_references_must_resolve_a_patch_in_a_bundle_is_looked_at_too(fhir, store):
    await fhir.put("/Observation/o1", json={**OBSERVATION, "id": "o1"})
    store.tenants[1] = replace(store.tenants[1], references_must_resolve=True)
    found = []
    for reference in ("Patient/nobody", URN):
        patch = json.dumps(
            [{"op": "add", "path": "/subject", "value": {"reference": reference.replace(URN, "Patient/p1")}}]
        )
        binary = {
            "resourceType": "Binary",
            "contentType": "application/json-patch+json",
            "data": base64.b64encode(patch.encode()).decode(),
        }
        found.append(
            await fhir.post(
                "/",
                json=_bundle(
                    _entry("PATCH", "Observation/o1", binary), _entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"})
                ),
            )
        )
    assert [one.status_code for one in found] == [409, 200], found[0].text


async def test_a_condition_that_matches_nothing_does_not_overwrite_the_id_it_claims(fhir):
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1"})
    assert (await fhir.put("/Patient?identifier=http://x|2", json=OTHER)).status_code == 409
    answer = await fhir.post("/", json=_bundle(_entry("PUT", "Patient?identifier=http://x|2", OTHER)))
    assert answer.status_code == 409
    assert (await fhir.get("/Patient/p1")).json()["meta"]["versionId"] == "1"
    await fhir.delete("/Patient/p1")
    assert (await fhir.put("/Patient?identifier=http://x|2", json=OTHER)).status_code == 201


async def test_what_a_bundle_deletes_it_cannot_find_as_well(fhir):
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1"})
    answer = await fhir.post(
        "/",
        json=_bundle(
            _entry("DELETE", "Patient/p1"), _entry("POST", "Patient", PATIENT, URN, ifNoneExist="identifier=http://x|1")
        ),
    )
    assert answer.status_code == 400, answer.text
    assert (await fhir.get("/Patient/p1")).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_conditional_reference_finds_what_the_same_bundle_updates(fhir, method):
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1"})
    observation = _about("Patient?identifier=http://x|1") | ({"id": "o1"} if method == "PUT" else {})
    answer = await fhir.post(
        "/",
        json=_bundle(
            _entry(method, "Observation" + ("/o1" if method == "PUT" else ""), observation),
            _entry("PUT", "Patient/p1", {**PATIENT, "id": "p1", "active": True}),
        ),
    )
    assert answer.status_code == 200, answer.text
    assert (await fhir.get("/Observation?subject=Patient/p1")).json()["total"] == 1


async def test_a_conditional_reference_does_not_find_what_the_same_bundle_changes_away(fhir):
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1"})
    answer = await fhir.post(
        "/",
        json=_bundle(
            _entry("POST", "Observation", _about("Patient?identifier=http://x|1")), _entry("PUT", "Patient/p1", OTHER)
        ),
    )
    assert answer.status_code == 412, answer.text


async def test_a_refusal_within_a_batch_is_audited(fhir, client_of):
    reception = await client_of("reception")
    answer = await reception.post(
        "/", json=_bundle(_entry("GET", "Observation?code=x"), _entry("GET", "Observation/o1"), kind="batch")
    )
    assert [one["response"]["status"][:3] for one in answer.json()["entry"]] == ["403", "403"]
    assert (await fhir.get("/AuditEvent?outcome=4")).json()["total"] == 2


@pytest.mark.parametrize("headers", [{"If-None-Exist": "identifier=http://x|1"}])
async def test_a_condition_that_matches_several_is_audited(fhir, headers):
    for _ in range(2):
        await fhir.post("/Patient", json=PATIENT)
    assert (await fhir.post("/Patient", json=PATIENT, headers=headers)).status_code == 412
    assert (await fhir.get("/AuditEvent?outcome=4")).json()["total"] == 1


@pytest.mark.parametrize(("kind", "status"), [("batch", 200), ("transaction", 400)])
async def test_a_patch_in_a_binary_that_is_no_json_is_refused(fhir, kind, status):
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1"})
    text = (
        '{"resourceType":"Bundle","type":"%s","entry":[{"request":{"method":"PATCH","url":"Patient/p1"},"resource":'
        '{"resourceType":"Binary","contentType":"x","contentType":"application/json-patch+json","data":"W10="}}]}'
    )
    answer = await fhir.post("/", content=text % kind, headers={"content-type": "application/fhir+json"})
    assert answer.status_code == status
    assert "twice" in answer.text


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_the_answers_of_a_bundle_together_have_a_limit(fhir, store, kind):
    store.limits = replace(store.limits, body_bytes_max=100_000)
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1", "name": [{"text": "x" * 30_000}]})
    few, many = [
        await fhir.post("/", json=_bundle(*[_entry("GET", "Patient/p1")] * count, kind=kind)) for count in (3, 6)
    ]
    assert few.status_code == 200
    if kind == "transaction":
        assert many.status_code == 413
    else:
        assert [one["response"]["status"][:3] for one in many.json()["entry"]] == ["200"] * 4 + ["413"] * 2


async def test_the_path_of_a_refused_request_cannot_write_into_its_audit_event(fhir, client_of):
    admin = await client_of("admin")
    refused = await admin.get("/Patient/a%22}},{%22what%22:{%22display%22:%22framed")
    assert refused.status_code == 403
    found = (await fhir.get("/AuditEvent?outcome=4")).json()["entry"][0]["resource"]
    assert [one["what"] for one in found["entity"]] == [{"reference": 'Patient/a"}},{"what":{"display":"framed'}]


async def test_entity_tags_are_compared_weakly_on_reading(fhir):
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1"})
    for tag, status in (('W/"1"', 304), ('"1"', 304), ('"2", "1"', 304), ('"2"', 200), ("1", 200)):
        assert (await fhir.get("/Patient/p1", headers={"If-None-Match": tag})).status_code == status, tag


async def test_what_a_client_says_of_itself_takes_little_room_in_the_audit(fhir):
    await fhir.put("/Patient/p1", json={**PATIENT, "id": "p1"})
    await fhir.get("/Patient/p1", headers={"X-Request-Id": "r" * 50_000})
    assert (await fhir.get("/Patient?name=" + "x" * 6_000)).status_code == 200
    found = await fhir.get("/AuditEvent")
    assert found.json()["total"] == 3
    assert all(len(str(one["resource"])) < 10_000 for one in found.json()["entry"])
