"""Each role through the door: what it may read and store, and what it may not. The table is stated here once more."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.identity import roles, tokens
from lienmach.record import access, conditional, write

SAMPLES: dict[str, dict[str, Any]] = {
    "Patient": {"name": [{"text": "HTEST"}]},
    "Observation": {"status": "final", "code": {"text": "x"}},
    "Claim": {
        "status": "active",
        "type": {"text": "x"},
        "use": "claim",
        "patient": {"reference": "Patient/x"},
        "created": "2024-01-01",
        "provider": {"display": "x"},
        "priority": {"text": "x"},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "x"}}],
    },
    "MedicationDispense": {"status": "completed", "medicationCodeableConcept": {"text": "x"}},
    "Organization": {"name": "x"},
    "Task": {"status": "draft", "intent": "order"},
    "Consent": {"status": "draft", "scope": {"text": "x"}, "category": [{"text": "x"}], "policyRule": {"text": "x"}},
    "AuditEvent": {
        "type": {"code": "rest"},
        "recorded": "2024-01-01T00:00:00Z",
        "agent": [{"requestor": True}],
        "source": {"observer": {"display": "x"}},
    },
}
READS = {
    "system": "Patient Observation Claim MedicationDispense Organization Task Consent AuditEvent",
    "admin": "Organization",
    "reception": "Patient Organization Task Consent",
    "doctor": "Patient Observation Claim MedicationDispense Organization Task Consent AuditEvent",
    "nurse": "Patient Observation Claim MedicationDispense Organization Task Consent",
    "lab": "Patient Observation MedicationDispense Organization Task Consent",
    "lab_head": "Patient Observation MedicationDispense Organization Task Consent",
    "imaging": "Patient Observation MedicationDispense Organization Task Consent",
    "pharmacist": "Patient Observation MedicationDispense Organization Task Consent",
    "retail": "Patient MedicationDispense Organization",
    "cashier": "Patient Claim MedicationDispense Organization Task Consent",
    "insurance": "Patient Observation Claim MedicationDispense Organization Task Consent",
    "director": "Patient Observation Claim MedicationDispense Organization Task Consent AuditEvent",
    "dpo": "Patient Organization Task Consent AuditEvent",
    "visitor": "Organization",
    "department": "Organization",
    "citizen": "",
}
WRITES = {
    "system": "Patient Observation Claim MedicationDispense Organization Task Consent AuditEvent",
    "admin": "Organization",
    "reception": "Patient Task Consent",
    "doctor": "Patient Observation Claim MedicationDispense Task Consent",
    "nurse": "Patient Observation Claim MedicationDispense Task Consent",
    "lab": "Observation Task",
    "lab_head": "Observation Task",
    "imaging": "Observation Task",
    "pharmacist": "MedicationDispense Task",
    "retail": "MedicationDispense",
    "cashier": "Claim Task",
    "insurance": "Claim Task",
    "director": "Task",
    "dpo": "Consent Task",
    "visitor": "",
    "department": "",
    "citizen": "",
}


def test_the_table_of_this_test_names_every_role() -> None:
    assert set(READS) == set(WRITES) == set(access.GRANTS)


@pytest.mark.parametrize("role", [one for one in READS if one not in roles.WITHOUT_ACCOUNT])  # they get no token
async def test_a_role_reads_and_stores_what_it_needs_and_nothing_else(fhir: Any, client_of: Any, role: str) -> None:
    client = await client_of(role)
    for kind, body in SAMPLES.items():
        stored = await fhir.post(f"/{kind}", json={"resourceType": kind, **body})
        assert stored.status_code == 201, stored.text
        url = f"/{kind}/{stored.json()['id']}"
        may = kind in READS[role].split()
        for path in (
            url,
            f"{url}/_history/1",
            f"{url}/_history",
            f"/{kind}/_history",
            f"/{kind}?_id={stored.json()['id']}",
        ):
            answer = await client.get(path)
            assert answer.status_code == (200 if may else 403), f"{role} {path}: {answer.status_code}"
            if not may:
                assert (
                    answer.json()["issue"][0]["code"] == "forbidden"
                    and kind in answer.json()["issue"][0]["diagnostics"]
                )
        listed = (await client.get(f"?_id={stored.json()['id']}&_total=accurate")).json()
        assert listed["total"] == (1 if may else 0), f"{role} {kind}"
        changed = {"resourceType": kind, "id": stored.json()["id"], **body}
        may = kind in WRITES[role].split()
        assert (await client.post(f"/{kind}", json={"resourceType": kind, **body})).status_code == (
            201 if may else 403
        ), (role, kind)
        fixed = kind == "AuditEvent"
        assert (await client.put(url, json=changed)).status_code == (200 if may and not fixed else 403), (role, kind)
        deletes = may and not fixed and role in ("system", "admin")  # people mark as entered in error
        assert (await client.delete(url)).status_code == (204 if deletes else 403), (role, kind)


async def test_a_refusal_stores_nothing_and_is_found_by_the_auditor(fhir: Any, client_of: Any) -> None:
    desk, auditor = await client_of("reception"), await client_of("dpo")
    body = {"resourceType": "Observation", **SAMPLES["Observation"]}
    assert (await desk.post("/Observation", json=body)).status_code == 403
    assert (await fhir.get("/Observation?_summary=count")).json()["total"] == 0
    found = (await auditor.get("/AuditEvent?outcome=4")).json()["entry"]
    assert [entry["resource"]["subtype"][0]["code"] for entry in found] == ["create"]


async def test_a_transaction_with_one_entry_that_is_refused_is_refused_whole(fhir: Any, client_of: Any) -> None:
    desk = await client_of("reception")
    entries = [
        {"resource": {"resourceType": kind, **SAMPLES[kind]}, "request": {"method": "POST", "url": kind}}
        for kind in ("Patient", "Observation")
    ]
    answer = await desk.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 403
    assert (await fhir.get("/Patient?_summary=count")).json()["total"] == 0
    answer = await desk.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["201", "403"]


async def test_a_chain_through_what_a_role_may_not_read_tells_it_nothing(fhir: Any, client_of: Any) -> None:
    lab = await client_of("lab")
    await fhir.post("/Claim", json={"resourceType": "Claim", **SAMPLES["Claim"]})
    for query in ("/Task?_has:Claim:item-udi:status=active", "/Patient?_has:Claim:patient:status=active"):
        answer = await lab.get(query)
        assert answer.status_code in (200, 400, 403) and not answer.json().get("entry"), answer.text[:200]


async def test_a_condition_on_what_a_role_may_not_read_is_refused(store: Any, monkeypatch: Any) -> None:
    """A conditional create by a role that may store but not read a type must not say whether there is one."""
    monkeypatch.setitem(access.GRANTS, "scribe", access.Grant("Patient", "Task", "TREAT"))
    scribe = Actor(1, "x", frozenset(["scribe"]))
    body = b'{"resourceType":"Task","status":"draft","intent":"order"}'
    await store.run(scribe, lambda tx: write.create(tx, body))
    with pytest.raises(errors.Refused):
        await store.run(scribe, lambda tx: conditional.create(tx, "Task", body, "status=draft"))


async def test_a_purpose_that_a_role_does_not_serve_gives_no_right(fhir: Any, client_of: Any, store: Any) -> None:
    await fhir.put("/Patient/x", json={"resourceType": "Patient", "id": "x", "name": [{"text": "HTEST"}]})
    cashier = await client_of("cashier")
    assert (await cashier.get("/Patient/x")).status_code == 200
    token = await tokens.issue(store.pool, 1, role_names=["cashier"], user="x", now=clock.now(), purpose="HRESCH")
    answer = await cashier.get("/Patient/x", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403
