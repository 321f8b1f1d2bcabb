"""The search parameters of each type, compiled: how they read a resource and how they read a query.

    parameters = Parameters.load(definitions, customs)
    parameters.of("Observation")["code-value-quantity"]  -> Parameter
    condition(parameter, "not", ["final"], context)       -> Condition

A parameter whose values another one has indexed already is not indexed again: it *reads* the other. So
`combo-code` reads `code` and `component-code`, `patient` reads `subject` with targets narrowed to Patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from lienmach.base import errors
from lienmach.record import subject
from lienmach.record.index import (
    catalogue,
    composite,
    date,
    number,
    quantity,
    reference,
    special,
    string,
    token,
    uri,
    values,
)
from lienmach.record.index.condition import Condition, SearchContext
from lienmach.standards.fhir import path
from lienmach.standards.fhir.path import Path

if TYPE_CHECKING:
    from lienmach.standards.fhir.definitions import Definitions, SearchParameterDef

KINDS: dict[str, Any] = {
    "number": number, "date": date, "string": string, "token": token, "reference": reference,
    "composite": composite, "quantity": quantity, "uri": uri, "special": special,
}
_COMPONENT_KIND = {
    "CodeableConcept": "token", "Coding": "token", "Identifier": "token", "code": "token", "boolean": "token",
    "Reference": "reference", "Quantity": "quantity", "Range": "quantity", "Money": "quantity", "Age": "quantity",
    "dateTime": "date", "Period": "date", "date": "date", "instant": "date", "integer": "number", "decimal": "number",
}


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
    date_rank: its place among the main dates of the type, else None.
    required: a valid resource always has a value. bindings: value sets of its `code` elements.
    reads: the parameters whose index it uses instead of its own; narrowed: it takes only some of their values.
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
    date_rank: int | None = None
    required: bool = False
    bindings: tuple[str, ...] = ()
    reads: tuple[Parameter, ...] = ()
    narrowed: bool = False
    building: Building | None = None

    @property
    def datatypes(self) -> frozenset[str]:
        return self.path.datatypes

    @property
    def sources(self) -> tuple[Parameter, ...]:
        """The parameters under whose names its values are indexed."""
        return self.reads or (self,)

    @property
    def present_in(self) -> tuple[Parameter, ...]:
        """The parameters whose presence terms say that it has a value."""
        return (self,) if self.narrowed else self.sources


@dataclass(slots=True)
class Building:
    """How far the index of a parameter is; record/reindex.py moves it while the parameter is written, not yet read."""

    done: int = 0
    total: int = 0


class Parameters:
    """All parameters of all types of one tenant: the standard ones and its active custom ones."""

    def __init__(self, definitions: Definitions, customs: Iterable[SearchParameterDef] = (),
                 building: Mapping[str, Building] | None = None) -> None:
        """building: by url, those of `customs` that are indexed already but not searchable yet."""
        self.definitions = definitions
        self.building = dict(building or {})
        self._bases: dict[str, list[SearchParameterDef]] = {}
        self.customs = list(customs)
        self._customs = {one.url for one in self.customs}
        for one in [*definitions.search_parameters(), *self.customs]:
            if one.code not in catalogue.NOT_INDEXED:
                for base in one.base:
                    self._bases.setdefault(base, []).append(one)
        self._types: dict[str, dict[str, Parameter]] = {}
        self.walks: dict[str, Any] = {}  # filled by rows.py, type by type

    @classmethod
    def load(cls, definitions: Definitions, customs: Iterable[SearchParameterDef] = ()) -> Parameters:
        """The parameters of R4 and `customs` (record/reindex.py makes them of SearchParameter resources)."""
        return cls(definitions, customs)

    def of(self, resource_type: str) -> dict[str, Parameter]:
        """code -> Parameter of a type, those of Resource and DomainResource included, `_id`, `_lastUpdated` not.

        Compiled when a type is first asked for. An unknown type has none.
        """
        found = self._types.get(resource_type)
        if found is None:
            found = self._types[resource_type] = self._compile(resource_type)
        return found

    def _compile(self, type: str) -> dict[str, Parameter]:
        if not self.definitions.is_resource_type(type):
            return {}
        bases = (type, "Resource") if type in _NO_DOMAIN_RESOURCE else (type, "Resource", "DomainResource")
        listed = [one for base in bases for one in self._bases.get(base, ())]
        made: dict[str, Parameter] = {}
        order: list[Parameter] = []
        for one in listed:
            if one.code in made:
                continue
            parameter = compile(self.definitions, one, type, made)
            if parameter is not None:
                made[one.code] = parameter
                order.append(parameter)
        self._check_numbers(type, order)
        for parameter in _with_reads(order, self._customs):
            made[parameter.code] = _replace(parameter, building=self.building.get(parameter.url))
        return {code: _with_partners(parameter, made) for code, parameter in sorted(made.items())}

    def _check_numbers(self, type: str, parameters: list[Parameter]) -> None:
        numbers: dict[int, str] = {}
        for parameter in parameters:
            other = numbers.setdefault(parameter.number, parameter.url)
            if other != parameter.url:
                raise ValueError(f"{type}: the numbers of {other} and {parameter.url} collide")


_NO_DOMAIN_RESOURCE = frozenset(("Binary", "Bundle", "Parameters"))


def compile(definitions: Definitions, definition: SearchParameterDef, type: str,
            siblings: dict[str, Parameter]) -> Parameter | None:
    """One parameter for one type, or None if its expression finds nothing there.

    Raises path.PathError for an expression that is not supported.
    """
    compiled = path.compile(definitions, definition.expression, type)
    if not compiled.branches:
        return None
    kind, code = definition.type, definition.code
    hot = (code == "identifier" and kind == "token") or (type, code) in catalogue.HOT
    ranks = catalogue.PRIMARY_DATES.get(type, ())
    plain = compiled.datatypes <= {"code", "boolean"}
    return Parameter(
        type, code, kind, xxh3_64_intdigest(definition.url.encode()) & 0x7FFFFFFF, definition.url, definition.expression,
        compiled,
        targets=_targets(definitions, definition, compiled) if kind == "reference" else (),
        components=tuple(_components(definitions, definition, compiled)) if kind == "composite" else (),
        hot=hot,
        low_selectivity=kind == "token" and not hot and (plain or code in catalogue.LOW_SELECTIVITY),
        patient=kind == "reference" and _is_subject(type, compiled),
        date_first=ranks == (code,),
        date_rank=ranks.index(code) if code in ranks else None,
        required=compiled.required and kind in ("token", "reference", "uri"),
        bindings=tuple(dict.fromkeys(_bindings(definitions, compiled))) if kind == "token" else (),
    )


def _targets(definitions: Definitions, definition: SearchParameterDef, compiled: Path) -> tuple[str, ...]:
    """The types that the definition and the elements allow, without types that cannot be stored."""
    for branch in compiled.branches:
        label = getattr(branch.steps[-1], "label", "") if branch.steps else ""
        if label.startswith("is "):
            return (label[3:],)
    return tuple(target for target in definition.target if definitions.is_resource_type(target))


def _is_subject(type: str, compiled: Path) -> bool:
    name = subject.ELEMENT.get(type)
    return name is not None and all(
        branch.steps and getattr(branch.steps[0], "name", "") == name
        and (len(branch.steps) == 1 or getattr(branch.steps[1], "label", "") == "is Patient")
        for branch in compiled.branches)


def _bindings(definitions: Definitions, compiled: Path) -> Iterator[str]:
    for branch in compiled.branches:
        if branch.datatype == "code" and branch.element[0]:
            element = definitions.elements(branch.element[0]).get(branch.element[1])
            if element is not None and element.binding_valueset:
                yield element.binding_valueset


def _components(definitions: Definitions, definition: SearchParameterDef, compiled: Path) -> Iterator[Component]:
    by_url = {one.url: one for one in definitions.search_parameters()}
    for url, expression in definition.components:
        paths = {datatype: path.compile(definitions, expression, datatype) for datatype in compiled.datatypes}
        named = by_url.get(url)
        found = {_COMPONENT_KIND.get(datatype, "string") for one in paths.values() for datatype in one.datatypes}
        stated = named.type if named is not None else "token"
        kind = stated if stated in found or not found else "token" if "token" in found else sorted(found)[0]
        targets = tuple(t for t in named.target if definitions.is_resource_type(t)) if named is not None else ()
        yield Component(named.code if named is not None else expression, kind, expression, paths, targets)


# Which parameter reads which

def _with_reads(parameters: list[Parameter], customs: set[str]) -> Iterator[Parameter]:
    """The parameters again, those that can read others with `reads` set. A standard one never reads a custom one."""
    own: list[Parameter] = []
    for parameter in sorted(parameters, key=lambda p: (
            p.url in customs, _is_filtered(p), len(p.path.branches), len(p.code), p.code)):
        found = _covering(parameter, [other for other in own if other.kind == parameter.kind])
        if found is None:
            own.append(parameter)
            yield parameter
            continue
        reads, narrowed = found
        yield _replace(parameter, reads=reads, narrowed=narrowed, hot=all(one.hot for one in reads),
                       date_first=len(reads) == 1 and reads[0].date_first)


def _covering(parameter: Parameter, others: list[Parameter]) -> tuple[tuple[Parameter, ...], bool] | None:
    mine = _signature(parameter)
    if mine is None:
        return None
    reads = tuple(other for other in others if (theirs := _signature(other)) is not None and theirs <= mine
                  and _components_alike(parameter, other))
    if reads and frozenset().union(*(_signature(other) or frozenset() for other in reads)) == mine:
        return reads, False
    if parameter.kind == "reference" and not parameter.hot and len(mine) == 1:
        (branch,) = mine
        if branch[-2:-1] and branch[-2].startswith("?is "):
            wider = frozenset(((*branch[:-2], branch[-1]),))
            for other in others:
                if _signature(other) == wider:
                    return (other,), True
    return None


def _signature(parameter: Parameter) -> frozenset[tuple[str, ...]] | None:
    found = [branch.signature for branch in parameter.path.branches]
    return None if None in found else frozenset(one for one in found if one is not None)


def _is_filtered(parameter: Parameter) -> bool:
    return any(isinstance(step, path.Keep) for branch in parameter.path.branches for step in branch.steps)


def _components_alike(one: Parameter, other: Parameter) -> bool:
    return [(c.expression, c.kind) for c in one.components] == [(c.expression, c.kind) for c in other.components]


def _with_partners(parameter: Parameter, made: dict[str, Parameter]) -> Parameter:
    """A composite whose components know the plain parameters that imply them."""
    if not parameter.components:
        return parameter
    components = tuple(_replace(c, parameter=_partner(parameter, c, made)) for c in parameter.components)
    return _replace(parameter, components=components)


def _partner(parameter: Parameter, component: Component, made: dict[str, Parameter]) -> Parameter | None:
    """The token parameter that finds at least the tokens that the component finds."""
    found = made.get(component.code)
    if found is None or found.kind != component.kind or component.kind != "token":
        return None
    theirs = _signature(found)
    if theirs is None:
        return None
    for base in parameter.path.branches:
        inner = component.paths.get(base.datatype)
        for branch in inner.branches if inner is not None else ():
            start, end = base.signature, branch.signature
            if start is None or end is None or (*start[:-1], *end) not in theirs:
                return None
    return found


def _replace(value: Any, **changes: Any) -> Any:
    return value.__class__(**{
        name: changes.get(name, getattr(value, name)) for name in value.__dataclass_fields__})


# Reading

def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter:modifier=found` asks of the index. found: the OR parts, unescaped of `\\,` only.

    modifier: without the colon. Raises errors.UnknownParameter for a modifier that this parameter has not,
    errors.Invalid for a value that cannot be read.
    """
    if parameter.building is not None:
        raise errors.UnknownParameter(
            f"The search parameter '{parameter.code}' of {parameter.type} is being built: {parameter.building.done} of "
            f"{parameter.building.total} resources are indexed. Ask again when it is done.")
    if modifier == "missing" and parameter.kind != "composite":
        return values.missing(parameter, found, context)
    if not found or not all(found):
        raise errors.Invalid(f"Search parameter '{parameter.code}' has no value.", code="value")
    return KINDS[parameter.kind].condition(parameter, modifier, found, context)


def references(parameter: Parameter, resource: dict) -> list[str]:
    """The literal references ("Type/id", absolute or canonical urls) that a reference parameter finds, in order."""
    found = (reference.literal(datatype, value) for datatype, value in parameter.path.find(resource)
             if reference.is_wanted(parameter, value))
    return list(dict.fromkeys(text for text in found if text))


def modifiers(parameter: Parameter) -> tuple[str, ...]:
    """The modifiers that `condition` takes, for the capability statement; target types of references are not listed."""
    of_kind = {"string": ("exact", "contains"), "token": ("not", "text"), "reference": ("identifier", "[type]"),
               "uri": ("above", "below")}.get(parameter.kind, ())
    more = ("of-type",) if parameter.kind == "token" and "Identifier" in parameter.datatypes else ()
    return () if parameter.kind == "composite" else (*of_kind, *more, "missing")
