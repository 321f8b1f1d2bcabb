"""Parts of a resource for `_summary` and `_elements`, cut out of its bytes (search.html#summary, R4).

What stays keeps its bytes and order. Mandatory elements and `modifierExtension` always stay, and each cut
resource says so with the tag SUBSETTED.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from lienmach.standards.fhir import json
from lienmach.standards.fhir.definitions import PRIMITIVES, Definitions, Element

SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
TAG = b'{"system":"%b","code":"SUBSETTED"}' % SYSTEM.encode()
_ALWAYS = frozenset(("resourceType", "id", "meta", "modifierExtension"))
_INHERITED = frozenset(("id", "extension", "modifierExtension"))


def summarize(definitions: Definitions, data: bytes, mode: str) -> bytes:
    """The bytes of a resource cut to a summary. mode: `true`, `text`, `data`, or `false` (then as it is).

    `count` has no bodies and is not for here: ValueError, as for any other word.
    """
    if mode == "false":
        return data
    if mode == "true":
        return _cut(definitions, data, lambda element: element.is_summary, deep=True)
    if mode == "text":
        return _cut(definitions, data, lambda element: element.name == "text")
    if mode == "data":
        return _cut(definitions, data, lambda element: element.name != "text")
    raise ValueError(f"{mode!r} is not one of true, text, data, false.")


def pick(definitions: Definitions, data: bytes, names: Collection[str]) -> bytes:
    """The bytes of a resource cut to the elements named in `_elements`.

    names: top-level elements (`name`, `Patient.name`, `value`, `valueQuantity`); of a longer path, its first
    element is kept whole. Modifier elements stay as mandatory ones do.
    """
    wanted = {_first(name) for name in names}

    def is_wanted(element: Element) -> bool:
        return (
            element.is_modifier
            or element.name in wanted
            or (element.is_choice and any(_name(element, kind) in wanted for kind in element.types))
        )

    return _cut(definitions, data, is_wanted)


def _first(name: str) -> str:
    parts = name.split(".")
    return (parts[1] if len(parts) > 1 and parts[0][:1].isupper() else parts[0]).removesuffix("[x]")


def _name(element: Element, kind: str) -> str:
    return element.name + kind[0].upper() + kind[1:]


def _cut(definitions: Definitions, data: bytes, is_wanted: Callable[[Element], bool], *, deep: bool = False) -> bytes:
    places = json.members(data)
    if "resourceType" not in places:
        raise json.JsonError("The resource has no resourceType.")
    start, end = places["resourceType"]
    name = json.text_of(data[start:end])
    table = _table(definitions, name)
    kept: dict[str, bytes] = {}
    for key, (start, end) in places.items():
        element, kind = table.get(key.removeprefix("_"), (None, ""))
        value = data[start:end]
        if key == "contained":
            value = value if element and is_wanted(element) else b""
        elif key == "meta":
            value = _tagged(value)
        elif key in _ALWAYS:
            pass
        elif element is None or not (element.min or is_wanted(element)):
            continue
        elif deep and kind and not key.startswith("_"):
            value = _cut_value(definitions, value, kind)
        kept[key] = value
    if kept.get("contained") == b"":
        # What is cut may leave references to what is contained; then that stays, too.
        is_needed = any(b'"#' in value for value in kept.values())
        kept["contained"] = data[slice(*places["contained"])] if is_needed else b""
    parts = [b'"%b":%b' % (key.encode(), value) for key, value in kept.items() if value]
    if "meta" not in places:
        parts.insert(1, b'"meta":{"tag":[%b]}' % TAG)
    return b"{" + b",".join(parts) + b"}"


def _cut_value(definitions: Definitions, value: bytes, name: str) -> bytes:
    """Below the top, only what is marked as summary, what is mandatory, ids and extensions."""
    if value[:1] == b"[":
        items = (value[start:end] for start, end in json.items(value))
        return b"[" + b",".join(_cut_value(definitions, item, name) for item in items) + b"]"
    if value[:1] != b"{":
        return value
    table = _table(definitions, name)
    kept = []
    for key, (start, end) in json.members(value).items():
        element, kind = table.get(key.removeprefix("_"), (None, ""))
        if key not in _INHERITED and (element is None or not (element.min or element.is_summary)):
            continue
        below = value[start:end]
        if kind and key not in _INHERITED and not key.startswith("_"):
            below = _cut_value(definitions, below, kind)
        kept.append(b'"%b":%b' % (key.encode(), below))
    # An element with nothing left would be invalid; whole is better than wrong.
    return b"{" + b",".join(kept) + b"}" if kept else value


def _table(definitions: Definitions, name: str) -> dict[str, tuple[Element, str]]:
    """{JSON name: (element, name of what describes its children or "")}."""
    tables: dict[str, dict[str, tuple[Element, str]]] = definitions.compiled.setdefault(__name__, {})
    if name not in tables:
        table = tables[name] = {}
        for element in definitions.elements(name).values():
            for kind in element.types or ("",):
                key = _name(element, kind) if element.is_choice else element.name
                below = kind if element.is_choice else definitions.type_of_children(name, element)
                is_plain = below in PRIMITIVES or below == "Resource" or definitions.is_resource_type(below)
                table[key] = (element, "" if is_plain else below)
    return tables[name]


def _tagged(meta: bytes) -> bytes:
    places = json.members(meta)
    if "tag" not in places:
        rest = b"," if places else b""
        return meta[:1] + b'"tag":[%b]' % TAG + rest + meta[1:]
    start, end = places["tag"]
    tags = json.items(meta[start:end])
    if any(b'"SUBSETTED"' in meta[start + a : start + b] for a, b in tags):
        return meta
    return json.replace(meta, [(start + 1, start + 1, TAG + (b"," if tags else b""))])
