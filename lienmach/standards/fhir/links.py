"""Links inside a resource, replaced in its bytes when a transaction gives its entries their ids.

Source: FHIR R4 http.html#transaction. Links are references, elements of type uri, url, oid and uuid, and `href`
and `src` in a narrative; elements of type canonical are none. Nothing else changes: not the same text in an
identifier or a note, no digit, no space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from html import escape, unescape
from typing import Any

from lienmach.standards.fhir import json
from lienmach.standards.fhir.definitions import PRIMITIVES, Definitions

_LINK_TYPES = frozenset(("uri", "url", "oid", "uuid"))

# These start at an opening quote of a JSON string, which never follows a backslash, as an escaped quote in one
# does; that is asked afterwards (`_is_string`), for a pattern that looks behind is ten times slower.
_URN = re.compile(rb'"(urn:[^"\\]*)"(?![ \t\r\n]*:)')
_URN_REFERENCE = re.compile(rb'"reference"[ \t\r\n]*:[ \t\r\n]*"(urn:[^"\\]*)"')
# Runs of plain characters are taken whole: an attachment of 30 MB held everybody up for eight seconds.
_STRING = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*:)?', re.DOTALL)
_DIV = re.compile(rb'"div"[ \t\r\n]*:[ \t\r\n]*("[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)
# A `<` never stands in an attribute, so each tag is read once: linear in the length, whatever somebody sends.
_ATTRIBUTE = re.compile(r"""(<(?:a|img)\s(?:[^<>"']|"[^"<]*"|'[^'<]*')*?(?:href|src)\s*=\s*)(["'])([^"'<>]*)\2""")


def rewrite(definitions: Definitions, data: bytes, mapping: Mapping[str, str]) -> bytes:
    """The bytes of a resource with each link that equals a key of `mapping` replaced by its value.

    data: as accepted by `json.parse`. mapping: fullUrl -> `Type/id`, or any other exact text of a link; a
    `#fragment` behind a key stays. Raises json.JsonError where `data` is not a resource.
    """
    return rewriter(definitions, mapping)(data)


def rewriter(definitions: Definitions, mapping: Mapping[str, str]) -> Callable[[bytes], bytes]:
    """`rewrite` for many resources with one mapping: what depends on the mapping alone is done once."""
    only_urns = all(key.startswith("urn:") for key in mapping)

    def rewrite_one(data: bytes) -> bytes:
        places = [p for p in (_urns(data) if only_urns else _strings(data)) if _target(p[2], mapping)]
        edits = []
        if places or b"\\u" in data:
            if not (only_urns and _are_references(data, places, mapping)):
                places = _links(definitions, data, places, mapping)
            edits = [(start, end, json.dump(_target(text, mapping))) for start, end, text in places]
        if b"href" in data or b"src" in data:
            edits += _narratives(data, mapping)
        return json.replace(data, edits) if edits else data

    return rewrite_one if mapping else lambda data: data


def _target(text: str, mapping: Mapping[str, str]) -> str | None:
    found = mapping.get(text)
    if found is None and "#" in text:
        base, _, fragment = text.partition("#")
        found = mapping.get(base)
        return f"{found}#{fragment}" if found else None
    return found


def _urns(data: bytes) -> Iterator[tuple[int, int, str]]:
    for m in _URN.finditer(data):
        if _is_string(m):
            yield m.start(), m.end(), m[1].decode()


def _is_string(m: re.Match[bytes]) -> bool:
    return m.string[m.start() - 1] != 0x5C


def _strings(data: bytes) -> Iterator[tuple[int, int, str]]:
    """All string values, but for keys, in the order of the document."""
    for m in _STRING.finditer(data):
        if m[2] is None:
            text = json.text_of(m[0]) if b"\\" in m[1] else m[1].decode()
            yield m.start(), m.end(1) + 1, text


def _are_references(data: bytes, places: list, mapping: Mapping[str, str]) -> bool:
    """Whether all candidates are values of the key `reference`: with a string value it is a link wherever R4 has it."""
    if b"\\u" in data:
        return False  # A candidate written with escapes is not among them.
    return len(places) == sum(
        _target(m[1].decode(), mapping) is not None for m in _URN_REFERENCE.finditer(data) if _is_string(m)
    )


def _links(definitions: Definitions, data: bytes, places: list, mapping: Mapping[str, str]) -> list:
    """Those candidates that are links by their type: the typed walk meets them in the order of the document."""
    resource = json.parse(data)
    met = [
        (text, is_link)
        for text, is_link in _walk(definitions, resource.get("resourceType"), resource)
        if _target(text, mapping)
    ]
    if len(met) != len(places):
        places = [p for p in _strings(data) if _target(p[2], mapping)]
    if [text for text, _ in met] != [p[2] for p in places]:
        raise json.JsonError("The links of the resource cannot be told apart.")
    return [place for place, (_, is_link) in zip(places, met, strict=True) if is_link]


def _walk(definitions: Definitions, name: str | None, value: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    if "resourceType" in value:
        name = value["resourceType"] if definitions.is_resource_type(str(value["resourceType"])) else None
    table = _table(definitions, name) if name else {}
    for key, child in value.items():
        kind = table.get(key, "Element" if key.startswith("_") else "")
        for item in child if type(child) is list else (child,):
            if type(item) is str:
                yield item, kind == "link"
            elif type(item) is dict:
                yield from _walk(definitions, kind if kind != "link" else None, item)
            elif type(item) is list:
                yield from _walk(definitions, None, {"": item})  # Not FHIR, but strings in it count.


@lru_cache(maxsize=1024)
def _table(definitions: Definitions, name: str) -> dict[str, str]:
    """{JSON name: "link", or the name of what describes its children, or "" for other primitives}."""
    table = {}
    for element in definitions.elements(name).values():
        if element.content_reference:
            table[element.name] = element.content_reference
            continue
        for kind in element.types:
            key = element.name + kind[0].upper() + kind[1:] if element.is_choice else element.name
            if kind in PRIMITIVES:
                is_link = kind in _LINK_TYPES or (name == "Reference" and key == "reference")
                table[key] = "link" if is_link else ""
            elif kind in ("BackboneElement", "Element"):
                table[key] = f"{name}.{element.name}"
            else:
                table[key] = kind
    return table


def _narratives(data: bytes, mapping: Mapping[str, str]) -> Iterator[tuple[int, int, bytes]]:
    def replaced(m: re.Match[str]) -> str:
        target = _target(unescape(m[3]), mapping)
        return m[0] if target is None else f"{m[1]}{m[2]}{escape(target)}{m[2]}"

    for m in filter(_is_string, _DIV.finditer(data)):
        before = json.text_of(m[1])
        after = _ATTRIBUTE.sub(replaced, before)
        if after != before:
            yield m.start(1), m.end(1), json.dump(after)
