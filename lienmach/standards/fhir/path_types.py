"""The types behind search expressions: what an element is called in JSON, and which types a name may mean.

`Schema` asks the FHIR definitions for one expression and remembers the answers; the functions need no definitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lienmach.standards.fhir.path_syntax import PathError

if TYPE_CHECKING:
    from lienmach.standards.fhir.definitions import Definitions

ABSTRACT = ("Resource", "DomainResource")
_QUANTITIES = frozenset(("Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"))
_SPELLINGS = {
    "DateTime": "dateTime",
    "Date": "date",
    "String": "string",
    "Boolean": "boolean",
    "Integer": "integer",
    "Decimal": "decimal",
    "Code": "code",
    "Uri": "uri",
}


class Schema:
    """The definitions as one expression on one focus type sees them."""

    def __init__(self, definitions: Definitions, type: str) -> None:
        self.definitions, self.type = definitions, type
        self._children: dict[tuple[str, str], tuple[tuple[str, str, bool], ...]] = {}

    def entries(self, type: str, name: str) -> tuple[tuple[str, str, bool], ...]:
        """(JSON key, datatype, is a list) of each form of an element; () if the type does not have it."""
        found = self._children.get((type, name))
        if found is None:
            found = self._children[type, name] = tuple(self._entries(type, name))
        return found

    def _entries(self, type: str, name: str) -> Iterator[tuple[str, str, bool]]:
        if is_primitive(type) or type.startswith(("%", "System.")):
            return
        try:
            elements = self.definitions.elements(type)
        except KeyError:
            return
        element = elements.get(name)
        if element is not None and not element.is_choice:
            yield name, self.definitions.type_of_children(type, element), element.is_list
        elif element is not None:
            for child in element.types:
                yield name + child[0].upper() + child[1:], child, element.is_list
        elif name[:1] == "_" and (element := elements.get(name[1:])) is not None and is_primitive(element.types[0]):
            yield name, "Element", element.is_list  # where the extensions of a primitive stand
        elif name in ("id", "extension"):
            yield name, "string" if name == "id" else "Extension", name == "extension"
        else:  # `valueQuantity`, as some write it
            for choice in elements.values():
                if choice.is_choice and name.startswith(choice.name):
                    for child in choice.types:
                        if name == choice.name + child[0].upper() + child[1:]:
                            yield name, child, choice.is_list

    def is_required(self, type: str, name: str) -> bool:
        """Whether a valid resource always has this element."""
        element = self.definitions.elements(type).get(name)
        return element is not None and element.min > 0 and not element.is_choice

    def root(self, name: str) -> bool | None:
        """True: the name is the type of the focus; False: another resource type; None: an element."""
        if name == self.type or (name in ABSTRACT and self.definitions.is_resource_type(self.type)):
            return True
        if name[:1].isupper() and (self.definitions.is_resource_type(name) or name in ABSTRACT):
            return False
        return None

    def need_type(self, type: str) -> None:
        """Raise PathError unless this is a type of R4."""
        if type in ABSTRACT or self.definitions.is_resource_type(type) or is_primitive(_SPELLINGS.get(type, type)):
            return
        if type not in _QUANTITIES:
            try:
                self.definitions.elements(type)
            except KeyError:
                raise PathError(f"'{type}' is not a FHIR R4 type.") from None


def is_a(datatype: str, type: str) -> bool:
    """Whether a value of `datatype` is of `type`: itself, or a kind of Quantity, or any resource."""
    type = _SPELLINGS.get(type, type)
    if datatype == type:
        return True
    return (type == "Quantity" and datatype in _QUANTITIES) or type == "Resource"


def type_of_reference(value: Any, root: dict) -> str:
    """The resource type that a Reference points at, without looking there: by its text, `type` or #contained; or ''."""
    if not isinstance(value, dict):
        return _type_in_url(value) if isinstance(value, str) else ""
    text = value.get("reference")
    if isinstance(text, str):
        if text.startswith("#"):
            for contained in root.get("contained") or ():
                if isinstance(contained, dict) and contained.get("id") == text[1:]:
                    return str(contained.get("resourceType", ""))
        elif found := _type_in_url(text):
            return found
    stated = value.get("type")
    return stated if isinstance(stated, str) else ""


def _type_in_url(text: str) -> str:
    if text.startswith("urn:"):
        return ""
    text = text.partition("?")[0].partition("/_history/")[0]
    before, slash, _ = text.rpartition("/")
    name = before.rpartition("/")[2] if slash else text
    return name if name[:1].isupper() and name.isalpha() else ""


def is_primitive(datatype: str) -> bool:
    """Whether a datatype is a primitive one; those begin with a small letter."""
    return datatype[:1].islower()
