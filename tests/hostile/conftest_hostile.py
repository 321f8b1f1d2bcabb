"""One small record for all hostile requests of a file: they change nothing, so they may share it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from lienmach.api import routes
from lienmach.base import clock, db
from lienmach.base.settings import Settings
from lienmach.identity import tokens
from lienmach.record import tenants
from lienmach.record.transaction import Store
from lienmach.standards.fhir import definitions

SECONDS_MAX = 5.0  # a guard against what never ends, not a measurement
WARD: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "an",
        "name": [{"text": "HTEST Nguyễn Văn An"}],
        "birthDate": "1958-02-03",
        "identifier": [{"system": "http://x", "value": "1"}],
        "managingOrganization": {"reference": "Organization/a"},
    },
    {"resourceType": "Patient", "id": "binh", "name": [{"text": "HTEST Trần Thị Bình"}], "birthDate": "1990"},
    {"resourceType": "Organization", "id": "a", "name": "A", "partOf": {"reference": "Organization/b"}},
    {"resourceType": "Organization", "id": "b", "name": "B", "partOf": {"reference": "Organization/a"}},
    {
        "resourceType": "Observation",
        "id": "bp",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/an"},
        "effectiveDateTime": "2024-01-01",
        "valueQuantity": {"value": 1.50, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
    },
]
#: What a request needs that is well but for one thing: headers, the first person of the ward, a person not there yet.
JSON = {"content-type": "application/fhir+json"}
PATCH = {"content-type": "application/json-patch+json"}
PATIENT = {"resourceType": "Patient", "id": "an", "name": [{"text": "HTEST An"}]}
NEW = {"resourceType": "Patient", "name": [{"text": "HTEST"}]}


@dataclass(frozen=True)
class Ask:
    """A hostile request, and what must be said about it. words: parts of the text of the issues, in any case.

    content: bytes, or a function that makes them when they are needed.
    """

    name: str
    method: str
    path: str
    content: bytes | Callable[[], bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    status: tuple[int, ...] = (400,)
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class World:
    """The door, a client with all rights in tenant 1, and a way to count what is there."""

    def __init__(self, store: Store, client: httpx.AsyncClient) -> None:
        self.store = store
        self.client = client

    async def count(self) -> int:
        """Versions in the record, audit events left out."""
        return await self.fetchval(
            "select count(*) from version where type <> $1", self.store.definitions.type_number("AuditEvent")
        )

    async def fetchval(self, sql: str, *args: Any) -> Any:
        async with self.store.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local lienmach.tenant = '1'")
            return await connection.fetchval(sql, *args)

    async def send(self, ask: Ask) -> httpx.Response:
        """The answer, which came in time and changed nothing."""
        before = await self.count()
        content = ask.content() if callable(ask.content) else ask.content
        started = time.monotonic()
        answer = await self.client.request(ask.method, ask.path, content=content or None, headers=ask.headers)
        assert time.monotonic() - started < SECONDS_MAX, f"{ask.name} took too long"
        assert await self.count() == before, f"{ask.name} changed something"
        return answer

    async def refuse(self, ask: Ask) -> None:
        """The request is refused with the status, the issue code and the words that it deserves."""
        answer = await self.send(ask)
        assert answer.status_code in ask.status, f"{ask.name}: {answer.status_code} {answer.text[:300]}"
        assert answer.headers["content-type"].startswith("application/fhir+json"), ask.name
        outcome = answer.json()
        assert outcome["resourceType"] == "OperationOutcome" and outcome["issue"], ask.name
        assert all(one["severity"] in ("error", "fatal", "warning", "information") for one in outcome["issue"])
        assert len(answer.content) < 100_000, f"{ask.name}: {len(answer.content)} bytes of complaint"
        said = " ".join(
            f"{one.get('diagnostics', '')} {' '.join(one.get('expression', ()))}" for one in outcome["issue"]
        )
        if ask.codes:
            assert {one["code"] for one in outcome["issue"]} <= set(ask.codes), f"{ask.name}: {answer.text[:300]}"
        for word in ask.words:
            assert word.lower() in said.lower(), f"{ask.name}: {said[:300]}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(database: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    name = await _in_thread(database.create)
    settings = replace(Settings.load({}), home=Path(tmp_path_factory.mktemp("home")), disk_low_mb=2, disk_full_mb=1)
    owner = await asyncpg.connect(database.url("owner", name))
    await tenants.add(owner, "main", "Trạm y tế thử")
    await owner.close()
    pool = await db.connect_pool(database.url("app", name), min=1, max=6)
    store = await Store.open(settings, pool, definitions.load())
    door = routes.FhirDoor()
    door.store = store
    token = await tokens.issue(pool, 1, role_names=["system"], user="hostile", now=clock.now())
    transport = httpx.ASGITransport(door, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost/fhir", timeout=60, headers={"authorization": f"Bearer {token}"}
    ) as client:
        for one in WARD:
            answer = await client.put(f"/{one['resourceType']}/{one['id']}", json=one)
            assert answer.status_code == 201, answer.text
        yield World(store, client)
    await store.close()
    await pool.close()
    await _in_thread(lambda: database.drop(name))


async def _in_thread(work: Any) -> Any:
    return await asyncio.to_thread(work)
