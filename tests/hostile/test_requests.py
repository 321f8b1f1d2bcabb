"""Hostile patches, bundles, headers, methods and content types: refused in words, and nothing is stored."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from conftest_hostile import Ask, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/fhir+json"}
PATCH = {"content-type": "application/json-patch+json"}
PATIENT = {"resourceType": "Patient", "id": "an", "name": [{"text": "HTEST An"}]}
ANY_REFUSAL = (400, 404, 405, 406, 409, 412, 413, 415, 422)


def patch(name: str, operations: Any, *words: str, status: tuple[int, ...] = (400, 422)) -> Ask:
    content = operations if isinstance(operations, bytes) else json.dumps(operations).encode()
    return Ask(name, "PATCH", "/Patient/an", content, PATCH, status, (), words)


PATCHES = [
    patch("a patch of no JSON", b"{"),
    patch("a patch that is an object", {"op": "add"}),
    patch("a patch of strings", ["add"]),
    patch("a patch without op", [{"path": "/gender", "value": "male"}]),
    patch("a patch of an unknown op", [{"op": "drop", "path": "/gender"}], "drop"),
    patch("a patch without path", [{"op": "add", "value": 1}], "path"),
    patch("a patch without value", [{"op": "add", "path": "/gender"}], "value"),
    patch("a patch with a path that is no pointer", [{"op": "add", "path": "gender", "value": "male"}]),
    patch("a patch with a path of a number", [{"op": "add", "path": 1, "value": "male"}], "path"),
    patch("a patch with a bad escape", [{"op": "add", "path": "/~2", "value": "male"}]),
    patch("a patch of nothing there", [{"op": "replace", "path": "/photo/0/data", "value": "x"}]),
    patch("a patch far behind a list", [{"op": "add", "path": "/name/999999999", "value": {"text": "x"}}]),
    patch("a patch at a negative place", [{"op": "add", "path": "/name/-1", "value": {"text": "x"}}]),
    patch("a patch at place 00", [{"op": "replace", "path": "/name/00", "value": {"text": "x"}}]),
    patch("a patch of a member of a string", [{"op": "add", "path": "/birthDate/0", "value": "x"}]),
    patch("a patch that removes everything", [{"op": "remove", "path": ""}]),
    patch("a patch that replaces everything by a list", [{"op": "replace", "path": "", "value": []}]),
    patch(
        "a patch that replaces everything by another type",
        [{"op": "replace", "path": "", "value": {"resourceType": "Basic", "id": "an"}}],
    ),
    patch("a patch of the type", [{"op": "replace", "path": "/resourceType", "value": "Basic"}], "resourceType"),
    patch("a patch of the id", [{"op": "replace", "path": "/id", "value": "other"}], "id"),
    patch("a patch that removes the type", [{"op": "remove", "path": "/resourceType"}], "resourceType"),
    patch("a patch that moves into itself", [{"op": "move", "from": "/name", "path": "/name/0/extension"}]),
    patch("a patch that moves the root into itself", [{"op": "move", "from": "", "path": "/name"}]),
    patch("a patch that copies the root into itself", [{"op": "copy", "from": "", "path": "/contained"}]),
    patch(
        "a patch that doubles itself 40 times",
        [{"op": "add", "path": "/extension", "value": [{"url": "http://x", "valueString": "x" * 100}]}]
        + [{"op": "copy", "from": "/extension", "path": "/extension/-"}] * 40,
    ),
    patch(
        "a patch that doubles a member 40 times",
        [{"op": "add", "path": "/a", "value": {"x": "y"}}]
        + [{"op": "copy", "from": "/a", "path": f"/a/{'b' * number}"} for number in range(1, 40)],
    ),
    patch(
        "a patch that nests 1,000 deep",
        [{"op": "add", "path": "/a", "value": {}}]
        + [{"op": "add", "path": "/a" * number, "value": {}} for number in range(2, 1000)],
    ),
    patch("a patch with a value 200 deep", b'[{"op":"add","path":"/a","value":' + b"[" * 200 + b"]" * 200 + b"}]"),
    patch(
        "a patch of 10,000 operations",
        [{"op": "add", "path": "/active", "value": True}] * 10_000,
        "limit",
        status=(400, 413, 422),
    ),
    patch(
        "a failed test",
        [{"op": "test", "path": "/birthDate", "value": "2000"}, {"op": "replace", "path": "/gender", "value": "male"}],
        status=(409, 412, 422),
    ),
    patch(
        "true tested against 1",
        [{"op": "add", "path": "/active", "value": True}, {"op": "test", "path": "/active", "value": 1}],
        status=(409, 412, 422),
    ),
    patch(
        "a result that is not valid",
        [{"op": "replace", "path": "/birthDate", "value": "x"}],
        "Patient.birthDate",
        status=(422,),
    ),
    patch("a duplicate key in a patch", b'[{"op":"add","op":"remove","path":"/name"}]', "op"),
    patch("NaN in a patch", b'[{"op":"add","path":"/multipleBirthInteger","value":NaN}]'),
    patch("a lone surrogate in a patch", b'[{"op":"add","path":"/name/0/text","value":"\\ud800"}]'),
    patch("NUL in a path", b'[{"op":"add","path":"/a\\u0000","value":1}]'),
    Ask("a patch as JSON", "PATCH", "/Patient/an", b"[]", JSON, (415,), ("not-supported",), ("json-patch",)),
    Ask("a FHIRPath patch", "PATCH", "/Patient/an", b'{"resourceType":"Parameters"}', JSON, (415,)),
    Ask(
        "a merge patch",
        "PATCH",
        "/Patient/an",
        b'{"gender":"male"}',
        {"content-type": "application/merge-patch+json"},
        (415,),
    ),
    Ask("a patch of nobody", "PATCH", "/Patient/nobody", b"[]", PATCH, (404,), ("not-found",)),
    Ask("a patch of a guarded type", "PATCH", "/AuditEvent/x", b"[]", PATCH, (403, 404)),
    Ask("a patch of the type itself", "PATCH", "/Patient", b"[]", PATCH, (405,)),
]


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


NEW = {"resourceType": "Patient", "name": [{"text": "HTEST"}]}
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

HEADERS = [
    Ask(
        "If-Match of rubbish",
        "PUT",
        "/Patient/an",
        json.dumps(PATIENT).encode(),
        {**JSON, "if-match": "x"},
        (400,),
        (),
        ("If-Match",),
    ),
    Ask(
        "If-Match of SQL",
        "PUT",
        "/Patient/an",
        json.dumps(PATIENT).encode(),
        {**JSON, "if-match": 'W/"1\' or 1=1"'},
        (400,),
    ),
    Ask(
        "If-Match of 100 digits",
        "PUT",
        "/Patient/an",
        json.dumps(PATIENT).encode(),
        {**JSON, "if-match": f'W/"{"9" * 100}"'},
        (400, 412),
    ),
    Ask(
        "If-Match of two",
        "PUT",
        "/Patient/an",
        json.dumps(PATIENT).encode(),
        {**JSON, "if-match": 'W/"1", W/"2"'},
        (400,),
    ),
    Ask(
        "If-Match of another version",
        "PUT",
        "/Patient/an",
        json.dumps(PATIENT).encode(),
        {**JSON, "if-match": 'W/"7"'},
        (412,),
        ("conflict",),
    ),
    Ask(
        "If-Match of what is not there",
        "PUT",
        "/Patient/new",
        json.dumps({**PATIENT, "id": "new"}).encode(),
        {**JSON, "if-match": 'W/"1"'},
        (412,),
    ),
    Ask("If-Match on a delete", "DELETE", "/Patient/an", b"", {"if-match": 'W/"7"'}, (412,)),
    Ask(
        "If-Modified-Since of rubbish",
        "GET",
        "/Patient/an",
        b"",
        {"if-modified-since": "yesterday"},
        (400,),
        (),
        ("If-Modified-Since",),
    ),
    Ask(
        "If-Modified-Since of an absurd year",
        "GET",
        "/Patient/an",
        b"",
        {"if-modified-since": "Thu, 01 Jan 99999 00:00:00 GMT"},
        (400,),
    ),
    Ask(
        "If-None-Exist of an unknown parameter",
        "POST",
        "/Patient",
        json.dumps(NEW).encode(),
        {**JSON, "if-none-exist": "shoe=1"},
        (400,),
        ("not-supported",),
        ("shoe",),
    ),
    Ask(
        "If-None-Exist that matches several",
        "POST",
        "/Patient",
        json.dumps(NEW).encode(),
        {**JSON, "if-none-exist": "name:contains=HTEST"},
        (412,),
    ),
    Ask(
        "If-None-Exist of nothing", "POST", "/Patient", json.dumps(NEW).encode(), {**JSON, "if-none-exist": "?"}, (400,)
    ),
    Ask(
        "If-None-Exist with NUL",
        "POST",
        "/Patient",
        json.dumps(NEW).encode(),
        {**JSON, "if-none-exist": "identifier=%00"},
        (400,),
    ),
    Ask(
        "If-None-Exist of rubbish",
        "POST",
        "/Patient",
        json.dumps(NEW).encode(),
        {**JSON, "if-none-exist": "%ff%fe=1"},
        (400,),
    ),
    Ask(
        "If-None-Exist with 10,000 values",
        "POST",
        "/Patient",
        json.dumps(NEW).encode(),
        {**JSON, "if-none-exist": "name=" + ",".join(["x"] * 10_000)},
        (400, 413),
    ),
    Ask(
        "If-None-Exist with a result parameter",
        "POST",
        "/Patient",
        json.dumps(NEW).encode(),
        {**JSON, "if-none-exist": "_sort=shoe"},
        (400,),
    ),
    Ask("XML", "POST", "/Patient", b"<Patient/>", {"content-type": "application/fhir+xml"}, (415,), ("not-supported",)),
    Ask(
        "a form as a resource",
        "POST",
        "/Patient",
        b"a=b",
        {"content-type": "application/x-www-form-urlencoded"},
        (415,),
    ),
    Ask("multipart", "POST", "/Patient", b"x", {"content-type": "multipart/form-data; boundary=x"}, (415,)),
    Ask("a content type of 10,000 letters", "POST", "/Patient", b"{}", {"content-type": "x" * 10_000}, (415,)),
    Ask("no body", "POST", "/Patient", b"", JSON, (400,)),
    Ask("Accept of XML", "GET", "/Patient/an", b"", {"accept": "application/fhir+xml"}, (406,), ("not-supported",)),
    Ask("Accept of rubbish", "GET", "/Patient/an", b"", {"accept": "text/;;;,q=NaN"}, (406,)),
    Ask("_format of XML", "GET", "/Patient/an?_format=xml", b"", {}, (406,)),
    Ask("_format of SQL", "GET", "/Patient/an?_format=%27%3B%20drop%20table%20version", b"", {}, (406,)),
    Ask("a token of nobody", "GET", "/Patient/an", b"", {"authorization": "Bearer lm_nobody"}, (401,), ("login",)),
    Ask("a token of SQL", "GET", "/Patient/an", b"", {"authorization": "Bearer lm_' or 1=1 --"}, (401,), ("login",)),
    Ask("a token of 100 KB", "GET", "/Patient/an", b"", {"authorization": "Bearer lm_" + "x" * 100_000}, (401,)),
    Ask("no token", "GET", "/Patient/an", b"", {"authorization": ""}, (401,)),
    Ask("basic credentials", "GET", "/Patient/an", b"", {"authorization": "Basic eDp5"}, (401,)),
    Ask("a token in two parts", "GET", "/Patient/an", b"", {"authorization": "Bearer lm_a lm_b"}, (401,)),
    Ask("TRACE", "TRACE", "/Patient/an", b"", {}, (405,), ("not-supported",)),
    Ask("CONNECT", "CONNECT", "/Patient/an", b"", {}, (405,)),
    Ask("PROPFIND", "PROPFIND", "/Patient", b"", {}, (405,)),
    Ask("a method of 1,000 letters", "X" * 1000, "/Patient", b"", {}, (405,)),
    Ask("a method overridden", "POST", "/Patient/an", b"{}", {**JSON, "x-http-method-override": "DELETE"}, (405,)),
    Ask("PUT on a type", "PUT", "/Patient", json.dumps(NEW).encode(), JSON, (405,)),
    Ask("POST on an id", "POST", "/Patient/an", json.dumps(PATIENT).encode(), JSON, (405,)),
    Ask("DELETE on a type", "DELETE", "/Patient", b"", {}, (405,)),
    Ask("DELETE on the root", "DELETE", "", b"", {}, (405,)),
    Ask("DELETE on a history", "DELETE", "/Patient/an/_history", b"", {}, (405,)),
    Ask("DELETE on a version", "DELETE", "/Patient/an/_history/1", b"", {}, (405,)),
    Ask("PUT on a version", "PUT", "/Patient/an/_history/1", json.dumps(PATIENT).encode(), JSON, (405,)),
    Ask("DELETE of all by a condition", "DELETE", "/Patient?name:contains=HTEST", b"", {}, (412,)),
    Ask("DELETE by an unknown condition", "DELETE", "/Patient?shoe=1", b"", {}, (400,), ("not-supported",), ("shoe",)),
    Ask("DELETE by a result parameter alone", "DELETE", "/Patient?_sort=name", b"", {}, (400,), (), ("condition",)),
    Ask("DELETE by an empty value", "DELETE", "/Claim?identifier=", b"", {}, (400,), (), ("condition",)),
    Ask("PUT by an empty value", "PUT", "/Claim?identifier=", b'{"resourceType":"Claim"}', JSON, (400,)),
    Ask(
        "If-None-Exist of an empty value",
        "POST",
        "/Patient",
        json.dumps(NEW).encode(),
        {**JSON, "if-none-exist": "identifier="},
        (400,),
        (),
        ("condition",),
    ),
    Ask(
        "PUT by a condition that matches several",
        "PUT",
        "/Patient?name:contains=HTEST",
        json.dumps(NEW).encode(),
        JSON,
        (412,),
    ),
    Ask(
        "PUT by a condition with another id",
        "PUT",
        "/Patient?_id=an",
        json.dumps({**PATIENT, "id": "binh"}).encode(),
        JSON,
        (400,),
    ),
    Ask("PATCH by a condition that matches nobody", "PATCH", "/Patient?_id=nobody", b"[]", PATCH, (404,)),
    Ask("an audit event deleted", "DELETE", "/AuditEvent/x", b"", {}, (403, 404)),
    Ask("a path of 1,000 parts", "GET", "/Patient" + "/a" * 1000, b"", {}, (404,)),
    Ask("a type in lower case", "GET", "/patient/an", b"", {}, (404,)),
    Ask("an abstract type", "POST", "/DomainResource", b'{"resourceType":"DomainResource"}', JSON, (404,)),
    Ask("an abstract type's read", "GET", "/Resource/x", b"", {}, (404,)),
    Ask("a data type", "GET", "/HumanName", b"", {}, (404,)),
    Ask("a metadata post", "POST", "/metadata", b"{}", JSON, (405,)),
]


@pytest.mark.parametrize("ask", PATCHES, ids=lambda ask: ask.name)
async def test_a_bad_patch_changes_nothing(world: World, ask: Ask) -> None:
    await world.refuse(ask)


@pytest.mark.parametrize("ask", BUNDLES, ids=lambda ask: ask.name)
async def test_a_bad_transaction_changes_nothing_and_names_the_entry(world: World, ask: Ask) -> None:
    await world.refuse(ask)


@pytest.mark.parametrize("ask", HEADERS, ids=lambda ask: ask.name)
async def test_a_request_that_is_confused_is_refused(world: World, ask: Ask) -> None:
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


async def test_what_a_client_says_about_itself_never_breaks_an_answer(world: World) -> None:
    """Headers that end up in the audit or in links: any bytes, and the answer is as always."""
    for headers in (
        {"x-request-id": "'; drop table version; --"},
        {"x-request-id": "x" * 20_000},
        {"x-request-id": "\xff\xfe"},
        {"host": 'evil.example"><script>'},
        {"host": "\xff"},
        {"prefer": "return=;;;=,,"},
        {"prefer": "handling=" + "x" * 10_000},
        {"accept-encoding": "gzip;q=x"},
        {"content-length": "abc"},
        {"content-length": "-1"},
        {"if-none-match": "x" * 10_000},
        {"accept": "*/*;q=" + "9" * 1000},
        {"forwarded": 'for="_x"'},
        {"x-forwarded-host": "evil.example"},
    ):
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await world.client.get("/Patient/an", headers=raw)
        assert answer.status_code in (200, 400), f"{headers}: {answer.status_code} {answer.text[:300]}"
        answer = await world.client.get("/Patient?_id=an", headers=raw)
        assert answer.status_code in (200, 400) and "<script>" not in answer.headers.get("location", "")
        answer.json()
