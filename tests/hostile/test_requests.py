"""Hostile headers, methods, paths, conditions and content types: refused in words, and nothing is stored."""

from __future__ import annotations

import json

import pytest
from conftest_hostile import JSON, NEW, PATCH, PATIENT, Ask, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
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


@pytest.mark.parametrize("ask", HEADERS, ids=lambda ask: ask.name)
async def test_a_request_that_is_confused_is_refused(world: World, ask: Ask) -> None:
    await world.refuse(ask)


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
