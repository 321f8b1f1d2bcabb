"""Lists of problems inside a resource, relative to the value they were found in, and how they add up.

Some are open until a parent has looked: a null in a list is right if the list beside it says why, a reference
`#id` if the resource contains it. `validate` makes them, here they are settled.
"""

from __future__ import annotations

from typing import Any

from lienmach.standards.fhir import contained

KEPT_MAX = 100

# (path below the checked value, severity, code, sentence)
Problem = tuple[str, str, str, str]
# None, or a sentence (then the code is `value`), or problems.
Found = None | str | list[Problem]

EMPTY: Problem = ("", "error", "invariant", "An element has a value or children (ele-1).")

# Codes of what is open. TWIN: a null in a list, a list of primitive extensions, an id without extensions: right
# only if its twin, the value or list of values with or without `_`, agrees. FRAGMENT: a reference `#id`.
TWIN = "twin"
FRAGMENT = "fragment"


def add(problems: list[Problem] | None, prefix: str, found: Found) -> list[Problem] | None:
    """`problems` and what was `found` below `prefix`. Of very many, no more are kept than will be told."""
    if found is None:
        return problems
    new = (
        [(prefix, "error", "value", found)]
        if isinstance(found, str)
        else [(prefix + path, severity, code, text) for path, severity, code, text in found]
    )
    if problems is None:
        return new
    if len(problems) <= KEPT_MAX:
        problems += new
    elif not _is_final(problems[0]):
        # What is still open may come to nothing, so an error behind it must not be lost: it goes to the front.
        problems[:0] = [p for p in new if _is_final(p)][:KEPT_MAX]
        problems += [p for p in new if not _is_final(p)]
    return problems


def _is_final(problem: Problem) -> bool:
    return problem[1] == "error" and problem[2] != TWIN and problem[2] != FRAGMENT


def settle_twins(found: Found, key: str, parent: dict[str, Any]) -> Found:
    """Decide the problems that depend on the twin: nulls, ids alone, and lists of unequal length."""
    if isinstance(found, str) or not any(problem[2] == TWIN for problem in found or ()):
        return found
    is_extension = key.startswith("_")
    twin = parent.get(key[1:] if is_extension else "_" + key)
    settled = []
    for path, severity, code, text in found or ():
        if code != TWIN:
            settled.append((path, severity, code, text))
        elif text == "length":
            if twin is not None and (type(twin) is not list or len(twin) != len(parent[key])):
                settled.append((path, severity, "structure", f"{key[1:]!r} and {key!r} have unequal lengths."))
        else:
            beside = _beside(twin, path)
            if text == "id" and beside is None:
                settled.append((path, *EMPTY[1:]))
            # Two nulls are one problem: that of the list of values.
            elif text == "null" and beside is None and not (is_extension and type(twin) is list):
                settled.append((path, severity, "structure", "A null stands for nothing here."))
    return settled or None


def _beside(twin: Any, path: str) -> Any:
    """What stands in the twin at the same place; path: "" or an index such as `[1]`."""
    if not path:
        return twin
    index = int(path[1:-1])
    return twin[index] if type(twin) is list and index < len(twin) else None


def settle_fragments(found: Found, resource: dict[str, Any]) -> Found:
    """Decide the references `#id` of a resource and of what it contains."""
    if isinstance(found, str) or not any(problem[2] == FRAGMENT for problem in found or ()):
        return found
    ids = contained.ids(resource)
    return [
        p if p[2] != FRAGMENT else (p[0], "error", "not-found", f"Nothing contained has the id {p[3][:64]!r}.")
        for p in found or ()
        if p[2] != FRAGMENT or p[3] not in ids
    ] or None
