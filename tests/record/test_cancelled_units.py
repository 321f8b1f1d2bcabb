"""A unit of work that is given up at any moment takes nothing from the others: no view, no connection, no place."""

from __future__ import annotations

import asyncio

import pytest

from lienmach.base.actor import Actor
from lienmach.record.transaction import Store

ASK = "select count(*) from resource r where r.tenant = $1"
SLOW = "select pg_sleep(0.3), $1::int"


async def _read(store: Store, actor: Actor, sql: str = ASK) -> int:
    async with store.begin(actor) as tx:
        found = await tx.fetch(sql, 1)
    return len(found)


async def test_one_who_gives_up_waiting_for_a_view_does_not_end_the_others(store: Store, system: Actor) -> None:
    units = [asyncio.create_task(_read(store, system)) for _ in range(6)]
    await asyncio.sleep(0)  # all have asked; the view is not taken yet
    units[0].cancel()
    units[3].cancel()
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [one for one in results if not isinstance(one, asyncio.CancelledError)] == [1] * 4
    assert store.committer_of(1).open == 0


@pytest.mark.parametrize("moment_seconds", [0, 0.01, 0.15])
async def test_units_given_up_at_any_moment_give_their_connections_back(
    store: Store, system: Actor, moment_seconds: float
) -> None:
    for _ in range(3):
        units = [asyncio.create_task(_read(store, system, SLOW if n % 2 else ASK)) for n in range(4)]
        await asyncio.sleep(moment_seconds)
        for unit in units[:3]:
            unit.cancel()
        await asyncio.gather(*units, return_exceptions=True)
    await asyncio.sleep(0.4)
    assert store.committer_of(1).open == 0
    assert store.pool.get_idle_size() == store.pool.get_size()
    assert await asyncio.wait_for(_read(store, system), 10) == 1
