"""read, vread, create, update, delete and their headers through the FHIR door (FHIR R4 http.html)."""

from __future__ import annotations

import json

PATIENT = {"resourceType": "Patient", "name": [{"text": "Đặng Thị Đường"}], "gender": "female"}


async def _created(fhir):
    answer = await fhir.post("/Patient", json=PATIENT)
    assert answer.status_code == 201
    return answer


async def test_a_create_answers_201_with_location_etag_and_the_resource(fhir):
    answer = await _created(fhir)
    stored = answer.json()
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"].endswith(f"/fhir/Patient/{stored['id']}/_history/1")
    assert stored["meta"]["versionId"] == "1"
    again = await fhir.get(f"/Patient/{stored['id']}")
    assert (again.status_code, again.content) == (200, answer.content)


async def test_a_client_that_has_the_version_gets_304(fhir):
    stored = (await _created(fhir)).json()
    url = f"/Patient/{stored['id']}"
    answer = await fhir.get(url, headers={"if-none-match": 'W/"1"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (await fhir.get(url, headers={"if-none-match": 'W/"2"'})).status_code == 200
    modified = (await fhir.get(url)).headers["last-modified"]
    assert (await fhir.get(url, headers={"if-modified-since": modified})).status_code == 304
    assert (await fhir.get(url, headers={"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"})).status_code == 200


async def test_if_match_guards_an_update(fhir):
    stored = (await _created(fhir)).json()
    url = f"/Patient/{stored['id']}"
    answer = await fhir.put(url, json={**stored, "active": True}, headers={"if-match": 'W/"7"'})
    assert (answer.status_code, answer.json()["resourceType"]) == (412, "OperationOutcome")
    answer = await fhir.put(url, json={**stored, "active": True}, headers={"if-match": 'W/"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')


async def test_if_none_match_any_guards_what_is_there(fhir):
    body = {**PATIENT, "id": "mine"}
    assert (await fhir.put("/Patient/mine", json=body, headers={"if-none-match": "*"})).status_code == 201
    assert (await fhir.put("/Patient/mine", json=body, headers={"if-none-match": "*"})).status_code == 412
    assert (await fhir.put("/Patient/mine", json=body, headers={"if-match": "*"})).status_code == 200
    other = {**PATIENT, "id": "other"}
    assert (await fhir.put("/Patient/other", json=other, headers={"if-match": "*"})).status_code == 412


async def test_an_update_creates_where_the_id_is_free(fhir):
    answer = await fhir.put("/Patient/mine", json={**PATIENT, "id": "mine"})
    assert answer.status_code == 201
    assert (await fhir.put("/Patient/mine", json={**PATIENT, "id": "mine"})).status_code == 200


async def test_the_id_of_url_and_body_must_agree(fhir):
    answer = await fhir.put("/Patient/mine", json={**PATIENT, "id": "other"})
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["Patient.id"])


async def test_prefer_chooses_what_comes_back(fhir):
    minimal = await fhir.post("/Patient", json=PATIENT, headers={"prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    outcome = await fhir.post("/Patient", json=PATIENT, headers={"prefer": "return=OperationOutcome"})
    assert outcome.json()["resourceType"] == "OperationOutcome"


async def test_a_deleted_resource_answers_410_and_deleting_again_204(fhir):
    url = f"/Patient/{(await _created(fhir)).json()['id']}"
    assert (await fhir.delete(url)).status_code == 204
    assert (await fhir.get(url)).status_code == 410
    assert (await fhir.delete(url)).status_code == 204
    assert (await fhir.get(f"{url}/_history/1")).status_code == 200
    assert (await fhir.get(f"{url}/_history/2")).status_code == 410
    kinds = [entry["request"]["method"] for entry in (await fhir.get(f"{url}/_history")).json()["entry"]]
    assert kinds == ["DELETE", "POST"]


async def test_pretty_lays_out_and_keeps_the_digits(fhir):
    body = b'{"resourceType":"Basic","id":"b","code":{"text":"x"},"extension":[{"url":"http://x","valueDecimal":1.50}]}'
    answer = await fhir.put("/Basic/b", content=body, headers={"content-type": "application/fhir+json"})
    assert answer.status_code == 201, answer.text
    pretty = await fhir.get("/Basic/b?_pretty=true")
    assert b'"valueDecimal": 1.50' in pretty.content
    assert json.loads(pretty.content) == answer.json()


async def test_formats_that_we_do_not_speak_are_refused(fhir):
    stored = (await _created(fhir)).json()
    url = f"/Patient/{stored['id']}"
    assert (await fhir.get(f"{url}?_format=xml")).status_code == 406
    assert (await fhir.get(f"{url}?_format=json")).status_code == 200
    assert (await fhir.get(url, headers={"accept": "application/fhir+xml"})).status_code == 406
    assert (
        await fhir.post("/Patient", content=b"<Patient/>", headers={"content-type": "application/fhir+xml"})
    ).status_code == 415


async def test_without_a_token_nobody_is_there(fhir):
    for headers in ({"authorization": ""}, {"authorization": "Bearer lm_unknown"}, {"authorization": "Basic eDp5"}):
        answer = await fhir.get("/Patient/x", headers=headers)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login")


async def test_what_does_not_exist_is_said_by_name(fhir):
    assert (await fhir.get("/Shoe/1")).status_code == 404
    assert (await fhir.get("/Patient/1/$everything")).status_code == 404
    assert (await fhir.post("/Patient/1", json=PATIENT)).status_code == 405
    assert (await fhir.get("/Patient/none")).status_code == 404


async def test_json_patch_changes_the_current_version(fhir):
    stored = (await _created(fhir)).json()
    url = f"/Patient/{stored['id']}"
    answer = await fhir.patch(
        url,
        content=json.dumps([{"op": "replace", "path": "/gender", "value": "other"}]),
        headers={"content-type": "application/json-patch+json"},
    )
    assert (answer.status_code, answer.json()["gender"], answer.headers["etag"]) == (200, "other", 'W/"2"')
    answer = await fhir.patch(
        url,
        content=json.dumps([{"op": "replace", "path": "/gender", "value": "none"}]),
        headers={"content-type": "application/json-patch+json"},
    )
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (422, ["Patient.gender"])


async def test_conditional_interactions_find_none_one_or_several(fhir):
    body = {**PATIENT, "identifier": [{"system": "http://x", "value": "1"}]}
    first = await fhir.post("/Patient", json=body, headers={"if-none-exist": "identifier=http://x|1"})
    second = await fhir.post("/Patient", json=body, headers={"if-none-exist": "identifier=http://x|1"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    updated = await fhir.put("/Patient?identifier=http://x|1", json={**body, "active": True})
    assert (updated.status_code, updated.json()["id"]) == (200, first.json()["id"])
    await fhir.post("/Patient", json=body)
    assert (await fhir.put("/Patient?identifier=http://x|1", json=body)).status_code == 412
    assert (await fhir.delete("/Patient?identifier=http://x|1")).status_code == 412
    assert (await fhir.delete("/Patient?identifier=http://x|2")).status_code == 204


async def test_every_access_leaves_an_audit_event_that_names_the_person(fhir):
    stored = (await _created(fhir)).json()
    await fhir.get(f"/Patient/{stored['id']}")
    found = (await fhir.get(f"/AuditEvent?patient=Patient/{stored['id']}")).json()
    codes = [entry["resource"]["subtype"][0]["code"] for entry in found["entry"]]
    assert sorted(codes) == ["create", "read"]
    for entry in found["entry"]:
        event = entry["resource"]
        assert event["entity"][0]["what"]["reference"] == f"Patient/{stored['id']}"
        assert any(agent["requestor"] for agent in event["agent"])


async def test_what_was_refused_is_audited_too(fhir, client_of):
    reception = await client_of("reception")
    stored = (
        await fhir.post("/Observation", json={"resourceType": "Observation", "status": "final", "code": {"text": "x"}})
    ).json()
    assert (await reception.get(f"/Observation/{stored['id']}")).status_code == 403
    found = (await fhir.get("/AuditEvent?outcome=4")).json()
    assert len(found["entry"]) == 1


async def test_audit_events_are_neither_changed_nor_deleted(fhir):
    await _created(fhir)
    event = (await fhir.get("/AuditEvent")).json()["entry"][0]["resource"]
    assert (await fhir.put(f"/AuditEvent/{event['id']}", json=event)).status_code == 403
    assert (await fhir.delete(f"/AuditEvent/{event['id']}")).status_code == 403
