"""What must still be so when a unit commits: the visit is as it was read, and nobody has touched its orders meanwhile.

A unit that adds something to a visit does not write the Encounter, so nothing else stops it from committing behind a
signature or a cancellation that was faster. Where a premise fails the whole unit runs again and reads the new state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg

from lienmach.care.resources import Resource
from lienmach.record import search
from lienmach.record.transaction import Transaction

_ORDERS_MAX = "200"


async def hold(tx: Transaction, resource: Resource) -> None:
    """This resource is not changed by others before tx commits; one that tx writes itself is held already."""
    kind, own = resource["resourceType"], resource["id"]
    point = await tx.point(kind, own)
    if point is None or (tx.definitions.type_number(kind), own) in tx.pending:
        return
    version = int(resource.get("meta", {}).get("versionId", point.version_id))

    async def is_current(unit: Transaction) -> bool:
        now = await unit.point(kind, own)
        return now is not None and not now.deleted and now.version_id == version

    hold_that(tx, is_current)


async def hold_orders(tx: Transaction, encounter_id: str) -> None:
    """The orders of this visit are those that tx sees: none is added, changed or cancelled by others before it commits."""
    seen = await _orders(tx, encounter_id)

    async def are_same(unit: Transaction) -> bool:
        return await _orders(unit, encounter_id) == seen

    hold_that(tx, are_same)


def hold_that(tx: Transaction, test: Callable[[Transaction], Awaitable[bool]], *, is_so: bool = True) -> None:
    """The answer of `test` is `is_so` when tx commits; it is asked under the tenant's lock."""

    async def still_so(unit: Transaction, connection: asyncpg.Connection) -> bool:
        unit.on(connection)
        try:
            return await test(unit) is is_so
        finally:
            unit.on(None)

    tx.premises.append(still_so)


async def _orders(tx: Transaction, encounter_id: str) -> set[tuple[str, int]]:
    wanted = [("encounter", f"Encounter/{encounter_id}"), ("_count", _ORDERS_MAX)]
    return {(one.id, one.version_id) for one in (await search.search(tx, "ServiceRequest", wanted)).matches}
