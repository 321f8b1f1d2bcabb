"""FHIR JSON at the door: what is read, what is refused, and that splicing changes two places only."""

from __future__ import annotations

import json as stdlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienmach.standards.fhir import json

SPLICED = {"id": "a-1", "version_id": 7, "last_updated": "2026-01-02T03:04:05.678Z"}


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_decimals_keep_their_digits() -> None:
    value = json.parse(b'{"a":1.50,"b":0.10e2,"c":100,"d":-0.0}')
    assert [str(value[k]) for k in "abcd"] == ["1.50", "10", "100", "-0.0"]
    assert type(value["c"]) is int and type(value["a"]) is Decimal


def test_written_decimals_are_numbers_with_the_same_digits() -> None:
    assert json.dump(json.parse(b'{"b":1.500,"a":[2.0,3]}')) == b'{"b":1.500,"a":[2.0,3]}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a":1,"a":2}', "'a' appears twice"),
        (b'{"b":{"a":1,"\\u0061":2}}', "'a' appears twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e999999999}', "out of range"),
        (b'{"a":1e-999999999}', "out of range"),
        (b'{"a":1e99999999999999999999999999}', "out of range"),
        (b'{"a":' + b"9" * 101 + b"}", "more than 100 characters"),
        (b'{"a":0.' + b"9" * 99 + b"}", "more than 100 characters"),
        (b'{"a":' + b"9" * 5000 + b"}", "more than 100 characters"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":{"b":["\\udc00x"]}}', "surrogate"),
        (b'{"\\ud800":1}', "surrogate"),
        (b'{"a":"x\\u0000y"}', "U+0000"),
        (b'{"a":"\x00"}', "not valid JSON"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "UTF-8"),
        ('{"a":1}'.encode("utf-16"), "UTF-8"),
        (b'{"a":1} {"b":2}', "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b"{'a':1}", "not valid JSON"),
        (b'{"a":01}', "not valid JSON"),
        (nested(65), "deeper than 64"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "deeper than 64"),
        (b'{"a":' + b"[" * 200_000, "deeper than 64"),
        (nested(100_000), "deeper than 64"),
    ],
)
def test_what_readers_could_understand_differently_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(json.JsonError, match=message.replace("+", r"\+")):
        json.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(64),
        b'{"a":"' + b"[{" * 500 + b'"}',
        b'{"a":' + b"9" * 100 + b"}",
        b'{"a":1e400}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\\\\ud800"}',
        b'\xef\xbb\xbf {"a":1} \r\n',
        b"{}",
    ],
)
def test_the_same_just_inside_the_limits_is_read(body: bytes) -> None:
    json.parse(body)


def test_brackets_in_strings_do_not_hide_depth() -> None:
    level = b'{"x":["]","}"],"y":'
    with pytest.raises(json.JsonError, match="deeper"):
        json.parse(level * 70 + b"1" + b"}" * 70)


def test_a_body_over_the_limit_is_too_long() -> None:
    assert json.parse(b'{"a":1}', bytes_max=7)
    with pytest.raises(json.TooLong):
        json.parse(b'{"a":1}', bytes_max=6)


def test_an_error_says_where() -> None:
    with pytest.raises(json.JsonError) as caught:
        json.parse('{"tên": x}'.encode())
    assert caught.value.offset == len('{"tên": '.encode())
    with pytest.raises(json.JsonError) as caught:
        json.parse(b'{"name":[{"text":"a\\u0000"}]}')
    assert caught.value.path == "name[0].text"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b'{"resourceType":"Patient"}',
            b'{"resourceType":"Patient","id":"a-1","meta":{"versionId":"7","lastUpdated":"@"}}',
        ),
        (
            b'{ "id" : "x" ,\n"resourceType":"Patient", "active":true }',
            b'{ "id" : "a-1" ,\n"resourceType":"Patient","meta":{"versionId":"7","lastUpdated":"@"}, "active":true }',
        ),
        (
            b'{"resourceType":"P","meta":{ "tag" : [ {"code": "1.0"} ], "versionId":"99" ,"x":1.00}}',
            b'{"resourceType":"P","id":"a-1","meta":{"lastUpdated":"@", "tag" : [ {"code": "1.0"} ],'
            b' "versionId":"7" ,"x":1.00}}',
        ),
        (
            b'{"resourceType":"P","id":"x","meta":{ }}',
            b'{"resourceType":"P","id":"a-1","meta":{"versionId":"7","lastUpdated":"@" }}',
        ),
        (
            b'{"contained":[{"id":"c","meta":{"versionId":"3"}}],"resourceType":"P","meta":{},"id":"x"}',
            b'{"contained":[{"id":"c","meta":{"versionId":"3"}}],"resourceType":"P",'
            b'"meta":{"versionId":"7","lastUpdated":"@"},"id":"a-1"}',
        ),
        (
            b'{"resourceType":"P","note":"\\"id\\":\\"meta\\":{}","\\u0069d":"x","meta":{}}',
            b'{"resourceType":"P","note":"\\"id\\":\\"meta\\":{}","\\u0069d":"a-1",'
            b'"meta":{"versionId":"7","lastUpdated":"@"}}',
        ),
        (
            b'\xef\xbb\xbf{"resourceType":"P","id":"x","meta":{}}',
            b'{"resourceType":"P","id":"a-1","meta":{"versionId":"7","lastUpdated":"@"}}',
        ),
    ],
)
def test_splicing_changes_id_version_and_time_and_no_other_byte(before: bytes, after: bytes) -> None:
    assert json.splice(before, **SPLICED) == after.replace(b"@", b"2026-01-02T03:04:05.678Z")


@pytest.mark.parametrize("body", [b"{}", b'{"resourceType":"P","meta":[]}', b'{"resourceType":"P","meta":null}'])
def test_what_is_no_resource_is_not_spliced(body: bytes) -> None:
    with pytest.raises(json.JsonError):
        json.splice(body, **SPLICED)


def test_members_are_where_they_say() -> None:
    data = b' { "a" : [1, 2] , "b\\n":{"c":3}, "":"x" } '
    assert {key: data[a:b] for key, (a, b) in json.members(data).items()} == {
        "a": b"[1, 2]",
        "b\n": b'{"c":3}',
        "": b'"x"',
    }


@pytest.mark.parametrize("data", [b'{"a":1,"b":2,"a":1}', b'{"a":1,"a":1}', b'{"a":12,"b":1,"\\u0061":12}'])
def test_members_twice_are_refused(data: bytes) -> None:
    with pytest.raises(json.JsonError):
        json.members(data)


keys = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | keys
    | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(keys | st.sampled_from(["id", "meta", "contained", "resourceType"]), values, max_size=6)


@given(objects)
def test_what_is_written_reads_the_same(value: dict) -> None:
    assert json.parse(json.dump(value)) == value


@settings(max_examples=200)
@given(
    objects,
    st.dictionaries(keys | st.sampled_from(["versionId", "lastUpdated"]), values, max_size=4),
    st.booleans(),
    st.sampled_from([(None, None), (2, None), ("\t", None), (None, (",", ":"))]),
)
def test_splicing_keeps_all_else_of_any_resource(value: dict, meta: dict, has_meta: bool, style: tuple) -> None:
    resource = {**value, "resourceType": "Patient"}
    resource.pop("meta", None)
    if has_meta:
        resource["meta"] = meta
    indent, separators = style
    text = stdlib.dumps(
        resource, default=float, indent=indent, separators=separators, ensure_ascii=bool(indent)
    ).encode()
    expected = json.parse(text)
    expected["id"] = "a-1"
    expected["meta"] = {**expected.get("meta", {}), "versionId": "7", "lastUpdated": SPLICED["last_updated"]}
    once = json.splice(text, **SPLICED)
    assert json.parse(once) == expected
    assert json.splice(once, **SPLICED) == once


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        json.parse(data)
    except json.JsonError:
        pass
    try:
        json.members(data)
    except json.JsonError:
        pass
