"""JSON Patch (RFC 6902) over a parsed resource, with limits (FHIR R4 http.html#patch)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import jsonpatch
import jsonpointer

from lienmach.standards.fhir import json

OPERATIONS_MAX = 500
# Copying doubles what it copies: fifty operations could fill any memory.
COPIED_VALUES_MAX = 100_000

_KINDS = frozenset(("add", "remove", "replace", "move", "copy", "test"))
# All that the library raises for a path that does not fit the document.
_MISFITS = (
    jsonpatch.JsonPatchException,
    jsonpointer.JsonPointerException,
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
)


class PatchError(ValueError):
    """The patch cannot be applied. index: that of the operation at fault, or None."""

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message if index is None else f"Operation {index}: {message}")
        self.index = index


class TestFailed(PatchError):
    """A `test` operation found another value than it says."""

    __test__ = False  # Not a test of pytest.


def apply(resource: dict[str, Any], operations: list[Any]) -> dict[str, Any]:
    """A changed copy of `resource`; Decimals and the order of members stay.

    operations: as `json.parse_list` gives them. All or nothing. The result still needs validation, but its
    resourceType and id are those of before. Raises PatchError, TestFailed.
    """
    if len(operations) > OPERATIONS_MAX:
        raise PatchError(f"The patch has {len(operations)} operations; the limit is {OPERATIONS_MAX}.")
    result: Any = deepcopy(resource)
    copied = 0
    for index, operation in enumerate(operations):
        _check_shape(operation, index)
        try:
            if operation["op"] == "test":
                _test(result, operation, index)
                continue
            if operation["op"] == "copy":
                copied += _count(jsonpointer.resolve_pointer(result, operation["from"]))
                if copied > COPIED_VALUES_MAX:
                    raise PatchError(f"The patch copies more than {COPIED_VALUES_MAX} values.", index=index)
            result = jsonpatch.JsonPatch([operation]).apply(result, in_place=True)
            if operation["op"] in ("add", "copy", "move"):
                json.check_depth(result)
        except PatchError:
            raise
        except json.JsonError as problem:
            raise PatchError(problem.message, index=index) from None
        except _MISFITS:
            raise PatchError(
                f"There is no place {operation['path'][:200]!r} for this {operation['op']}.", index=index
            ) from None
        if type(result) is not dict:
            raise PatchError("The result is not a resource.", index=index)
    for fixed in ("resourceType", "id"):
        if result.get(fixed) != resource.get(fixed):
            raise PatchError(f"A patch must not change {fixed!r}.")
    return result


def _check_shape(operation: Any, index: int) -> None:
    if type(operation) is not dict:
        raise PatchError("An operation is an object.", index=index)
    kind = operation.get("op")
    if type(kind) is not str or kind not in _KINDS:
        raise PatchError(f"{str(kind)[:40]!r} is not one of add, remove, replace, move, copy, test.", index=index)
    for name in ("path", "from") if kind in ("move", "copy") else ("path",):
        if type(operation.get(name)) is not str:
            raise PatchError(f"{name!r} is missing or not text.", index=index)
    if kind in ("add", "replace", "test") and "value" not in operation:
        raise PatchError("'value' is missing.", index=index)
    if kind in ("add", "replace"):
        # The library puts the value itself into the document, where later operations could change it.
        operation["value"] = deepcopy(operation["value"])


def _test(document: Any, operation: dict[str, Any], index: int) -> None:
    if not _is_same(jsonpointer.resolve_pointer(document, operation["path"]), operation["value"]):
        raise TestFailed(f"The value at {operation['path'][:200]!r} is another.", index=index)


def _is_same(a: Any, b: Any) -> bool:
    """Equal as JSON (RFC 6902 4.6): numbers by value, but true is not 1."""
    if type(a) is bool or type(b) is bool or a is None or b is None:
        return a is b
    if type(a) is dict:
        return type(b) is dict and a.keys() == b.keys() and all(_is_same(a[key], b[key]) for key in a)
    if type(a) is list:
        return type(b) is list and len(a) == len(b) and all(map(_is_same, a, b))
    return bool(a == b)


def _count(value: Any) -> int:
    if type(value) is dict:
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if type(value) is list else 1
