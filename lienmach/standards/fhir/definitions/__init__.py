"""What FHIR R4 (4.0.1) defines, as data: types, elements, search parameters, compartments, value sets.

The data live beside this file in `r4.json.gz`, compiled at build by `build/definitions.py`; this module only
reads them. Each section is decoded when it is first asked for, and the elements type by type, so that
loading costs a few milliseconds.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import msgspec

from lienmach.standards.fhir.type_numbers import NAMES, NUMBERS

FILE = "r4.json.gz"
_CHOICE, _SUMMARY, _MODIFIER = 1, 2, 4

# datatypes.html#primitive, in the order of the page.
PRIMITIVES = frozenset(
    (
        "boolean",
        "integer",
        "string",
        "decimal",
        "uri",
        "url",
        "canonical",
        "base64Binary",
        "instant",
        "date",
        "dateTime",
        "time",
        "code",
        "oid",
        "id",
        "markdown",
        "unsignedInt",
        "positiveInt",
        "uuid",
        "xhtml",
    )
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type (elementdefinition.html).

    name: as in the path, without `[x]`; a choice is written in JSON as name + type (`valueQuantity`).
    max: None means no limit; a list in JSON unless max is 1.
    types: type codes; `BackboneElement` and `Element` are described under their own path.
    binding_valueset: canonical URL without version. reference_targets, canonical_targets: () means any.
    content_reference: the path that describes this element (`Bundle.link`), else "".
    """

    name: str
    min: int
    max: int | None
    types: tuple[str, ...]
    binding_strength: str
    binding_valueset: str
    is_choice: bool
    reference_targets: tuple[str, ...]
    content_reference: str
    is_summary: bool
    is_modifier: bool
    canonical_targets: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        return self.max != 1


class SearchParameterDef(msgspec.Struct, frozen=True):
    """One search parameter (searchparameter.html).

    base: types, or `Resource`, `DomainResource`. components: (definition URL, expression) of a composite.
    expression: FHIRPath, "" for `_text`, `_content`, `_query`, which have none.
    """

    code: str
    base: tuple[str, ...]
    type: str
    expression: str
    target: tuple[str, ...]
    components: tuple[tuple[str, str], ...]
    url: str
    multiple_or: bool
    multiple_and: bool
    comparators: tuple[str, ...]
    modifiers: tuple[str, ...]
    description: str


class _File(msgspec.Struct):
    version: str
    types: tuple[str, ...]
    elements: dict[str, msgspec.Raw]
    search_parameters: msgspec.Raw
    compartments: msgspec.Raw
    valuesets: msgspec.Raw


_Tables = dict[str, dict[str, list]]


class Definitions:
    """All that is defined, read-only. Made by `load()`; all answers are cached and shared, do not change them."""

    def __init__(self, text: bytes) -> None:
        self._file = msgspec.json.decode(text, type=_File)
        self.version: str = self._file.version
        self.types: tuple[str, ...] = self._file.types
        self._types = frozenset(self.types)
        self._elements: dict[str, dict[str, Element]] = {}
        self._search_parameters: list[SearchParameterDef] | None = None
        self._compartments: dict[str, dict[str, tuple[str, ...]]] | None = None
        self._valuesets: dict[str, list] | None = None
        self._codes: dict[str, frozenset[tuple[str, str]] | None] = {}
        self._summaries: dict[str, frozenset[str]] = {}
        # Whatever others compile from these definitions, by their module's name, so that it lives as long as they do.
        self.compiled: dict[str, Any] = {}

    def is_resource_type(self, name: str) -> bool:
        """Whether resources of this type can be stored: abstract types are not."""
        return name in self._types

    def type_number(self, name: str) -> int:
        """The small stable number of a resource type in the store. Raises KeyError for an unknown type."""
        return NUMBERS[name]

    def type_name(self, number: int) -> str:
        """The type with this number. Raises KeyError."""
        return NAMES[number]

    def elements(self, name: str) -> dict[str, Element]:
        """The elements of a resource type, data type or path with children (`Patient.contact`), by name.

        Primitive types have none. Raises KeyError for an unknown name.
        """
        found = self._elements.get(name)
        if found is None:
            self._read(name.split(".", 1)[0])
            found = self._elements[name]
        return found

    def element(self, path: str) -> Element:
        """The element at a path of definitions such as `Patient.contact.name`, `Observation.value`, `HumanName.given`.

        Paths through data types (`Patient.name.given`) are followed, too. Raises KeyError.
        """
        parts = path.split(".")
        here, element = parts[0], None
        for name in parts[1:]:
            element = self.elements(here)[name]
            here = self.type_of_children(here, element)
        if element is None:
            raise KeyError(path)
        return element

    def type_of_children(self, parent: str, element: Element) -> str:
        """The name to ask `elements()` for what is below an element: a type, a path, or the one referred to."""
        if element.content_reference:
            return element.content_reference
        if element.types[0] in ("BackboneElement", "Element"):
            return f"{parent}.{element.name}"
        return element.types[0]

    def summary_elements(self, name: str) -> frozenset[str]:
        """Names of the top-level elements of a type that belong to its summary (search.html#summary)."""
        found = self._summaries.get(name)
        if found is None:
            found = self._summaries[name] = frozenset(e.name for e in self.elements(name).values() if e.is_summary)
        return found

    def search_parameters(self) -> list[SearchParameterDef]:
        """All search parameters of R4, those of Resource and DomainResource included, by code and url."""
        if self._search_parameters is None:
            self._search_parameters = msgspec.json.decode(self._file.search_parameters, type=list[SearchParameterDef])
        return self._search_parameters

    def compartment(self, name: str) -> dict[str, tuple[str, ...]]:
        """{type: names of search parameters that put it into this compartment}; the focus itself is implied.

        name: Patient, Encounter, Practitioner, RelatedPerson or Device. Raises KeyError.
        """
        if self._compartments is None:
            self._compartments = msgspec.json.decode(
                self._file.compartments, type=dict[str, dict[str, tuple[str, ...]]]
            )
        return self._compartments[name]

    def valueset_codes(self, url: str) -> frozenset[tuple[str, str]] | None:
        """(system, code) pairs of a value set that a required binding names, or None if it is open or unknown.

        Open are those whose codes FHIR does not list, such as MIME types and UCUM units.
        """
        url = url.split("|", 1)[0]
        if url not in self._codes:
            if self._valuesets is None:
                self._valuesets = msgspec.json.decode(self._file.valuesets)
            parts = self._valuesets.get(url)
            self._codes[url] = (
                None if parts is None else frozenset((system, code) for system, codes in parts for code in codes)
            )
        return self._codes[url]

    def _read(self, name: str) -> None:
        tables = msgspec.json.decode(self._file.elements[name], type=_Tables)
        for path, table in tables.items():
            self._elements[path] = {child: _element(child, *row) for child, row in table.items()}


def _element(
    name: str,
    min: int,
    max: int,
    types: list[str],
    flags: int = 0,
    binding_strength: str = "",
    binding_valueset: str = "",
    reference_targets: Sequence[str] = (),
    content_reference: str = "",
    canonical_targets: Sequence[str] = (),
) -> Element:
    return Element(
        name,
        min,
        max or None,
        tuple(types),
        binding_strength,
        binding_valueset,
        bool(flags & _CHOICE),
        tuple(reference_targets),
        content_reference,
        bool(flags & _SUMMARY),
        bool(flags & _MODIFIER),
        tuple(canonical_targets),
    )


@lru_cache(maxsize=1)
def load() -> Definitions:
    """Read the packaged definitions, once per process."""
    try:
        packed = resources.files(__name__).joinpath(FILE).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{FILE} is missing: it is made at build by build/definitions.py") from None
    return Definitions(gzip.decompress(packed))
