"""JSON Patch: RFC 6902 on a resource, exact in decimals and order, with limits."""

from __future__ import annotations

import pytest

from lienmach.standards.fhir import json, patch

BODY = b'{"resourceType":"Observation","id":"a","b":1.50,"list":[1,2,3],"deep":{"x":true,"a/b":"m~n"}}'


def patched(operations: str) -> bytes:
    return json.dump(patch.apply(json.parse(BODY), json.parse_list(operations.encode())))


@pytest.mark.parametrize(
    ("operations", "before", "after"),
    [
        ('[{"op":"add","path":"/c","value":2.00}]', b'"m~n"}}', b'"m~n"},"c":2.00}'),
        ('[{"op":"replace","path":"/b","value":3.10}]', b"1.50", b"3.10"),
        ('[{"op":"remove","path":"/list/1"}]', b"1,2,3", b"1,3"),
        ('[{"op":"add","path":"/list/-","value":4}]', b"1,2,3", b"1,2,3,4"),
        ('[{"op":"add","path":"/list/0","value":0}]', b"1,2,3", b"0,1,2,3"),
        ('[{"op":"copy","from":"/b","path":"/c"}]', b'"m~n"}}', b'"m~n"},"c":1.50}'),
        (
            '[{"op":"move","from":"/b","path":"/c"}]',
            b'"b":1.50,"list":[1,2,3],"deep":{"x":true,"a/b":"m~n"}}',
            b'"list":[1,2,3],"deep":{"x":true,"a/b":"m~n"},"c":1.50}',
        ),
        ('[{"op":"replace","path":"/deep/a~1b","value":"z"}]', b"m~n", b"z"),
        ('[{"op":"test","path":"/b","value":1.5}]', b"", b""),
        ('[{"op":"test","path":"/id","value":"a"}]', b"", b""),
        ('[{"op":"replace","path":"/id","value":"a"}]', b"", b""),
        ("[]", b"", b""),
    ],
)
def test_operations_change_what_they_name(operations: str, before: bytes, after: bytes) -> None:
    assert patched(operations) == (BODY.replace(before, after) if before else BODY)


@pytest.mark.parametrize(
    "operations",
    [
        '[{"op":"replace","path":"/id","value":"b"}]',
        '[{"op":"remove","path":"/id"}]',
        '[{"op":"replace","path":"/resourceType","value":"Patient"}]',
        '[{"op":"move","from":"/resourceType","path":"/x"}]',
        '[{"op":"replace","path":"","value":{"resourceType":"Patient","id":"a"}}]',
        '[{"op":"replace","path":"","value":[]}]',
        '[{"op":"remove","path":""}]',
        '[{"op":"remove","path":"/none"}]',
        '[{"op":"replace","path":"/none","value":1}]',
        '[{"op":"add","path":"/none/x","value":1}]',
        '[{"op":"add","path":"/list/9","value":1}]',
        '[{"op":"add","path":"/list/-1","value":1}]',
        '[{"op":"add","path":"/list/01","value":1}]',
        '[{"op":"add","path":"/list/x","value":1}]',
        '[{"op":"add","path":"/b/x","value":1}]',
        '[{"op":"add","path":"/deep/x/y","value":1}]',
        '[{"op":"add","path":"x","value":1}]',
        '[{"op":"add","path":"/x~2","value":1}]',
        '[{"op":"add","path":"/x"}]',
        '[{"op":"add","value":1}]',
        '[{"op":"copy","path":"/x"}]',
        '[{"op":"copy","from":"/none","path":"/x"}]',
        '[{"op":"move","from":"/deep","path":"/deep/x"}]',
        '[{"op":"merge","path":"/x","value":1}]',
        '[{"op":["add"],"path":"/x","value":1}]',
        '[{"path":"/x"}]',
        "[1]",
        "[null]",
        "[[]]",
    ],
)
def test_what_cannot_be_done_is_refused(operations: str) -> None:
    with pytest.raises(patch.PatchError):
        patched(operations)


@pytest.mark.parametrize("value", ["1.6", '"1.50"', "true", "null", "[1.50]"])
def test_a_failed_test_is_told_apart(value: str) -> None:
    with pytest.raises(patch.TestFailed, match="Operation 0"):
        patched(f'[{{"op":"test","path":"/b","value":{value}}}]')


def test_true_is_not_one() -> None:
    with pytest.raises(patch.TestFailed):
        patched('[{"op":"test","path":"/deep/x","value":1}]')


def test_an_error_leaves_the_resource_as_it_was() -> None:
    resource = json.parse(BODY)
    with pytest.raises(patch.PatchError):
        patch.apply(resource, [{"op": "remove", "path": "/b"}, {"op": "remove", "path": "/none"}])
    assert json.dump(resource) == BODY


def test_later_operations_do_not_change_the_patch() -> None:
    operations = [{"op": "add", "path": "/x", "value": {}}, {"op": "add", "path": "/x/y", "value": 1}]
    assert patch.apply({"resourceType": "A"}, operations) == {"resourceType": "A", "x": {"y": 1}}
    assert patch.apply({"resourceType": "A"}, operations) == {"resourceType": "A", "x": {"y": 1}}


def test_more_operations_than_allowed_are_refused() -> None:
    one = {"op": "test", "path": "/resourceType", "value": "A"}
    patch.apply({"resourceType": "A"}, [one] * patch.OPERATIONS_MAX)
    with pytest.raises(patch.PatchError, match="limit"):
        patch.apply({"resourceType": "A"}, [one] * (patch.OPERATIONS_MAX + 1))


def test_copies_that_double_are_stopped() -> None:
    with pytest.raises(patch.PatchError, match="copies more"):
        patch.apply({"resourceType": "A", "x": [1]}, [{"op": "copy", "from": "/x", "path": "/x/-"}] * 60)


def test_a_result_nested_too_deep_is_refused() -> None:
    with pytest.raises(patch.PatchError, match="nested"):
        patch.apply(
            {"resourceType": "A", "x": {}}, [{"op": "add", "path": "/x" + "/x" * i, "value": {}} for i in range(1, 80)]
        )
