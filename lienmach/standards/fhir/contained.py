"""Rules for contained resources (references.html#contained; dom-2 and dom-3 of DomainResource)."""

from __future__ import annotations

from typing import Any

_Problem = tuple[str, str, str, str]


def ids(resource: dict[str, Any]) -> set[str]:
    """The ids that a resource contains."""
    return {
        child["id"]
        for child in _list(resource.get("contained"))
        if type(child) is dict and type(child.get("id")) is str
    }


def problems(resource: dict[str, Any]) -> list[_Problem] | None:
    """What is wrong with the `contained` of a resource: (path, severity, code, sentence) each; None for nothing.

    Errors: one inside another, no id, an id twice. A warning: one that nothing refers to and that does not refer
    to its container (dom-3 says error; many senders break it and no harm is done).
    """
    used = _fragments(resource)
    found: list[_Problem] = []
    seen: set[str] = set()
    for index, child in enumerate(_list(resource.get("contained"))):
        if type(child) is not dict:
            continue
        path, own = f".contained[{index}]", child.get("id")
        if "contained" in child:
            found.append((path + ".contained", "error", "invariant", "A contained resource contains none (dom-2)."))
        if type(own) is not str:
            found.append((path + ".id", "error", "required", "A contained resource needs an id to be referred to."))
            continue
        if own in seen:
            found.append((path + ".id", "error", "duplicate", f"The id {own[:64]!r} is used twice."))
        seen.add(own)
        if own not in used and "" not in _fragments(child):
            found.append((path, "warning", "invariant", f"Nothing refers to '#{own[:64]}' (dom-3)."))
    return found or None


def _fragments(value: dict[str, Any]) -> set[str]:
    """The ids in all strings `#id`, be they references, canonicals or URIs."""
    found = set()
    waiting: list[Any] = [value]
    while waiting:
        for child in waiting.pop().values():
            for item in child if type(child) is list else (child,):
                if type(item) is str:
                    if item[:1] == "#":
                        found.add(item[1:])
                elif type(item) is dict:
                    waiting.append(item)
    return found


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []
