"""A tenant that is added beside a running node is served by it without a restart."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import reindex, tenants, write
from lienmach.record.transaction import Store


async def test_a_running_node_serves_a_tenant_that_is_added_beside_it(store: Store, owner_url: str) -> None:
    owner = await asyncpg.connect(owner_url)
    number = await tenants.add(owner, "third", "Trạm thứ ba")
    await owner.close()
    actor = Actor(number, "system", frozenset(["system"]))
    with pytest.raises(errors.Refused):
        store.begin(actor)
    watching = asyncio.create_task(reindex.watch(store))
    try:
        while number not in store.tenants:
            assert not watching.done()
            await asyncio.sleep(0.05)
    finally:
        watching.cancel()
    stored = await store.run(actor, lambda tx: write.create(tx, b'{"resourceType":"Patient"}'))
    assert stored.version_id == 1
