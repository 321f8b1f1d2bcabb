"""From what was asked to what a row needs: parameters by name, chains and `_has` resolved step by step.

A hop of a chain is a search of its own: it finds ids (or patients), at most `chain_ids_max` of them, and hands them
to the next hop as values. Every hop has tenant and `access.visible` in its statement, so that a reference to
something that the actor may not see answers nothing about it (FHIR R4 search.html#chaining, #has).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from lienmach.base import errors
from lienmach.record import frames, plan
from lienmach.record.choice import Plan
from lienmach.record.index import date, terms
from lienmach.record.index import parameters as index_parameters
from lienmach.record.index.condition import Condition, SearchContext
from lienmach.record.index.parameters import Parameter
from lienmach.record.need import Either, Ids, Need, Patients, Rows, Side, Terms, Updated, of_condition
from lienmach.standards.fhir import dates
from lienmach.standards.fhir.query_values import Criterion, Hop

_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d.*)\Z", re.DOTALL)
_LITERAL = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
NOTHING = Rows(())


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading criteria needs. ids_max: most resources that one hop hands on. ids: what `_id` leaves, if it is asked
    for once: a first `_has` looks at nobody else."""

    tx: Any
    context: SearchContext
    ids_max: int
    ids: tuple[str, ...] = ()


def reading(tx: Any, *, ids_max: int, ids: tuple[str, ...] = ()) -> Reading:
    """The reading of one unit of work."""
    tenant = tx.tenant
    context = SearchContext(
        tenant=tenant.number,
        term_seed=tenant.term_seed,
        tz=tenant.time_zone,
        now=tx.now,
        definitions=tx.definitions,
        base_url=getattr(tx.store, "base_url", ""),
    )
    return Reading(tx, context, ids_max, ids)


def parameter_of(tx: Any, resource_type: str, code: str, name: str) -> Parameter:
    """The parameter `code` of a type. Raises errors.UnknownParameter with the name as it was sent."""
    found: Parameter | None = tx.parameters.of(resource_type).get(code)
    if found is None:
        raise errors.UnknownParameter(f"{resource_type} has no search parameter '{name[:80]}'.")
    return found


async def need_of(read: Reading, resource_type: str, criterion: Criterion) -> Need:
    """What `criterion` needs of a row of `resource_type`.

    Raises errors.UnknownParameter, errors.Invalid for a value, errors.TooLarge when a hop finds too many.
    """
    if criterion.hops:
        first, rest = criterion.hops[0], _after_first(criterion)
        return await (_reverse if first.reverse else _forward)(read, resource_type, first, rest)
    if criterion.code in _OF_EVERY_TYPE:
        if criterion.modifier:
            raise errors.UnknownParameter(f"'{criterion.code}' has no modifier ':{criterion.modifier[:40]}'.")
        return _OF_EVERY_TYPE[criterion.code](read, resource_type, criterion.values)
    parameter = parameter_of(read.tx, resource_type, criterion.code, criterion.name)
    condition = index_parameters.condition(parameter, criterion.modifier, list(criterion.values), read.context)
    need = of_condition(condition, read.tx.definitions.type_number(resource_type))
    if resource_type == frames.TYPE:
        return await _with_frames(read, condition, need)
    if parameter.date_first and isinstance(need, Side) and not criterion.modifier and len(criterion.values) == 1:
        prefix, low, _ = date.parse(parameter, criterion.values[0], read.context)
        return replace(need, reach=low) if prefix in ("ge", "gt") else need
    if parameter.patient and not criterion.modifier and isinstance(need, Terms):
        return _by_patient(read, parameter, criterion.values) or need
    return need


async def _with_frames(read: Reading, condition: Condition, need: Need) -> Need:
    """An audit event has most of its terms by its frame (record/frames.py)."""
    found = await frames.matching(read.tx, condition)
    if not found:
        return need
    if condition.side is not None:
        return Either((need, Terms(found)))
    number = read.tx.definitions.type_number(frames.TYPE)
    return of_condition(replace(condition, terms=(*condition.terms, *found), hot=False), number)


def implied(read: Reading, resource_type: str, criterion: Criterion) -> Need | None:
    """A wider need that every row with `criterion` meets too and that drives better, if there is one."""
    if criterion.hops or criterion.code in _OF_EVERY_TYPE:
        return None
    parameter = parameter_of(read.tx, resource_type, criterion.code, criterion.name)
    if parameter.kind != "composite":
        return None
    found = index_parameters.condition(parameter, criterion.modifier, list(criterion.values), read.context).implies
    return None if found is None else of_condition(found, read.tx.definitions.type_number(resource_type))


def _after_first(criterion: Criterion) -> Criterion:
    return Criterion(criterion.name, criterion.hops[1:], criterion.code, criterion.modifier, criterion.values)


def _by_patient(read: Reading, parameter: Parameter, values: tuple[str, ...]) -> Need | None:
    """The shorter way for `patient=Patient/1`, `patient=1`: ix.pat, which is kept in natural order."""
    found = []
    base = read.context.base_url
    for value in values:
        if base and value.startswith(base + "/"):
            value = value[len(base) + 1 :]
        if value.startswith("Patient/"):
            value = value[8:]
        elif "/" in value or parameter.targets != ("Patient",):
            return None
        if not ID.match(value):
            return None
        found.append(terms.patient_term(read.context.term_seed, "Patient/" + value))
    return Patients(tuple(found), (read.tx.definitions.type_number(parameter.type),))


# --------------------------------------------------------------------------------------------- one hop


async def _forward(read: Reading, resource_type: str, hop: Hop, rest: Criterion) -> Need:
    """`subject:Patient.name=an`: find the patients, then the rows that refer to one of them."""
    parameter = parameter_of(read.tx, resource_type, hop.code, rest.name)
    if parameter.kind != "reference":
        raise errors.UnknownParameter(
            f"'{hop.code}' of {resource_type} is not a reference; '{rest.name[:80]}' cannot follow it."
        )
    known = frozenset(read.tx.definitions.types)
    targets = [one for one in (parameter.targets or sorted(known)) if one in known]
    if hop.type is not None:
        if hop.type not in known or (parameter.targets and hop.type not in parameter.targets):
            raise errors.UnknownParameter(
                f"'{hop.code}' of {resource_type} never refers to '{hop.type[:40]}' (in '{rest.name[:80]}')."
            )
        targets = [hop.type]
    answering = [one for one in targets if _answers(read.tx, one, rest)]
    if not answering:
        raise errors.UnknownParameter(
            f"Nothing that '{hop.code}' of {resource_type} refers to has the search parameter of '{rest.name[:80]}'."
        )
    references: list[str] = []
    for target in answering:
        references += [f"{target}/{one}" for one in await _ids(read, target, rest, read.ids_max - len(references))]
    if not references:
        return NOTHING
    number = read.tx.definitions.type_number(resource_type)
    if parameter.patient and answering == ["Patient"]:
        return Patients(tuple(terms.patient_term(read.context.term_seed, one) for one in references), (number,))
    return of_condition(index_parameters.condition(parameter, None, references, read.context), number)


async def _reverse(read: Reading, resource_type: str, hop: Hop, rest: Criterion) -> Need:
    """`_has:Observation:patient:code=x`: find the observations, then whom they refer to."""
    tx = read.tx
    source = hop.type or ""
    if source not in tx.definitions.types:
        raise errors.UnknownParameter(f"There is no resource type '{source[:40]}' (in '{rest.name[:80]}').")
    parameter = parameter_of(tx, source, hop.code, rest.name)
    if parameter.kind != "reference" or (parameter.targets and resource_type not in parameter.targets):
        raise errors.UnknownParameter(
            f"'{hop.code}' of {source} does not refer to {resource_type} (in '{rest.name[:80]}')."
        )
    number = tx.definitions.type_number(resource_type)
    asked = await _plan(read, source, rest, read.ids_max)
    if resource_type == "Patient" and parameter.patient:
        named = _of_the_named(read, tx.definitions.type_number(source))
        statement = plan.patients(tx, replace(asked, needs=(*asked.needs, *named)))
        found = await tx.fetch(statement.sql, *statement.args)
        _refuse_many(read, len(found), read.ids_max, rest.name)
        return Patients(tuple(row["pat"] for row in found), (number,)) if found else NOTHING
    statement = plan.current(tx, asked)
    found = await tx.fetch(statement.sql, *statement.args)
    _refuse_many(read, len(found), read.ids_max, rest.name)
    wanted = dict.fromkeys(
        literal[1]
        for row in found
        for literal in literals(parameter, body_of(row), read.context.base_url)
        if literal[0] == resource_type
    )
    return Ids((number,), tuple(wanted)) if wanted else NOTHING


async def _ids(read: Reading, resource_type: str, criterion: Criterion, most: int) -> list[str]:
    """Ids of the resources of a type that fit one criterion."""
    asked = await _plan(read, resource_type, criterion, most)
    statement = plan.ids(read.tx, asked)
    found = await read.tx.fetch(statement.sql, *statement.args)
    _refuse_many(read, len(found), most, criterion.name)
    return [row["id"] for row in found]


async def _plan(read: Reading, resource_type: str, criterion: Criterion, most: int) -> Plan:
    need = await need_of(replace(read, ids=()), resource_type, criterion)
    number = read.tx.definitions.type_number(resource_type)
    return Plan((number,), (need,), limit=max(most, 0) + 1)


def _of_the_named(read: Reading, type_number: int) -> tuple[Need, ...]:
    """The rows about the people whom `_id` names, where it does: else a step back would find everybody's."""
    if not read.ids:
        return ()
    return (
        Patients(
            tuple(terms.patient_term(read.context.term_seed, f"Patient/{one}") for one in read.ids), (type_number,)
        ),
    )


def _refuse_many(read: Reading, count: int, most: int, name: str) -> None:
    if count > max(most, 0):
        raise errors.TooLarge(f"A step of '{name[:80]}' finds more than {read.ids_max} resources; narrow it down.")


def _answers(tx: Any, resource_type: str, criterion: Criterion) -> bool:
    """Whether the next step of a chain exists on this type."""
    if criterion.hops:
        first = criterion.hops[0]
        return first.reverse or first.code in tx.parameters.of(resource_type)
    return criterion.code in _OF_EVERY_TYPE or criterion.code in tx.parameters.of(resource_type)


# --------------------------------------------------------------------------- bodies and their references


def body_of(row: Any) -> dict[str, Any]:
    """The resource of a row of `version`, for reading references; stored bodies were checked at the door."""
    found: dict[str, Any] = msgspec.json.decode(row["body"])
    return found


def literals(parameter: Parameter, resource: dict[str, Any], base_url: str) -> list[tuple[str, str]]:
    """(type, id) of everything here that a reference parameter of this resource points at, versions cut off."""
    found = []
    for text in index_parameters.references(parameter, resource):
        if "://" in text:
            if not base_url or not text.startswith(base_url + "/"):
                continue
            text = text[len(base_url) + 1 :]
        matched = _LITERAL.match(text)
        if matched and text.count("/") <= 3:
            found.append((matched[1], matched[2]))
    return found


async def members_of_list(read: Reading, resource_types: tuple[str, ...], list_id: str) -> Need:
    """The rows that a List names in entry.item, if the actor may see that List; else nothing."""
    tx = read.tx
    number = tx.definitions.type_number("List")
    statement = plan.current(tx, Plan((number,), (Ids((number,), (list_id,)),), limit=1))
    found = await tx.fetch(statement.sql, *statement.args)
    if not found:
        return NOTHING
    named = [
        matched
        for entry in body_of(found[0]).get("entry", ())
        if not entry.get("deleted")
        and (
            matched := _LITERAL.match(
                str(entry.get("item", {}).get("reference", "")).removeprefix(
                    read.context.base_url + "/" if read.context.base_url else ""
                )
            )
        )
    ]
    parts = []
    for one in resource_types:
        wanted = tuple(dict.fromkeys(matched[2] for matched in named if matched[1] == one))
        if wanted:
            parts.append(Ids((tx.definitions.type_number(one),), wanted))
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


# ------------------------------------------------------------------------ parameters that every type has


def updated(read: Reading, type_numbers: tuple[int, ...], values: tuple[str, ...]) -> Need:
    """`_lastUpdated=ge2026-01-01`; several values are OR. Raises errors.Invalid."""
    spans: list[tuple[datetime | None, datetime | None]] = []
    outside = False
    for value in values:
        matched = _PREFIXED.match(value)
        try:
            if matched is None:
                raise ValueError
            low, high = dates.parse_range(matched[2], read.context.tz)
        except ValueError:
            raise errors.Invalid(
                f"'_lastUpdated' takes a date or instant; this is not one: {value[:80]}", code="value"
            ) from None
        prefix = matched[1] or "eq"
        if prefix == "ne":
            if len(values) > 1:
                raise errors.Invalid("'_lastUpdated' with prefix ne takes one value.", code="value")
            outside = True
        spans.append(_span(prefix, low, high, read.context.now))
    return Updated(tuple(spans), outside, type_numbers)


def _span(prefix: str, low: datetime, high: datetime, now: datetime) -> tuple[datetime | None, datetime | None]:
    if prefix in ("gt", "sa"):
        return high, None
    if prefix == "ge":
        return low, None
    if prefix in ("lt", "eb"):
        return None, low
    if prefix == "le":
        return None, high
    if prefix == "ap":  # a tenth of the distance to now, as the specification recommends
        slack = abs(now - low) / 10
        try:
            return low - slack, high + slack
        except OverflowError:  # at the ends of the calendar everything is near
            return None, None
    return low, high


def _number(read: Reading, resource_type: str) -> tuple[int, ...]:
    return (read.tx.definitions.type_number(resource_type),)


_OF_EVERY_TYPE: dict[str, Callable[[Reading, str, tuple[str, ...]], Need]] = {
    "_id": lambda read, kind, values: Ids(_number(read, kind), values),
    "_lastUpdated": lambda read, kind, values: updated(read, _number(read, kind), values),
}
