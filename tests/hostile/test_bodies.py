"""Hostile bodies of create and update: refused with the place and the reason, and nothing is stored."""

from __future__ import annotations

import gzip
import json
import resource as process_limits
import zlib
from typing import Any

import pytest
from conftest_hostile import Ask, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/fhir+json"}
GZIP = {**JSON, "content-encoding": "gzip"}
SQL = "'; drop table version; --"


def post(
    name: str,
    content: Any,
    *words: str,
    kind: str = "Patient",
    status: tuple[int, ...] = (400,),
    codes: tuple[str, ...] = (),
    headers: dict[str, str] = JSON,
) -> Ask:
    data = json.dumps(content).encode() if isinstance(content, dict | list) else content
    return Ask(name, "POST", f"/{kind}", data, headers, status, codes, words)


def bad(name: str, extra: dict, expression: str, *words: str, kind: str = "Patient") -> Ask:
    """A readable body that breaks the definitions: 422 with the FHIRPath of the place."""
    body = {
        "resourceType": kind,
        **({"status": "final", "code": {"text": "x"}} if kind == "Observation" else {}),
        **extra,
    }
    return post(name, body, expression, *words, kind=kind, status=(422,))


def _packed(block: bytes, times: int) -> bytes:
    """A gzip stream of `block` many times over, made without holding it unpacked."""
    press = zlib.compressobj(9, wbits=31)
    return b"".join(press.compress(block) for _ in range(times)) + press.flush()


def nested(depth: int) -> bytes:
    inner = b'{"url":"http://x","extension":[' * depth + b"]}" * depth
    return b'{"resourceType":"Patient","extension":[' + inner + b"]}"


UNREADABLE = [
    post("empty", b" "),
    post("nothing but braces", b"{}", "resourceType"),
    post("a list", b"[]", "object"),
    post("a string", b'"Patient"', "object"),
    post("a number", b"12", "object"),
    post("null", b"null", "object"),
    post("cut off", b'{"resourceType":"Patient","name":[{"text":"A'),
    post("two documents", b'{"resourceType":"Patient"}{"resourceType":"Patient"}'),
    post("trailing words", b'{"resourceType":"Patient"} drop table'),
    post("a trailing comma", b'{"resourceType":"Patient",}'),
    post("a comment", b'{"resourceType":"Patient"/*x*/}'),
    post("single quotes", b"{'resourceType':'Patient'}"),
    post("NaN", b'{"resourceType":"Patient","multipleBirthInteger":NaN}'),
    post("Infinity", b'{"resourceType":"Patient","multipleBirthInteger":Infinity}'),
    post("-Infinity", b'{"resourceType":"Patient","multipleBirthInteger":-Infinity}'),
    post("a leading zero", b'{"resourceType":"Patient","multipleBirthInteger":01}'),
    post("a leading plus", b'{"resourceType":"Patient","multipleBirthInteger":+1}'),
    post("hex", b'{"resourceType":"Patient","multipleBirthInteger":0x10}'),
    post("100,000 digits", b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 100_000 + b"}"),
    post(
        "an exponent of nine digits",
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e999999999}}',
        kind="Observation",
    ),
    post(
        "a negative exponent of nine digits",
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e-999999999}}',
        kind="Observation",
    ),
    post("a duplicate key", b'{"resourceType":"Patient","gender":"male","gender":"female"}', "gender"),
    post(
        "a duplicate key under escapes", b'{"resourceType":"Patient","gender":"male","gen\\u0064er":"female"}', "gender"
    ),
    post("a duplicate key deep down", b'{"resourceType":"Patient","name":[{"text":"a","text":"b"}]}', "text"),
    post("a duplicate resourceType", b'{"resourceType":"Patient","resourceType":"Observation"}', "resourceType"),
    post("a lone high surrogate", b'{"resourceType":"Patient","name":[{"text":"\\ud800"}]}', "surrogate"),
    post("a lone low surrogate", b'{"resourceType":"Patient","name":[{"text":"\\udc00x"}]}', "surrogate"),
    post(
        "surrogates the wrong way round", b'{"resourceType":"Patient","name":[{"text":"\\udc00\\ud800"}]}', "surrogate"
    ),
    post("a lone surrogate as a key", b'{"resourceType":"Patient","\\ud800":1}', "surrogate"),
    post("a raw surrogate in UTF-8", b'{"resourceType":"Patient","name":[{"text":"\xed\xa0\x80"}]}', "UTF-8"),
    post("NUL by escape", b'{"resourceType":"Patient","name":[{"text":"a\\u0000b"}]}', "U+0000"),
    post("NUL raw", b'{"resourceType":"Patient","name":[{"text":"a\x00b"}]}'),
    post("NUL as a key", b'{"resourceType":"Patient","a\\u0000":1}', "U+0000"),
    post("a raw newline in a string", b'{"resourceType":"Patient","name":[{"text":"a\nb"}]}'),
    post("a bad escape", b'{"resourceType":"Patient","name":[{"text":"\\x41"}]}'),
    post("a short escape", b'{"resourceType":"Patient","name":[{"text":"\\u12"}]}'),
    post("invalid UTF-8", b'{"resourceType":"Patient","name":[{"text":"\xff\xfe"}]}', "UTF-8"),
    post("overlong UTF-8", b'{"resourceType":"Patient","name":[{"text":"\xc0\xaf"}]}', "UTF-8"),
    post("UTF-8 cut off", b'{"resourceType":"Patient","name":[{"text":"\xe1\xba"}]}', "UTF-8"),
    post("UTF-16", '{"resourceType":"Patient"}'.encode("utf-16")),
    post("UTF-32", '{"resourceType":"Patient"}'.encode("utf-32")),
    post("65 levels", nested(40), "64"),
    post("100,000 levels", nested(50_000), "64"),
    post("a million open brackets", b'{"resourceType":' + b"[" * 1_000_000),
    post("a million open braces", b'{"a":' * 1_000_000),
    post("XML", b"<Patient xmlns='http://hl7.org/fhir'/>"),
    post("no resourceType", b'{"name":[]}', "resourceType"),
    post("resourceType null", b'{"resourceType":null}', "resourceType"),
    post("resourceType a list", b'{"resourceType":["Patient"]}', "resourceType"),
    post("resourceType empty", b'{"resourceType":""}', "resourceType"),
    post("resourceType unknown", b'{"resourceType":"Shoe"}', "Shoe"),
    post("resourceType of another URL", b'{"resourceType":"Observation"}', "Patient", "Observation"),
    post("resourceType SQL", json.dumps({"resourceType": SQL}).encode(), "Patient"),
    post("resourceType of 1 MB", json.dumps({"resourceType": "x" * 10**6}).encode(), "Patient"),
]

INVALID = [
    bad("an unknown element", {"shoe": 1}, "Patient", "shoe"),
    bad("an unknown element inside", {"name": [{"shoe": 1}]}, "Patient.name[0]", "shoe"),
    bad("an element named like a method", {"__class__": "x"}, "Patient", "__class__"),
    bad("an element with SQL for a name", {SQL: "x"}, "Patient"),
    bad("a name of 100,000 letters", {"x" * 100_000: 1}, "Patient"),
    bad("name as an object", {"name": {"text": "a"}}, "Patient.name"),
    bad("name as a string", {"name": "a"}, "Patient.name"),
    bad("name of strings", {"name": ["a"]}, "Patient.name[0]"),
    bad("name of lists", {"name": [[{"text": "a"}]]}, "Patient.name[0]"),
    bad("name of null", {"name": [None]}, "Patient.name[0]"),
    bad("an empty list", {"name": []}, "Patient.name"),
    bad("an empty object", {"name": [{}]}, "Patient.name[0]"),
    bad("null for a value", {"gender": None}, "Patient.gender"),
    bad("an empty string", {"gender": ""}, "Patient.gender"),
    bad("gender as a list", {"gender": ["male"]}, "Patient.gender"),
    bad("gender as a number", {"gender": 1}, "Patient.gender"),
    bad("gender of no code system", {"gender": "m"}, "Patient.gender"),
    bad("gender SQL", {"gender": SQL}, "Patient.gender"),
    bad("active as a string", {"active": "true"}, "Patient.active"),
    bad("active as a number", {"active": 1}, "Patient.active"),
    bad("a birth date as a number", {"birthDate": 19580203}, "Patient.birthDate"),
    bad("a thirtieth of February", {"birthDate": "2024-02-30"}, "Patient.birthDate"),
    bad("a month 13", {"birthDate": "2024-13"}, "Patient.birthDate"),
    bad("a year of five digits", {"birthDate": "10000-01-01"}, "Patient.birthDate"),
    bad("the year 0", {"birthDate": "0000"}, "Patient.birthDate"),
    bad("a date in Arabic digits", {"birthDate": "٢٠٢٤"}, "Patient.birthDate"),
    bad("a birth date with a time", {"birthDate": "2024-01-01T00:00:00Z"}, "Patient.birthDate"),
    bad("an hour 25", {"deceasedDateTime": "2024-01-01T25:00:00Z"}, "Patient.deceased"),
    bad("a time without offset", {"deceasedDateTime": "2024-01-01T10:00:00"}, "Patient.deceased"),
    bad("two choices at once", {"deceasedBoolean": True, "deceasedDateTime": "2024"}, "Patient.deceased"),
    bad("a choice of no type", {"deceasedString": "x"}, "Patient"),
    bad("an integer with a fraction", {"multipleBirthInteger": 1.5}, "Patient.multipleBirth"),
    bad("an integer of 33 bits", {"multipleBirthInteger": 2**32}, "Patient.multipleBirth"),
    bad("an integer as a string", {"multipleBirthInteger": "1"}, "Patient.multipleBirth"),
    bad("an id with a slash", {"id": "a/b"}, "Patient.id"),
    bad("an id of 65", {"id": "a" * 65}, "Patient.id"),
    bad(
        "a reference to the wrong type",
        {"managingOrganization": {"reference": "Patient/an"}},
        "Patient.managingOrganization",
    ),
    bad("a reference as a string", {"managingOrganization": "Organization/a"}, "Patient.managingOrganization"),
    bad("a reference as a number", {"managingOrganization": {"reference": 1}}, "Patient.managingOrganization"),
    bad("a uri with spaces", {"identifier": [{"system": "not a uri", "value": "x"}]}, "Patient.identifier[0].system"),
    bad("a base64 that is none", {"photo": [{"data": "###"}]}, "Patient.photo[0].data"),
    bad(
        "a script in the narrative",
        {
            "text": {
                "status": "generated",
                "div": "<div xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></div>",
            }
        },
        "Patient.text.div",
    ),
    bad(
        "a handler in the narrative",
        {
            "text": {
                "status": "generated",
                "div": "<div xmlns='http://www.w3.org/1999/xhtml'><p onclick='x()'>a</p></div>",
            }
        },
        "Patient.text.div",
    ),
    bad(
        "an entity bomb in the narrative",
        {
            "text": {
                "status": "generated",
                "div": "<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><div xmlns='http://www.w3.org/1999/xhtml'>&b;</div>",
            }
        },
        "Patient.text.div",
    ),
    bad("an extension without url", {"extension": [{"valueString": "x"}]}, "Patient.extension[0]"),
    bad(
        "an extension with two values",
        {"extension": [{"url": "http://x", "valueString": "x", "valueInteger": 1}]},
        "Patient.extension[0]",
    ),
    bad("a contained resource without a type", {"contained": [{"id": "a"}]}, "Patient.contained[0]"),
    bad(
        "a contained resource within a contained one",
        {
            "contained": [
                {"resourceType": "Organization", "id": "a", "contained": [{"resourceType": "Organization", "id": "b"}]}
            ]
        },
        "Patient.contained[0]",
    ),
    bad("10,000 names that are wrong", {"name": [{"shoe": 1}] * 10_000}, "Patient.name[0]"),
    bad("an observation of unknown status", {"status": "done"}, "Observation.status", kind="Observation"),
    bad("an observation without code", {"code": None}, "Observation.code", kind="Observation"),
    bad("a value as text in a quantity", {"valueQuantity": {"value": "1"}}, "Observation.value", kind="Observation"),
    bad(
        "a period the wrong way round in types",
        {"effectivePeriod": {"start": 1}},
        "Observation.effective",
        kind="Observation",
    ),
]

BOMBS = [
    post(
        "a gzip bomb of 200 MB",
        lambda: _packed(b" " * 2**20, 200),
        "limit",
        headers=GZIP,
        status=(413,),
        codes=("too-costly", "too-long"),
    ),
    post(
        "a gzip bomb that is JSON",
        lambda: _packed(b'{"resourceType":"Patient"}' * 40_000, 60),
        "limit",
        headers=GZIP,
        status=(413,),
    ),
    post("a gzip stream cut off", gzip.compress(b'{"resourceType":"Patient"}')[:-6], "gzip", headers=GZIP),
    post("a gzip stream of rubbish", b"\x1f\x8b" + b"x" * 100, "gzip", headers=GZIP),
    post("plain JSON called gzip", b'{"resourceType":"Patient"}', "gzip", headers=GZIP),
    post(
        "a gzip with a wrong sum", gzip.compress(b'{"resourceType":"Patient"}')[:-8] + b"\0" * 8, "gzip", headers=GZIP
    ),
    post("two gzip members", gzip.compress(b'{"resourceType":"Patient"}') * 2, "gzip", headers=GZIP),
    post("an empty gzip", b"\x1f\x8b", "gzip", headers=GZIP),
    post("zlib called gzip", zlib.compress(b'{"resourceType":"Patient"}'), "gzip", headers=GZIP),
    post("brotli", b"x", "br", headers={**JSON, "content-encoding": "br"}, status=(415,), codes=("not-supported",)),
    post(
        "gzip twice",
        gzip.compress(gzip.compress(b'{"resourceType":"Patient"}')),
        "gzip",
        headers={**JSON, "content-encoding": "gzip, gzip"},
        status=(415,),
    ),
    post(
        "51 MB",
        lambda: b'{"resourceType":"Patient","name":[{"text":"' + b"a" * 51 * 2**20 + b'"}]}',
        "limit",
        status=(413,),
    ),
    post(
        "a content-length that lies high",
        b'{"resourceType":"Patient"}',
        "limit",
        headers={**JSON, "content-length": str(10**12)},
        status=(413,),
    ),
]


@pytest.mark.parametrize("ask", UNREADABLE, ids=lambda ask: ask.name)
async def test_a_body_that_cannot_be_read_is_refused(world: World, ask: Ask) -> None:
    await world.refuse(ask)


@pytest.mark.parametrize("ask", INVALID, ids=lambda ask: ask.name)
async def test_a_body_that_breaks_the_definitions_is_refused_with_its_place(world: World, ask: Ask) -> None:
    await world.refuse(ask)


@pytest.mark.parametrize("ask", BOMBS, ids=lambda ask: ask.name)
async def test_a_packed_or_huge_body_is_refused_before_it_unpacks(world: World, ask: Ask) -> None:
    before = process_limits.getrusage(process_limits.RUSAGE_SELF).ru_maxrss
    await world.refuse(ask)
    grown = process_limits.getrusage(process_limits.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300 * 1024, f"{ask.name}: {grown // 1024} MB"


async def test_a_byte_order_mark_is_either_tolerated_or_refused_in_words(world: World) -> None:
    answer = await world.client.post(
        "/Basic", content=b'\xef\xbb\xbf{"resourceType":"Basic","code":{"text":"x"}}', headers=JSON
    )
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        assert not (await world.client.get(f"/Basic/{answer.json()['id']}")).content.startswith(b"\xef")


async def test_all_problems_of_one_body_are_told_at_once(world: World) -> None:
    body = {"resourceType": "Patient", "gender": "m", "birthDate": "x", "shoe": 1, "name": "a"}
    answer = await world.client.post("/Patient", json=body)
    places = {place for one in answer.json()["issue"] for place in one["expression"]}
    assert answer.status_code == 422 and {"Patient.gender", "Patient.birthDate", "Patient.name"} <= places


async def test_just_inside_the_limits_is_stored(world: World) -> None:
    """What stands right beside the hostile cases is good: deep, long, many digits, astral letters."""
    good = [
        nested(20),
        b'{"resourceType":"Patient","name":[{"text":"\\ud83d\\ude00 HTEST"}]}',
        json.dumps({"resourceType": "Patient", "name": [{"text": "a" * 10**6}]}).encode(),
        b'{"resourceType":"Patient","multipleBirthInteger":2147483647}',
        b'{"resourceType":"Patient","birthDate":"2024-02-29"}',
    ]
    for body in good:
        answer = await world.client.post("/Patient", content=body, headers=JSON)
        if body is good[0]:
            assert answer.status_code in (201, 422), answer.text[:300]
        else:
            assert answer.status_code == 201, (body[:80], answer.text[:300])
