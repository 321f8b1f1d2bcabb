"""The search parameters of each type, compiled: how they read a resource and how they read a query.

    parameters = Parameters.load(definitions, customs)
    parameters.of("Observation")["code-value-quantity"]  -> Parameter
    condition(parameter, "not", ["final"], context)       -> Condition

A parameter whose values another one has indexed already is not indexed again: it *reads* the other (sharing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    sharing,
    special,
    string,
    token,
    uri,
    values,
)
from lienmach.record.index.condition import Condition, SearchContext
from lienmach.record.index.parameter import Building, Component, Parameter, replaced
from lienmach.standards.fhir import path
from lienmach.standards.fhir.path import Path

if TYPE_CHECKING:
    from lienmach.standards.fhir.definitions import Definitions, SearchParameterDef

KINDS: dict[str, Any] = {
    "number": number,
    "date": date,
    "string": string,
    "token": token,
    "reference": reference,
    "composite": composite,
    "quantity": quantity,
    "uri": uri,
    "special": special,
}
_COMPONENT_KIND = {
    "CodeableConcept": "token",
    "Coding": "token",
    "Identifier": "token",
    "code": "token",
    "boolean": "token",
    "Reference": "reference",
    "Quantity": "quantity",
    "Range": "quantity",
    "Money": "quantity",
    "Age": "quantity",
    "dateTime": "date",
    "Period": "date",
    "date": "date",
    "instant": "date",
    "integer": "number",
    "decimal": "number",
}


class Parameters:
    """All parameters of all types of one tenant: the standard ones and its active custom ones."""

    def __init__(
        self,
        definitions: Definitions,
        customs: Iterable[SearchParameterDef] = (),
        building: Mapping[str, Building] | None = None,
    ) -> None:
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
        self.base_url = ""
        self.walks: dict[str, Any] = {}  # filled by rows.py, type by type

    @classmethod
    def load(
        cls, definitions: Definitions, customs: Iterable[SearchParameterDef] = (), *, base_url: str = ""
    ) -> Parameters:
        """The parameters of R4 and `customs` (record/reindex.py makes them of SearchParameter resources).

        base_url: our own FHIR base; references under it are indexed as what they name here.
        """
        made = cls(definitions, customs)
        made.base_url = base_url
        return made

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
        for parameter in sharing.with_reads(order, self._customs):
            made[parameter.code] = replaced(parameter, building=self.building.get(parameter.url))
        return {code: sharing.with_partners(parameter, made) for code, parameter in sorted(made.items())}

    def _check_numbers(self, type: str, parameters: list[Parameter]) -> None:
        numbers: dict[int, str] = {}
        for parameter in parameters:
            other = numbers.setdefault(parameter.number, parameter.url)
            if other != parameter.url:
                raise ValueError(f"{type}: the numbers of {other} and {parameter.url} collide")


_NO_DOMAIN_RESOURCE = frozenset(("Binary", "Bundle", "Parameters"))


def compile(
    definitions: Definitions, definition: SearchParameterDef, type: str, siblings: dict[str, Parameter]
) -> Parameter | None:
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
    leads = ranks[:1] == (code,) and not any(
        isinstance(step, path.Key) and step.many for branch in compiled.branches for step in branch.steps
    )
    return Parameter(
        type,
        code,
        kind,
        xxh3_64_intdigest(definition.url.encode()) & 0x7FFFFFFF,
        definition.url,
        definition.expression,
        compiled,
        targets=_targets(definitions, definition, compiled) if kind == "reference" else (),
        components=tuple(_components(definitions, definition, compiled)) if kind == "composite" else (),
        hot=hot,
        low_selectivity=kind == "token" and not hot and (plain or code in catalogue.LOW_SELECTIVITY),
        patient=kind == "reference" and _is_subject(type, compiled),
        date_first=leads and len(ranks) == 1,
        date_leads=leads,
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
        branch.steps
        and getattr(branch.steps[0], "name", "") == name
        and (len(branch.steps) == 1 or getattr(branch.steps[1], "label", "") == "is Patient")
        for branch in compiled.branches
    )


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


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter:modifier=found` asks of the index. found: the OR parts, unescaped of `\\,` only.

    modifier: without the colon. Raises errors.UnknownParameter for a modifier that this parameter has not,
    errors.Invalid for a value that cannot be read.
    """
    if parameter.building is not None:
        raise errors.UnknownParameter(
            f"The search parameter '{parameter.code}' of {parameter.type} is being built: {parameter.building.done} of "
            f"{parameter.building.total} resources are indexed. Ask again when it is done."
        )
    if modifier == "missing" and parameter.kind != "composite":
        return values.missing(parameter, found, context)
    if not found or not all(found):
        raise errors.Invalid(f"Search parameter '{parameter.code}' has no value.", code="value")
    if not all(map(_is_text, found)):
        raise errors.Invalid(
            f"Search parameter '{parameter.code}' has a value with characters that no text has.", code="value"
        )
    return KINDS[parameter.kind].condition(parameter, modifier, found, context)


def _is_text(value: str) -> bool:
    """Whether UTF-8 and PostgreSQL can hold it: no NUL, no lone surrogate."""
    if value.isascii():
        return "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def references(parameter: Parameter, resource: dict) -> list[str]:
    """The literal references ("Type/id", absolute or canonical urls) that a reference parameter finds, in order."""
    found = (
        reference.literal(datatype, value)
        for datatype, value in parameter.path.find(resource)
        if reference.is_wanted(parameter, value)
    )
    return list(dict.fromkeys(text for text in found if text))


def modifiers(parameter: Parameter) -> tuple[str, ...]:
    """The modifiers that `condition` takes, for the capability statement; target types of references are not listed."""
    of_kind = {
        "string": ("exact", "contains"),
        "token": ("not", "text"),
        "reference": ("identifier", "[type]"),
        "uri": ("above", "below"),
    }.get(parameter.kind, ())
    more = ("of-type",) if parameter.kind == "token" and "Identifier" in parameter.datatypes else ()
    return () if parameter.kind == "composite" else (*of_kind, *more, "missing")
