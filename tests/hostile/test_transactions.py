"""Hostile bundles, as transactions and as batches: refused with the entry's place, and nothing is stored."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from conftest_hostile import JSON, NEW, PATIENT, Ask, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


def bundle(
    name: str, entries: Any, *words: str, kind: Any = "transaction", status: tuple[int, ...] = (400, 422), **more: Any
) -> Ask:
    body = {"resourceType": "Bundle", "type": kind, "entry": entries, **more}
    return Ask(name, "POST", "", json.dumps(body).encode(), JSON, status, (), words)


def entry(method: str = "POST", url: str = "Patient", one: Any = None, full_url: str = "", **request: Any) -> dict:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if one is not None:
        made["resource"] = one
    if full_url:
        made["fullUrl"] = full_url
    return made


LOOP = [
    entry(
        "POST",
        "Patient",
        {"resourceType": "Patient", "generalPractitioner": [{"reference": "urn:uuid:none"}]},
        "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
    )
]
BUNDLES = [
    bundle("a bundle of another type", [], "type", kind="document"),
    bundle("a bundle of type null", [], "type", kind=None),
    bundle("a bundle of type list", [], "type", kind=["transaction"]),
    bundle("entries as an object", {"a": 1}),
    bundle("entries of strings", ["a"]),
    bundle("an entry of nothing", [{}], "Bundle.entry[0]"),
    bundle("a request of a string", [{"request": "POST Patient"}], "Bundle.entry[0]"),
    bundle("a request without method", [{"request": {"url": "Patient"}, "resource": NEW}], "Bundle.entry[0]", "method"),
    bundle("an unknown method", [entry("DROP", "Patient", NEW)], "Bundle.entry[0]", "method"),
    bundle("a method in lower case", [entry("post", "Patient", NEW)], "Bundle.entry[0]", "method"),
    bundle("a method of a list", [entry(["POST"], "Patient", NEW)], "Bundle.entry[0]"),  # type: ignore[arg-type]
    bundle("no url", [entry("POST", "", NEW)], "Bundle.entry[0]", "url"),
    bundle("a url of a number", [{"request": {"method": "POST", "url": 1}, "resource": NEW}], "Bundle.entry[0]"),
    bundle("a url of SQL", [entry("POST", "'; drop table version", NEW)], "Bundle.entry[0]"),
    bundle("a url that climbs", [entry("PUT", "../../etc/passwd", NEW)], "Bundle.entry[0]"),
    bundle("a url elsewhere", [entry("POST", "http://169.254.169.254/latest", NEW)], "Bundle.entry[0]"),
    bundle("an operation", [entry("POST", "Patient/$match", NEW)], "Bundle.entry[0]"),
    bundle("a history", [entry("GET", "Patient/an/_history")], "Bundle.entry[0]"),
    bundle("a POST without a resource", [entry("POST", "Patient")], "Bundle.entry[0]", "resource"),
    bundle("a resource of a string", [entry("POST", "Patient", "x")], "Bundle.entry[0]"),
    bundle(
        "a resource of null", [{"request": {"method": "POST", "url": "Patient"}, "resource": None}], "Bundle.entry[0]"
    ),
    bundle("a resource of another type", [entry("POST", "Observation", NEW)], "Observation"),
    bundle("an id of 65", [entry("PUT", "Patient/" + "a" * 65, NEW)], "Bundle.entry[0]"),
    bundle("an id with NUL", [entry("PUT", "Patient/a%00", NEW)], "Bundle.entry[0]"),
    bundle("a body with another id", [entry("PUT", "Patient/x", {**NEW, "id": "y"})], "Bundle.entry[0]"),
    bundle(
        "two writes of one id",
        [entry("PUT", "Patient/x", {**NEW, "id": "x"}), entry("PUT", "Patient/x", {**NEW, "id": "x"})],
        "Bundle.entry[1]",
    ),
    bundle(
        "a write and a delete of one id",
        [entry("PUT", "Patient/an", PATIENT), entry("DELETE", "Patient/an")],
        "Patient/an",
    ),
    bundle(
        "two fullUrls alike",
        [entry("POST", "Patient", NEW, "urn:uuid:1"), entry("POST", "Patient", NEW, "urn:uuid:1")],
        "urn:uuid:1",
    ),
    bundle("a link to no entry", LOOP, "urn:uuid:none"),
    bundle(
        "one bad among good ones",
        [
            entry("POST", "Patient", NEW),
            entry("POST", "Patient", {**NEW, "gender": "x"}),
            entry("POST", "Patient", NEW),
        ],
        "Bundle.entry[1].resource.gender",
    ),
    bundle(
        "a conditional reference that matches nothing",
        [
            entry(
                "POST",
                "Observation",
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "x"},
                    "subject": {"reference": "Patient?identifier=http://x|none"},
                },
            )
        ],
        "matches nothing",
        status=(412,),
    ),
    bundle(
        "a conditional reference that matches all",
        [
            entry(
                "POST",
                "Observation",
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "x"},
                    "subject": {"reference": "Patient?_id:missing=false"},
                },
            )
        ],
        status=(400, 412),
    ),
    bundle(
        "a conditional reference that matches several",
        [
            entry(
                "POST",
                "Observation",
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "x"},
                    "subject": {"reference": "Patient?name:contains=HTEST"},
                },
            )
        ],
        "several",
        status=(412,),
    ),
    bundle(
        "a conditional reference of SQL",
        [
            entry(
                "POST",
                "Observation",
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "x"},
                    "subject": {"reference": "Patient?identifier=' or 1=1 --"},
                },
            )
        ],
        status=(412,),
    ),
    bundle(
        "a conditional reference without a condition",
        [
            entry(
                "POST",
                "Observation",
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "x"},
                    "subject": {"reference": "Patient?"},
                },
            )
        ],
        status=(400, 412),
    ),
    bundle("a condition that nobody knows", [entry("POST", "Patient", NEW, ifNoneExist="shoe=1")], "shoe"),
    bundle("a condition with NUL", [entry("POST", "Patient", NEW, ifNoneExist="identifier=a%00b")]),
    bundle("a condition of a number", [entry("POST", "Patient", NEW, ifNoneExist=1)], "ifNoneExist"),
    bundle("a delete of everything", [entry("DELETE", "Patient?name:contains=HTEST")], status=(412,)),
    bundle("a delete without id", [entry("DELETE", "Patient")], "Bundle.entry[0]"),
    bundle("an ifMatch of rubbish", [entry("PUT", "Patient/an", PATIENT, ifMatch="x")], "Bundle.entry[0]"),
    bundle("an ifMatch of another version", [entry("PUT", "Patient/an", PATIENT, ifMatch='W/"9"')], status=(412,)),
    bundle("a patch of a Patient", [entry("PATCH", "Patient/an", NEW)], "Binary"),
    bundle(
        "a patch of bad base64",
        [
            entry(
                "PATCH",
                "Patient/an",
                {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "###"},
            )
        ],
        "base64",
    ),
    bundle(
        "a patch of the id in a bundle",
        [
            entry(
                "PATCH",
                "Patient/an",
                {
                    "resourceType": "Binary",
                    "contentType": "application/json-patch+json",
                    "data": base64.b64encode(b'[{"op":"replace","path":"/id","value":"x"}]').decode(),
                },
            )
        ],
    ),
    bundle("5,001 entries", [{}] * 5001, "5000", status=(400, 413)),
    bundle("a transaction in a transaction", [entry("POST", "", {"resourceType": "Bundle", "type": "transaction"})]),
    bundle(
        "a transaction at the root in a transaction",
        [entry("POST", "/", {"resourceType": "Bundle", "type": "transaction"})],
    ),
    bundle("an unknown member of the bundle", [entry("GET", "Patient/nobody")], status=(404, 400), shoe=1),
    bundle(
        "a read of nobody",
        [entry("GET", "Patient/nobody"), entry("POST", "Patient", NEW)],
        "Bundle.entry[0]",
        status=(404,),
    ),
    bundle("a search that is bad", [entry("POST", "Patient", NEW), entry("GET", "Patient?shoe=1")], "shoe"),
    bundle(
        "an audit event changed",
        [entry("PUT", "AuditEvent/x", {"resourceType": "AuditEvent", "id": "x"})],
        status=(403, 422),
    ),
    bundle(
        "10,000 references to nothing",
        [
            entry(
                "POST",
                "Group",
                {
                    "resourceType": "Group",
                    "type": "person",
                    "actual": True,
                    "member": [{"entity": {"reference": f"urn:uuid:{number}"}} for number in range(10_000)],
                },
            )
        ],
        "urn:uuid:0",
    ),
]


@pytest.mark.parametrize("ask", BUNDLES, ids=lambda ask: ask.name)
async def test_a_bad_transaction_changes_nothing_and_names_the_entry(world: World, ask: Ask) -> None:
    await world.refuse(ask)


INDEPENDENT = (
    "a link to no entry",
    "10,000 references to nothing",
    "a conditional reference",
)  # entries of a batch do not know each other


async def test_a_batch_of_hostile_entries_answers_each_and_changes_nothing(world: World) -> None:
    """Each of the bad transactions' entries as an entry of a batch: 200 for the batch, a refusal for the entry."""
    for ask in BUNDLES:
        body = json.loads(ask.content)  # type: ignore[arg-type]
        if (
            ask.name.startswith(INDEPENDENT)
            or not isinstance(body["entry"], list)
            or len(body["entry"]) != 1
            or body["type"] != "transaction"
        ):
            continue
        body["type"] = "batch"
        answer = await world.send(Ask(ask.name, "POST", "", json.dumps(body).encode(), JSON))
        assert answer.status_code in (200, 400), f"{ask.name}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code == 200:
            said = answer.json()["entry"][0]["response"]
            fine = said["status"].startswith(("2", "4"))
            assert fine, f"{ask.name}: {said}"
            assert said["status"].startswith("2") or said["outcome"]["resourceType"] == "OperationOutcome", ask.name


async def test_bundles_in_bundles_in_bundles_are_refused_or_end(world: World) -> None:
    inner: dict[str, Any] = {"resourceType": "Bundle", "type": "batch", "entry": [entry("GET", "Patient/an")]}
    for _ in range(10):
        inner = {"resourceType": "Bundle", "type": "batch", "entry": [entry("POST", "/", inner)] * 2}
    answer = await world.send(Ask("nested batches", "POST", "", json.dumps(inner).encode(), JSON))
    assert answer.status_code in (200, 400), answer.text[:300]
    if answer.status_code == 200:
        assert {one["response"]["status"][:3] for one in answer.json()["entry"]} <= {"400", "404", "405", "413", "422"}
