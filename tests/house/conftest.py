"""The whole application in this process, without sockets, for the tests that go through its doors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from lienmach import app
from lienmach.base.settings import Settings
from lienmach.record import tenants

BASE = "http://127.0.0.1:8000"


@pytest.fixture
async def node(settings: Settings, store_url: str, owner_url: str) -> AsyncIterator[app.Application]:
    """The application of one process with a tenant, without the job worker."""
    await add_tenant(owner_url)
    one = app.build(settings, database_url=store_url)
    await one.start()
    yield one
    await one.stop()


async def add_tenant(owner_url: str) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        await tenants.add(owner, "main", "Cơ sở thử")
        await tenants.add(owner, "other", "Cơ sở khác")
    finally:
        await owner.close()
