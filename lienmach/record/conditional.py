"""Conditional interactions: create, update and delete by a search (FHIR R4 http.html#ccreate, #cond-update).

What the search found in the snapshot becomes a premise: the committer looks again when it is alone in the tenant.
So of a hundred conditional creates on one identifier exactly one stores; the others run again and find it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import asyncpg

from lienmach.base import errors
from lienmach.record import access, read, search, write
from lienmach.record.change import Change, Stored
from lienmach.record.index import parameters
from lienmach.record.index.condition import SearchContext
from lienmach.record.transaction import Transaction

_MATCHES_MAX = 2


async def create(
    tx: Transaction,
    resource_type: str,
    body: bytes,
    query: str,
    *,
    resource_id: str | None = None,
    resource: dict[str, Any] | None = None,
) -> tuple[Stored, bool]:
    """Store unless `query` matches: (what is there now, was it created). Raises PreconditionFailed on several."""
    found = await find_one(tx, resource_type, query)
    if found is None:
        return await write.create(
            tx, body, type_expected=resource_type, resource_id=resource_id, resource=resource
        ), True
    pending = tx.pending.get((tx.definitions.type_number(resource_type), found))
    if pending is not None:
        return pending.stored(), False
    return await read.read(tx, resource_type, found), False


async def find_one(tx: Transaction, resource_type: str, query: str) -> str | None:
    """The id of the one resource that `query` matches, None for none; several raise errors.PreconditionFailed.

    Resources that this unit stores itself count too, as far as tokens, references and uris tell. The answer
    becomes a premise of the unit.
    """
    params = parse_qsl(query.lstrip("?"), keep_blank_values=True)
    if not params:
        raise errors.Invalid("A condition needs at least one search parameter.")
    own = _own_matches(tx, resource_type, params)
    number = tx.definitions.type_number(resource_type)
    limit = _MATCHES_MAX + sum(kind == number for kind, _ in tx.pending)  # those are other ones when this unit is done
    expected = {match.id for match in await search.search_ids(tx, resource_type, params, limit=limit)}
    found = [one for one in expected if (number, one) not in tx.pending]

    async def still_so(unit: Transaction, connection: asyncpg.Connection) -> bool:
        unit.on(connection)
        try:
            again = await search.search_ids(unit, resource_type, params, limit=limit)
        finally:
            unit.on(None)
        return {match.id for match in again} == expected

    tx.premises.append(still_so)
    matches = own + found
    if len(matches) > 1:
        raise errors.PreconditionFailed(f"The condition on {resource_type} matches several resources; narrow it.")
    return matches[0] if matches else None


def _own_matches(tx: Transaction, resource_type: str, params: list[tuple[str, str]]) -> list[str]:
    """Ids of this unit's own changes that match, for conditions that are told by terms alone."""
    candidates = [change for change in tx.pending.values() if change.type == resource_type and change.rows is not None]
    if not candidates:
        return []
    known = tx.parameters.of(resource_type)
    context = SearchContext(
        tx.tenant.number, tx.tenant.term_seed, tx.tenant.time_zone, tx.now, tx.definitions, tx.store.base_url
    )
    conditions = []
    for name, value in params:
        code, _, modifier = name.partition(":")
        if code not in known:
            return []
        conditions.append(parameters.condition(known[code], modifier or None, value.split(","), context))
    if any(one.side is not None for one in conditions):
        return []
    return [change.id for change in candidates if all(_matches(one, change) for one in conditions)]


def _matches(condition: Any, change: Change) -> bool:
    assert change.rows is not None
    return (not set(condition.terms).isdisjoint(change.rows.terms)) != condition.negate


async def update(
    tx: Transaction, resource_type: str, query: str, body: bytes, *, if_match: int | None = None
) -> Stored:
    """Update the one match, or create: under the body's id if it has one that is free, else under a new id."""
    resource = write.parse(tx, body)
    found = await find_one(tx, resource_type, query)
    claimed = resource.get("id")
    if found is None and not isinstance(claimed, str):
        return await write.create(tx, body, type_expected=resource_type, resource=resource)
    if found is not None and claimed not in (None, found):
        raise errors.Invalid(f"The condition matches {resource_type}/{found}, the body says {str(claimed)[:64]}.")
    resource_id = found or str(claimed)
    if found is None:
        await check_free(tx, resource_type, resource_id)
    if claimed is None:
        resource["id"] = resource_id
    return await write.update(tx, resource_type, resource_id, body, if_match=if_match, resource=resource)


async def check_free(tx: Transaction, resource_type: str, resource_id: str) -> None:
    """Raise errors.Conflict if something else stands under the id that the body of a conditional update claims.

    Raises errors.Refused first, so that who may not create does not learn which ids are taken.
    """
    access.check(tx, "create", resource_type)
    point = await tx.point(resource_type, resource_id)
    if point is not None and not point.deleted:
        raise errors.Conflict(f"The condition does not match {resource_type}/{resource_id}, which is here already.")


async def delete(tx: Transaction, resource_type: str, query: str) -> Stored | None:
    """Delete the one match; None for none. Several are refused, not deleted."""
    found = await find_one(tx, resource_type, query)
    if found is None:
        return None
    return await write.delete(tx, resource_type, found)
