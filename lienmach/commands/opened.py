"""The record of one tenant for a command, as the system itself acts on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lienmach.base import disk
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.commands import node
from lienmach.record import reindex
from lienmach.record.transaction import Store


@asynccontextmanager
async def record(settings: Settings, slug: str, *, command: str) -> AsyncIterator[tuple[Store, Actor]]:
    """Store and actor of the tenant `slug`; the database is started if it does not run.

    command: its name, shown in the AuditEvents. Raises errors.NotFound for a tenant that is not here.
    """
    from lienmach import app  # here, for it brings the pages with it

    async with node.attached(settings) as one:
        store = await app.open_store(one.settings, one.pool)
        store.check_room = disk.watch(one.settings, one.cluster.place if one.cluster else None).check_write
        await reindex.load_customs(store)
        try:
            tenant = await store.tenant_by_slug(slug)
            yield store, Actor(tenant.number, "system", frozenset(["system"]), "HOPERAT", f"lienmach {command}")
        finally:
            await store.close()
