"""The quick way to read JSON says exactly what the slow one says, or leaves it to that one."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienmach.standards.fhir import json as fhir_json


def slowly(data):
    return fhir_json._read_slowly(data, 64)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.just('a "quoted" \\ text'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_both_read_the_same(value, escaped, indent):
    data = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    quick = fhir_json._read_quickly(data)
    if quick is not None:
        assert quick == slowly(data)
        assert fhir_json.dump(quick) == fhir_json.dump(slowly(data))


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["1", '"x"', '"a\\"b\\""', '{"d":"\\"\\""}', "[]"])),
        max_size=4,
    )
)
def test_a_key_twice_is_never_passed_by(pairs):
    data = ("{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}").encode()
    if len({key for key, _ in pairs}) < len(pairs):
        with pytest.raises(fhir_json.JsonError, match="twice"):
            fhir_json.parse(data)
    else:
        assert fhir_json.parse(data) == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":"\\u0022\\u0022","b":1,"b":2}',
        b'{"a" :1,"a":2}',
        b'{"a":[{"c":"x","c":"x"}]}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'{"a":"x\x00"}',
        b'{"a":"\xff"}',
        b'{"a":01}',
        b'{"a":1} x',
        b'{"a":1,}',
        b"",
        b"{",
        b"[1]",
        b'"x"',
        b"null",
        b'{"a":1e9999}',
        b'{"a":' + b"9" * 101 + b"}",
        b'{"a":1.' + b"0" * 101 + b"}",
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_refused_is_refused_still(data):
    with pytest.raises(fhir_json.JsonError):
        fhir_json.parse(data)


def test_digits_are_kept():
    value = fhir_json.parse(b'{"a":1.10,"b":1e2,"c":-0.0,"d":123456789012345678901234567890}')
    assert fhir_json.dump(value) == b'{"a":1.10,"b":1E+2,"c":-0.0,"d":123456789012345678901234567890}' or value == {
        "a": Decimal("1.10"),
        "b": Decimal("1e2"),
        "c": Decimal("-0.0"),
        "d": 123456789012345678901234567890,
    }
    assert isinstance(value["a"], Decimal)


SPACES = st.sampled_from(["", " ", "\n  "])
METAS = st.sampled_from([None, "{}", "{ }", '{"tag":[]}', '{"versionId":"9"}', '{ "lastUpdated" : "x", "source":"y"}'])
IDS = st.sampled_from([None, '"a"', '"a.b-c"', '""', '"\\u0061"'])
REST = st.sampled_from(["", '"name":[{"id":"x"}]', '"contained":[{"meta":{"versionId":"1"}}]', '"a":"\\"id\\": 1"'])


@given(IDS, METAS, REST, st.permutations(["id", "meta", "rest"]), SPACES, st.booleans())
def test_both_ways_to_splice_give_the_same_bytes(own_id, meta, rest, order, space, type_first):
    parts = {"id": own_id and f'"id":{space}{own_id}', "meta": meta and f'"meta"{space}:{meta}', "rest": rest}
    members = [parts[name] for name in order if parts[name]]
    members.insert(0 if type_first else len(members), f'"resourceType":{space}"Patient"')
    data = (f"{{{space}" + f"{space},{space}".join(members) + f"{space}}}").encode()
    fhir_json.parse(data)
    quick = fhir_json.splice(data, id="new", version_id=2, last_updated="2026-01-01T00:00:00.000Z")
    head, fhir_json._HEAD = fhir_json._HEAD, re.compile(b"(?!)")
    try:
        slow = fhir_json.splice(data, id="new", version_id=2, last_updated="2026-01-01T00:00:00.000Z")
    finally:
        fhir_json._HEAD = head
    assert quick == slow
    value = json.loads(quick)
    assert (value["id"], value["meta"]["versionId"]) == ("new", "2")
