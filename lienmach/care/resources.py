"""Resources as dicts for the verbs of care: read, find, create, update. Numbers keep their decimals.

Thin on purpose: `record` stays the only way in and out; here is only what every verb would write again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from lienmach.base import errors
from lienmach.record import committer, search, write
from lienmach.record import read as record_read
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json

Resource = dict[str, Any]
_IDS_MAX = 200
_decoder = msgspec.json.Decoder(float_hook=Decimal)  # a list reads hundreds; a quarter of the standard library's time


def of(stored: Stored) -> Resource:
    """A stored version as a dict, decimals exact."""
    found: Resource = _decoder.decode(stored.body)
    return found


async def read(tx: Transaction, resource_type: str, resource_id: str) -> Resource:
    """The current version, this unit's own pending change included. Raises errors.NotFound, Gone, Refused."""
    pending = tx.pending.get((tx.definitions.type_number(resource_type), resource_id))
    if pending is not None and pending.op != "D":
        return of(pending.stored())
    return of((await _once(tx, (resource_type, resource_id), _current))[0])


async def follow(tx: Transaction, reference: str) -> Resource:
    """What a reference such as `Patient/1` names. Raises errors.Invalid for one that is not of that form."""
    kind, _, resource_id = reference.partition("/")
    if not resource_id or "/" in resource_id:
        raise errors.Invalid(f"This reference is not of the form Type/id: {reference[:80]}")
    return await read(tx, kind, resource_id)


async def read_many(tx: Transaction, resource_type: str, resource_ids: Iterable[str]) -> dict[str, Resource]:
    """Current versions by id, for a list of many: one search for each 200. An id that is not there is left out.

    Raises errors.Refused.
    """
    wanted = sorted({one for one in resource_ids if one})
    found: dict[str, Resource] = {}
    for start in range(0, len(wanted), _IDS_MAX):
        group = wanted[start : start + _IDS_MAX]
        found |= {one["id"]: one for one in await find(tx, resource_type, ("_id", ",".join(group)))}
    return found


async def find(tx: Transaction, resource_type: str, *params: tuple[str, str], count: int = 200) -> list[Resource]:
    """Matches of a search as dicts, newest first; at most `count`. They are noted as shown."""
    return [of(one) for one in await matches(tx, resource_type, *params, count=count)]


async def matches(tx: Transaction, resource_type: str, *params: tuple[str, str], count: int = 200) -> list[Stored]:
    """The same as they are stored."""
    return await _once(tx, (resource_type, params, count), _matches)


async def _once(tx: Transaction, question: Any, ask: Callable[..., Awaitable[list[Stored]]]) -> list[Stored]:
    """The rooms of one page ask for the same person, cards and orders: the database is asked once in a unit's view."""
    found = tx.answers.get(question)
    if found is None:
        found = tx.answers[question] = await ask(tx, *question)
    for one in found:
        tx.show(one)
    return found


async def _current(tx: Transaction, resource_type: str, resource_id: str) -> list[Stored]:
    return [await record_read.read(tx, resource_type, resource_id)]


async def _matches(
    tx: Transaction, resource_type: str, params: tuple[tuple[str, str], ...], count: int
) -> list[Stored]:
    return (await search.search(tx, resource_type, [*params, ("_count", str(count))])).matches


async def create(tx: Transaction, resource: Resource, *, resource_id: str | None = None) -> Stored:
    """Store a new resource; an id in it is used only if `resource_id` says the same. Raises as record/write.py."""
    return await write.create(tx, fhir_json.dump(resource), resource=resource, resource_id=resource_id)


async def update(tx: Transaction, resource: Resource, *, if_match: int | None = None) -> Stored:
    """Store the next version of a resource that carries its id.

    if_match: the version that it follows (errors.PreconditionFailed). By default the one in `meta.versionId`: if
    somebody changed it between reading and writing, the whole unit runs again on what is there (committer.Changed).
    """
    seen = resource.get("meta", {}).get("versionId")
    expected = if_match if if_match is not None else int(seen) if isinstance(seen, str) and seen.isdecimal() else None
    try:
        return await write.update(
            tx, resource["resourceType"], resource["id"], fhir_json.dump(resource), if_match=expected, resource=resource
        )
    except errors.PreconditionFailed:
        if if_match is not None:
            raise
        raise committer.Changed("It was changed after it was read.") from None


def reference(resource: Resource | Stored, display: str = "") -> dict[str, str]:
    """A Reference to a resource that has an id."""
    kind, own = (
        (resource.type, resource.id) if isinstance(resource, Stored) else (resource["resourceType"], resource["id"])
    )
    return {"reference": f"{kind}/{own}", **({"display": display} if display else {})}


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    """A Coding."""
    return {"system": system, "code": code, **({"display": display} if display else {})}


def concept(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept with one coding, its words as text too."""
    return {"coding": [coding(system, code, display)], **({"text": display} if display else {})}


def code_of(concept_value: Any, system: str) -> str:
    """The code of this system in a CodeableConcept, or ""."""
    for one in (concept_value or {}).get("coding", ()):
        if one.get("system") == system:
            return str(one.get("code", ""))
    return ""


def identifier_of(resource: Resource, system: str) -> str:
    """The value of the identifier of this system, or ""."""
    for one in resource.get("identifier", ()):
        if one.get("system") == system:
            return str(one.get("value", ""))
    return ""


def id_of(reference_value: Any, resource_type: str) -> str:
    """The id in a Reference to this type, or ""."""
    kind, _, own = str((reference_value or {}).get("reference", "")).partition("/")
    return own if kind == resource_type else ""


def me(tx: Transaction) -> dict[str, str]:
    """A Reference to the person who acts: their Practitioner, or their login where there is none."""
    actor = tx.actor
    if actor.reference:
        return {"reference": actor.reference, "display": actor.display or actor.user}
    return {"display": actor.display or actor.user}
