"""Bundles through the FHIR door: all or nothing, links resolved everywhere, the order of the specification."""

from __future__ import annotations

import pytest

URN = "urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff"
URN2 = "urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964fe"


def _bundle(*entries, kind="transaction"):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def _post(resource, url=URN, **request):
    return {
        "fullUrl": url,
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"], **request},
    }


PATIENT = {"resourceType": "Patient", "name": [{"text": "Thử"}]}


def _observation(reference):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": reference},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{reference}">p</a></div>',
        },
    }


async def test_links_between_entries_point_to_the_ids_given(fhir):
    answer = await fhir.post("/", json=_bundle(_post(_observation(URN), URN2), _post(PATIENT)))
    assert answer.status_code == 200, answer.text
    entries = answer.json()["entry"]
    assert [entry["response"]["status"] for entry in entries] == ["201 Created", "201 Created"]
    patient = "/".join(entries[1]["response"]["location"].split("/")[:2])
    observation = (await fhir.get("/" + "/".join(entries[0]["response"]["location"].split("/")[:2]))).json()
    assert observation["subject"]["reference"] == patient
    assert f'href="{patient}"' in observation["text"]["div"]


async def test_one_bad_entry_stops_all_of_them(fhir):
    answer = await fhir.post("/", json=_bundle(_post(PATIENT), _post({"resourceType": "Patient", "shoe": 1}, URN2)))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"][0].startswith("Bundle.entry[1].resource")
    assert (await fhir.get("/Patient?_summary=count")).json()["total"] == 0


async def test_a_link_to_no_entry_is_refused(fhir):
    answer = await fhir.post("/", json=_bundle(_post(_observation(URN), URN2)))
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (
        400,
        ["Bundle.entry[0].resource.subject.reference"],
    )


async def test_conditional_references_find_what_the_bundle_itself_stores(fhir):
    patient = {**PATIENT, "identifier": [{"system": "http://x", "value": "1"}]}
    observation = _observation("Patient?identifier=http://x|1")
    del observation["text"]
    answer = await fhir.post("/", json=_bundle(_post(observation, URN2), _post(patient)))
    assert answer.status_code == 200, answer.text
    entries = answer.json()["entry"]
    observation = (await fhir.get("/" + "/".join(entries[0]["response"]["location"].split("/")[:2]))).json()
    assert entries[1]["response"]["location"].startswith(observation["subject"]["reference"])


async def test_conditional_references_find_what_is_here_and_fail_on_none(fhir):
    patient = {**PATIENT, "identifier": [{"system": "http://x", "value": "1"}]}
    stored = (await fhir.post("/Patient", json=patient)).json()
    one = _observation("Patient?identifier=http://x|1")
    assert (await fhir.post("/", json=_bundle(_post(one)))).status_code == 200
    found = (await fhir.get(f"/Observation?subject=Patient/{stored['id']}")).json()
    assert len(found["entry"]) == 1
    none = _observation("Patient?identifier=http://x|2")
    assert (await fhir.post("/", json=_bundle(_post(none)))).status_code == 412


async def test_deletes_come_first_and_reads_last(fhir):
    await fhir.put("/Patient/a", json={**PATIENT, "id": "a"})
    bundle = _bundle(
        {"request": {"method": "GET", "url": "Patient/b"}},
        {"resource": {**PATIENT, "id": "b"}, "request": {"method": "PUT", "url": "Patient/b"}},
        {"request": {"method": "DELETE", "url": "Patient/a"}},
    )
    answer = await fhir.post("/", json=bundle)
    assert answer.status_code == 200, answer.text
    entries = answer.json()["entry"]
    assert entries[0]["resource"]["id"] == "b"
    assert [entry["response"]["status"] for entry in entries] == ["200 OK", "201 Created", "204 No Content"]


async def test_one_resource_is_not_written_twice(fhir):
    entry = {"resource": {**PATIENT, "id": "b"}, "request": {"method": "PUT", "url": "Patient/b"}}
    assert (await fhir.post("/", json=_bundle(entry, entry))).status_code == 400


async def test_if_none_exist_in_a_bundle_reuses_the_match(fhir):
    patient = {**PATIENT, "identifier": [{"system": "http://x", "value": "1"}]}
    entries = (_post(patient, ifNoneExist="identifier=http://x|1"), _post(_observation(URN), URN2))
    first = (await fhir.post("/", json=_bundle(*entries))).json()
    second = (await fhir.post("/", json=_bundle(*entries))).json()
    assert second["entry"][0]["response"]["status"] == "200 OK"
    assert first["entry"][0]["response"]["location"] == second["entry"][0]["response"]["location"]
    assert (await fhir.get("/Patient?_summary=count")).json()["total"] == 1


async def test_each_entry_of_a_batch_stands_for_itself(fhir):
    answer = await fhir.post(
        "/",
        json=_bundle(
            _post(PATIENT),
            _post({"resourceType": "Patient", "shoe": 1}, URN2),
            {"request": {"method": "GET", "url": "Patient/none"}},
            kind="batch",
        ),
    )
    assert answer.status_code == 200
    statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
    assert statuses == ["201", "422", "404"]


@pytest.mark.parametrize("count, status", [(5000, 200), (5001, 413)])
async def test_a_bundle_has_at_most_five_thousand_entries(fhir, count, status):
    entries = [
        {"resource": {"resourceType": "Basic", "code": {"text": "x"}}, "request": {"method": "POST", "url": "Basic"}}
        for _ in range(count)
    ]
    assert (await fhir.post("/", json=_bundle(*entries))).status_code == status


async def test_a_search_among_the_entries_sees_what_the_others_stored(fhir):
    patient = {**PATIENT, "identifier": [{"system": "http://x", "value": "1"}]}
    wanted = {"request": {"method": "GET", "url": "Patient?identifier=http://x|1"}}
    answer = await fhir.post("/", json=_bundle(wanted, _post(patient)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["entry"][0]["resource"]["total"] == 1
    wrong = {"request": {"method": "GET", "url": "Patient?shoe=1"}}
    assert (await fhir.post("/", json=_bundle(wrong, _post(PATIENT)))).status_code == 400
    assert (await fhir.get("/Patient?_summary=count")).json()["total"] == 1
