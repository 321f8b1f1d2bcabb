"""The record that a model is held against: one database and door, and a tenant for each example."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable
from typing import TypeVar

import asyncpg
import httpx

from lienmach.api import routes
from lienmach.base import clock
from lienmach.identity import tokens
from lienmach.record import tenants
from lienmach.record.transaction import Store

Result = TypeVar("Result")


class World:
    """One database and door for all examples; every example is a tenant of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, store: Store, door: routes.FhirDoor, owner_url: str) -> None:
        self.loop, self.store, self.door, self.owner_url = loop, store, door, owner_url
        self.numbers = itertools.count(1)

    def do(self, work: Awaitable[Result]) -> Result:
        return self.loop.run_until_complete(work)  # type: ignore[arg-type]

    async def client(self) -> httpx.AsyncClient:
        """A client of a new, empty tenant."""
        slug = f"t{next(self.numbers)}"
        owner = await asyncpg.connect(self.owner_url)
        await tenants.add(owner, slug, slug)
        await owner.close()
        tenant = await self.store.tenant_by_slug(slug)
        token = await tokens.issue(self.store.pool, tenant.number, role_names=["system"], user="model", now=clock.now())
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.door),
            base_url="http://localhost/fhir",
            timeout=60,
            headers={"authorization": f"Bearer {token}"},
        )
