"""One search parameter on one resource type, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lienmach.standards.fhir.path import Path


@dataclass(slots=True)
class Building:
    """How far the index of a parameter is; record/reindex.py moves it while the parameter is written, not yet read."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One part of a composite. kind: of its values, told by the expression, not by the definition it names.

    paths: the expression compiled for each datatype that the composite's own expression finds.
    parameter: the parameter of the same type that says the same of the whole resource, if there is one.
    """

    code: str
    kind: str
    expression: str
    paths: dict[str, Path]
    targets: tuple[str, ...] = ()
    parameter: Parameter | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One search parameter on one resource type.

    type: resource type, such as "Observation". code: name in the query. kind: number | date | string | token |
    reference | composite | quantity | uri | special. number: 31-bit hash of the url, stable, in the side tables.
    targets: resource types a reference may point at (empty: any). components: for composites.
    hot: its terms are in `post` too. low_selectivity: status-like; filter only, never drive a query.
    patient: it is the reference behind `ix.pat` of this type (the term in pat is then exact).
    date_first: `ix.d1` of this type is the low edge of this parameter's first value (sorting by it may use d1).
    date_leads: it is the first of the main dates: of a row that has it, `ix.d1` is the low edge of its value.
    date_rank: its place among the main dates of the type, else None.
    required: a valid resource always has a value. bindings: value sets of its `code` elements.
    reads: the parameters whose index it uses instead of its own; narrowed: it takes only some of their values.
    also: parameters whose rows it uses besides its own; covered: the parts of its values that these have indexed.
    building: it cannot be searched yet.
    """

    type: str
    code: str
    kind: str
    number: int
    url: str
    expression: str
    path: Path
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    hot: bool = False
    low_selectivity: bool = False
    patient: bool = False
    date_first: bool = False
    date_leads: bool = False
    date_rank: int | None = None
    required: bool = False
    bindings: tuple[str, ...] = ()
    reads: tuple[Parameter, ...] = ()
    narrowed: bool = False
    also: tuple[Parameter, ...] = ()
    covered: frozenset[str] = frozenset()
    building: Building | None = None

    @property
    def datatypes(self) -> frozenset[str]:
        return self.path.datatypes

    @property
    def sources(self) -> tuple[Parameter, ...]:
        """The parameters under whose names its values are indexed."""
        return tuple(dict.fromkeys(one for read in self.reads for one in read.sources)) or (self, *self.also)

    @property
    def present_in(self) -> tuple[Parameter, ...]:
        """The parameters whose presence terms say that it has a value."""
        return (self,) if self.narrowed else self.sources


def replaced(value: Any, **changes: Any) -> Any:
    """A copy of a Parameter or Component with some fields changed; quicker than dataclasses.replace."""
    return value.__class__(**{name: changes.get(name, getattr(value, name)) for name in value.__dataclass_fields__})
