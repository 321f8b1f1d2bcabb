"""Hostile JSON patches: refused in words, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest_hostile import JSON, PATCH, Ask, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


@pytest.mark.parametrize("ask", PATCHES, ids=lambda ask: ask.name)
async def test_a_bad_patch_changes_nothing(world: World, ask: Ask) -> None:
    await world.refuse(ask)
