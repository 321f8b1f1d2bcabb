"""Builds the ASGI application of one process: the FHIR door, the pages of the departments, and the node's own signs.

    /fhir…                          api/routes.py
    /healthz /readyz /metrics       base/health.py, base/metrics.py
    everything else                 web/pages.py with DEPARTMENTS

Nothing else knows all departments. Leaving one out is leaving out its word.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from lienmach.api import routes
from lienmach.base import db, disk, health, jobs, metrics
from lienmach.base.settings import Settings
from lienmach.departments import (
    administration,
    billing,
    citizen,
    insurance,
    laboratory,
    leaders,
    outpatient,
    pharmacy,
    registration,
    signing,
)
from lienmach.record import reindex
from lienmach.record.transaction import Store
from lienmach.standards.fhir import definitions
from lienmach.web import pages
from lienmach.web.department import Department

_log = logging.getLogger(__name__)
DEPARTMENTS: tuple[Department, ...] = (
    registration.DEPARTMENT,
    outpatient.DEPARTMENT,
    laboratory.DEPARTMENT,
    pharmacy.DEPARTMENT,
    insurance.DEPARTMENT,
    billing.DEPARTMENT,
    leaders.DEPARTMENT,
    citizen.DEPARTMENT,
    signing.DEPARTMENT,
    administration.DEPARTMENT,
)
_ROOMS = ("base", "record", "identity", "care")
_HERE = Path(__file__).parent
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


def schema_folders(departments: Sequence[Department] = DEPARTMENTS) -> list[Path]:
    """The rooms' SQL folders, in the order in which they are migrated; departments after them, by name."""
    own = sorted(one.schema for one in departments if one.schema is not None)
    return [*(_HERE / room / "schema" for room in _ROOMS), *own]


def job_kinds(departments: Sequence[Department] = DEPARTMENTS) -> list[jobs.Job]:
    """All kinds of job that this node can do."""
    return [*reindex.JOBS, *(job for one in departments for job in one.jobs)]


def fhir_url(settings: Settings) -> str:
    """Our own FHIR base without a slash at the end; a reference under it names a resource of this record."""
    own = settings.public_url.rstrip("/") or f"{'http' if settings.is_loopback() else 'https'}://{settings.http}"
    return own + "/fhir"


async def open_store(settings: Settings, pool: asyncpg.Pool, departments: Sequence[Department] = DEPARTMENTS) -> Store:
    """The record on this pool, with the departments' wishes about changes."""
    store = await Store.open(settings, pool, definitions.load(), base_url=fhir_url(settings))
    for one in departments:
        for wish in one.on_change:
            store.on_change.setdefault(wish.type, []).append(wish.job)
            if wish.is_once:
                store.once_a_commit.add(wish.job)
            if wish.which is not None:
                store.which[wish.type, wish.job] = wish.which
        for kind, guard in one.guards:
            store.guards.setdefault(kind, []).append(guard)
    return store


class Application:
    """The ASGI application. `lifespan` opens pool and record, and closes them when everything is written."""

    def __init__(
        self,
        settings: Settings,
        *,
        database_url: str,
        watch: disk.Watch | None = None,
        departments: Sequence[Department] = DEPARTMENTS,
        works: bool = False,
    ) -> None:
        self._settings = settings
        self._url = database_url
        self._watch = watch or disk.watch(settings, None)
        self._departments = departments
        self._works = works
        self._fhir = routes.FhirDoor()
        self._pages: Any = None
        self._pool: asyncpg.Pool | None = None
        self._store: Store | None = None
        self._worker: jobs.Worker | None = None
        self._working: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope.get("path", "")
        if path == "/fhir" or path.startswith("/fhir/"):
            await self._fhir(scope, receive, send)
        elif path == "/healthz":
            await _say(send, 200, {"state": "ok"})
        elif path == "/readyz":
            await self._say_ready(send)
        elif path == "/metrics":
            await _send(send, 200, metrics.CONTENT_TYPE.encode(), metrics.text())
        elif self._pages is None:
            await _say(send, 503, {"state": "starting"})
        else:
            await self._pages(scope, receive, send)

    async def start(self) -> Store:
        """Open the pool and the record; `lifespan` and tests call it."""
        self._pool = await db.connect_pool(self._url, min=self._settings.pool_min, max=self._settings.pool_max)
        store = self._store = await open_store(self._settings, self._pool, self._departments)
        store.check_room = self._watch.check_write
        await reindex.load_customs(store)
        self._watching = asyncio.create_task(reindex.watch(store))
        self._fhir.store = store
        self._pages = pages.build(self._departments, store=store, settings=self._settings)
        if self._works:
            self._worker = jobs.Worker(
                self._pool,
                job_kinds(self._departments),
                store,
                lease_seconds=self._settings.job_lease_seconds,
                poll_seconds=self._settings.job_poll_ms / 1000,
            )
            self._working = asyncio.create_task(self._worker.run())
            store.poke = self._worker.poke
        return store

    async def stop(self) -> None:
        """Finish what was handed in, then close."""
        if self._watching is not None:
            self._watching.cancel()
        if self._worker is not None and self._working is not None:
            self._worker.stop()
            await asyncio.wait([self._working], timeout=self._settings.stop_seconds)
        if self._store is not None:
            await self._store.close()
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except TimeoutError:
                self._pool.terminate()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except Exception as problem:
                    _log.exception("the application did not start")
                    await send({"type": "lifespan.startup.failed", "message": str(problem)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _say_ready(self, send: Send) -> None:
        if self._pool is None:
            await _say(send, 503, {"state": "starting"})
            return
        readiness = await health.ready(self._pool, self._watch)
        await _say(send, 200 if readiness.ready else 503, {"ready": readiness.ready, **readiness.parts})


def build(
    settings: Settings,
    *,
    database_url: str,
    watch: disk.Watch | None = None,
    departments: Sequence[Department] = DEPARTMENTS,
    works: bool = False,
) -> Application:
    """The application of this process. works: it does the queue's jobs too."""
    return Application(settings, database_url=database_url, watch=watch, departments=departments, works=works)


async def _say(send: Send, status: int, value: dict[str, Any]) -> None:
    await _send(send, status, b"application/json", json.dumps(value).encode())


async def _send(send: Send, status: int, kind: bytes, body: bytes) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", kind),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
