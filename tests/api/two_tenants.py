"""Two tenants on one node, a full and an empty one beside the other, and transcripts of what the second is told."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from tenant_asks import FULL, OWN, Ask

from lienmach.api import routes
from lienmach.base import clock, db
from lienmach.base.settings import Settings
from lienmach.identity import tokens
from lienmach.record import reindex, tenants
from lienmach.record.transaction import Store
from lienmach.standards.fhir import definitions

JSON = {"content-type": "application/fhir+json"}


class Side:
    """A database with both tenants, and clients of each."""

    def __init__(self, store: Store, one: httpx.AsyncClient, two: httpx.AsyncClient) -> None:
        self.store, self.one, self.two = store, one, two

    async def fill(self, client: httpx.AsyncClient, resources: list[dict[str, Any]]) -> None:
        for resource in resources:
            answer = await client.put(f"/{resource['resourceType']}/{resource['id']}", json=resource)
            assert answer.status_code in (200, 201), answer.text

    async def transcript(self, asks: list[Ask]) -> list[str]:
        """The answers that tenant 2 gets, with what is drawn by lot or by the clock named by its order."""
        told: dict[str, str] = {}

        def name(match: re.Match[str]) -> str:
            return told.setdefault(match[0], f"<{len(told)}>")

        found = []
        for ask in asks:
            content = (
                ask.body
                if isinstance(ask.body, str)
                else None
                if ask.body is None
                else json.dumps(_without_none(ask.body))
            )
            headers = {**(JSON if ask.body is not None else {}), **dict(ask.headers)}
            answer = await self.two.request(ask.method, ask.path, content=content, headers=headers)
            kept = {
                key: value for key, value in answer.headers.items() if key in ("etag", "location", "content-location")
            }
            text = f"{ask.method} {ask.path} -> {answer.status_code} {kept} {answer.text}"
            text = re.sub(r"_page=(\w[\w-]{20,})", _mark, text)
            text = re.sub(r"\b(0[0-9a-hjkmnp-tv-z]{25}|[0-9a-f]{32})\b", name, text)
            found.append(re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+\d\d:\d\d)", "<at>", text))
        return found


def _mark(match: re.Match[str]) -> str:
    """A page mark in plain words, without the moment that stands in it."""
    plain = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)).decode()
    return "_page=" + re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+", "<at>", plain)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value


async def two_sides(database: Any, home: Path) -> AsyncIterator[tuple[Side, Side]]:
    """Two nodes alike, but that tenant 1 is empty on the first and full on the second."""
    made, cleanup = [], []
    for number in range(2):
        name = await _thread(database.create)
        limits = replace(Settings.load({}), home=home, disk_low_mb=2, disk_full_mb=1)
        owner = await asyncpg.connect(database.url("owner", name))
        await tenants.add(owner, "main", "Trạm y tế thử")
        await tenants.add(owner, "other", "Bệnh viện khác")
        await owner.close()
        pool = await db.connect_pool(database.url("app", name), min=1, max=6)
        store = await Store.open(limits, pool, definitions.load())
        await reindex.load_customs(store)
        clients = []
        for tenant in (1, 2):
            door = routes.FhirDoor()
            door.store = store
            token = await tokens.issue(pool, tenant, role_names=["system"], user="side", now=clock.now())
            clients.append(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(door),
                    base_url="http://localhost/fhir",
                    timeout=60,
                    headers={"authorization": f"Bearer {token}"},
                )
            )
        side = Side(store, *clients)
        if number == 1:
            await side.fill(side.one, [*FULL, FULL[0]])
            assert (await side.one.delete("/Patient/gone")).status_code == 204
            await _take_parameters(side, 1)
        await side.fill(side.two, OWN)
        made.append(side)
        cleanup.append((store, pool, clients, name))
    yield made[0], made[1]
    for store, pool, clients, name in cleanup:
        for client in clients:
            await client.aclose()
        await store.close()
        await pool.close()
        await _thread(lambda name=name: database.drop(name))


async def _take_parameters(side: Side, tenant: int) -> None:
    """Do the reindex job that a SearchParameter of this tenant has queued."""
    from lienmach.base.jobs import Taken

    fields = {"job_id": 1, "tenant": tenant, "kind": reindex.KIND, "payload": {"id": "nick"}, "attempts": 1}
    known = {name: fields.get(name) for name in Taken.__dataclass_fields__}
    await reindex.run(side.store, Taken(**known), settle_seconds=0)  # type: ignore[arg-type]


async def _thread(work: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(work)
