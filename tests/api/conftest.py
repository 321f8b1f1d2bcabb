"""The FHIR door through ASGI, on this test's own database, with a token for each role that is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from lienmach.api import routes
from lienmach.base import clock
from lienmach.identity import tokens
from lienmach.record.transaction import Store

MakeClient = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def door(store: Store) -> routes.FhirDoor:
    made = routes.FhirDoor()
    made.store = store
    return made


@pytest.fixture
async def client_of(door: routes.FhirDoor, store: Store) -> AsyncIterator[MakeClient]:
    """Makes a client of the FHIR door with a token of a role in a tenant."""
    made: list[httpx.AsyncClient] = []

    async def make(role: str = "system", tenant: int = 1) -> httpx.AsyncClient:
        token = await tokens.issue(store.pool, tenant, role_names=[role], user=f"test-{role}", now=clock.now())
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(door, raise_app_exceptions=False),
            base_url="http://localhost/fhir",
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
async def fhir(client_of: MakeClient) -> httpx.AsyncClient:
    """A client that may do everything in tenant 1."""
    return await client_of()
