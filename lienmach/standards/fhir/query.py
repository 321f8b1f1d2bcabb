"""A search as text -> a `Query` value (FHIR R4 search.html); pure, knows no search parameter of any type.

Here: how names, modifiers, chains, `_has`, escapes and the result parameters are written. Not here: whether a
type has such a parameter and what its values mean (`record/index`), nor how to answer (`record/plan.py`).

    parse([("subject:Patient.name", "an"), ("_sort", "-date")], Limits())
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from lienmach.standards.fhir.query_values import Criterion, Hop, Include, Limits, Query, QueryError, SortKey

SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")

UNSUPPORTED = {
    "_text": "free text over the narrative",
    "_content": "free text over the whole resource",
    "_filter": "the filter language",
    "_query": "named queries",
    "_score": "scores",
}
"""Parameters of the specification that this server has not, and what they would ask for."""

_IGNORED = frozenset(("_format", "_pretty"))  # of the answer's form, read by the door
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*\Z")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,39}\Z")
_ELEMENT = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*\Z")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


def parse(params: Iterable[tuple[str, str]], limits: Limits, *, lenient: bool = False) -> Query:
    """Read the parameters of one search, in the order sent.

    Raises QueryError for the first that cannot be read; with lenient those that are only unknown or unsupported
    are listed in `unread` instead (`Prefer: handling=lenient`). Empty values are dropped, as the specification says.
    """
    seen: dict[str, Any] = {}
    many: dict[str, list[Any]] = {}
    used: list[tuple[str, str]] = []
    unread: list[QueryError] = []
    params = params if isinstance(params, list) else list(params)
    if len(params) > limits.params_max:
        raise QueryError(
            "", f"A search takes at most {limits.params_max} parameters; this one has {len(params)}.", "too-costly"
        )
    for name, value in params:
        if name in _IGNORED or not value:
            continue
        try:
            if "\0" in value or "\0" in name or not (_is_text(value) and _is_text(name)):
                raise QueryError("", "A search has no NUL characters and no lone surrogates.", "value")
            if len(value) > limits.value_chars_max * 16:
                raise QueryError(name, f"The value of '{name[:80]}' is too long.", "too-costly")
            reader = _READERS.get(name) or _READERS.get(name.partition(":")[0])
            if reader is None:
                many.setdefault("criteria", []).append(_criterion(name, value, limits))
            else:
                reader(name, value, limits, seen, many)
            used.append((name, value))
        except QueryError as error:
            if not lenient or error.code != "not-supported":
                raise
            unread.append(error)
    fields: dict[str, Any] = {key: tuple(found) for key, found in many.items()}
    return Query(**seen, **fields, used=tuple(used), unread=tuple(unread))


def split(text: str, mark: str) -> list[str]:
    """Cut at `mark` where no backslash stands before it; the escapes stay as they are."""
    if "\\" not in text:
        return text.split(mark)
    parts: list[str] = []
    start = at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == mark:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return parts


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _criterion(name: str, value: str, limits: Limits) -> Criterion:
    if name in UNSUPPORTED or name.partition(":")[0] in UNSUPPORTED:
        raise QueryError(name, f"'{name[:80]}' ({UNSUPPORTED[name.partition(':')[0]]}) is not supported.")
    hops, code, modifier = _path(name, limits)
    return Criterion(name, hops, code, modifier, _values(name, value, limits))


def _path(name: str, limits: Limits) -> tuple[tuple[Hop, ...], str, str | None]:
    hops: list[Hop] = []
    rest = name
    if "." in name or ":" in name:
        while True:
            if rest.startswith("_has:"):
                parts = rest.split(":", 3)
                if len(parts) < 4 or not _TYPE.match(parts[1]) or not _NAME.match(parts[2]):
                    raise QueryError(name, f"'{name[:80]}' is not written as _has:Type:reference:parameter.", "value")
                hops.append(Hop(parts[2], parts[1], reverse=True))
                rest = parts[3]
            else:
                head, dot, tail = rest.partition(".")
                # `a:of-type` has no dot; in `a:b` the part behind the colon is a type only when a dot follows.
                if not dot:
                    break
                code, colon, target = head.partition(":")
                if not _NAME.match(code) or (colon and not _TYPE.match(target)):
                    raise QueryError(name, f"'{name[:80]}' is not a chain of parameters.")
                hops.append(Hop(code, target or None))
                rest = tail
            if len(hops) > limits.chain_depth_max:
                raise QueryError(name, f"A chain has at most {limits.chain_depth_max} steps.", "too-costly")
    code, colon, modifier = rest.partition(":")
    if not _NAME.match(code):
        raise QueryError(name, f"There is no search parameter '{name[:80]}'.")
    if colon and not modifier:
        raise QueryError(name, f"'{name[:80]}' ends with a colon and no modifier.")
    return tuple(hops), code, modifier or None


def _values(name: str, value: str, limits: Limits) -> tuple[str, ...]:
    if "," not in value:
        parts = [value]
    else:
        parts = [part for part in split(value, ",") if part]
        if len(parts) > limits.or_values_max:
            raise QueryError(
                name,
                f"'{name[:80]}' takes at most {limits.or_values_max} values at once; it was given {len(parts)}.",
                "too-costly",
            )
        if "\\," in value:
            parts = [_unescape_comma(part) for part in parts]
        if not parts:
            raise QueryError(name, f"'{name[:80]}' has no value.", "value")
    for part in parts:
        if len(part) > limits.value_chars_max:
            raise QueryError(
                name, f"A value of '{name[:80]}' is longer than {limits.value_chars_max} characters.", "too-costly"
            )
    return tuple(parts)


def _unescape_comma(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "," if found[1] == "," else found[0], text)


# ---------------------------------------------------------------- the parameters that belong to no type

_Reader = Callable[[str, str, Limits, dict[str, Any], dict[str, list[Any]]], None]


def _plain(name: str, meaning: str) -> None:
    if ":" in name:
        raise QueryError(name, f"'{name.partition(':')[0]}' takes no modifier here ({meaning}).")


def _once(name: str, key: str, seen: dict[str, Any]) -> None:
    if key in seen:
        raise QueryError(name, f"'{name[:80]}' may be given once.", "value")


def _read_id(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "ids are compared whole")
    many.setdefault("ids", []).append(_values(name, value, limits))


def _read_updated(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "every resource has it")
    many.setdefault("updated", []).append(value)


def _read_list(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "the id of a List")
    if value.startswith("$"):
        raise QueryError(name, f"Functional lists such as '{value[:80]}' are not supported by '_list'.")
    value = value.removeprefix("List/")
    if not _ID.match(value):
        raise QueryError(name, "'_list' takes the id of one List.", "value")
    many.setdefault("lists", []).append(value)


def _read_type(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "resource types")
    many.setdefault("types", []).extend(_values(name, value, limits))


def _read_sort(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "parameters, descending with `-`")
    keys = many.setdefault("sort", [])
    for part in value.split(","):
        descending = part.startswith("-")
        code = part[1:] if descending else part
        if not _NAME.match(code):
            raise QueryError(name, f"'_sort' takes parameter names; this is not one: {part[:80]}", "value")
        if code in UNSUPPORTED:
            raise QueryError(name, f"'_sort={code}' is not supported.")
        if all(key.code != code for key in keys):
            keys.append(SortKey(code, descending))
    if len(keys) > limits.sort_keys_max:
        raise QueryError(name, f"'_sort' takes at most {limits.sort_keys_max} keys.", "too-costly")


def _read_count(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "a number")
    _once(name, "count", seen)
    if not (value.isascii() and value.isdecimal() and len(value) <= 18):
        raise QueryError(name, f"'_count' takes a whole number; this is not one: {value[:80]}", "value")
    seen["count"] = min(int(value), limits.count_max)


def _choice(key: str, allowed: tuple[str, ...]) -> _Reader:
    def read(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
        _plain(name, "one of " + ", ".join(allowed))
        _once(name, key, seen)
        if value not in allowed:
            raise QueryError(name, f"'_{key}' takes one of {', '.join(allowed)}; not {value[:80]}", "value")
        seen[key] = value

    return read


def _read_elements(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "element names")
    for part in value.split(","):
        if not _ELEMENT.match(part.strip()):
            raise QueryError(name, f"'_elements' takes element names; this is not one: {part[:80]}", "value")
        many.setdefault("elements", []).append(part.strip())
    if len(many["elements"]) > limits.or_values_max:
        raise QueryError(name, f"'_elements' takes at most {limits.or_values_max} names.", "too-costly")


def _read_include(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    base, _, modifier = name.partition(":")
    if modifier not in ("", "iterate", "recurse"):  # `recurse` is the name that STU3 used
        raise QueryError(name, f"'{base}' has no modifier ':{modifier[:40]}'.")
    found = many.setdefault("includes", [])
    for part in value.split(","):
        pieces = part.split(":")
        if part == "*":
            pieces = ["*", "*"]
        source, code, target = pieces[0], pieces[1] if len(pieces) > 1 else "", pieces[2] if len(pieces) > 2 else None
        if (
            len(pieces) > 3
            or not (source == "*" or _TYPE.match(source))
            or not (code == "*" or _NAME.match(code))
            or (target is not None and not _TYPE.match(target))
        ):
            raise QueryError(name, f"'{base}' takes Type:parameter[:Type]; this is not one: {part[:80]}", "value")
        found.append(Include(name, source, code, target, bool(modifier), base == "_revinclude"))
    if len(found) > limits.includes_max:
        raise QueryError(name, f"A search takes at most {limits.includes_max} includes.", "too-costly")


_CONTAINED = {
    "_contained": ("contained", ("true", "false", "both")),
    "_containedType": ("contained_type", ("container", "contained")),
}


def _read_contained(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "one word")
    key, allowed = _CONTAINED[name]
    _once(name, key, seen)
    if value not in allowed:
        raise QueryError(name, f"'{name}' takes one of {', '.join(allowed)}; not {value[:80]}", "value")
    seen[key] = value


def _read_page(name: str, value: str, limits: Limits, seen: dict[str, Any], many: dict[str, list[Any]]) -> None:
    _plain(name, "as a page link says it")
    _once(name, "cursor", seen)
    if len(value) > 4096:
        raise QueryError(name, "'_page' is not one of our page marks.", "value")
    seen["cursor"] = value


_READERS: dict[str, _Reader] = {
    "_id": _read_id,
    "_lastUpdated": _read_updated,
    "_list": _read_list,
    "_type": _read_type,
    "_sort": _read_sort,
    "_count": _read_count,
    "_total": _choice("total", TOTALS),
    "_summary": _choice("summary", SUMMARIES),
    "_elements": _read_elements,
    "_include": _read_include,
    "_revinclude": _read_include,
    "_contained": _read_contained,
    "_containedType": _read_contained,
    "_page": _read_page,
}
