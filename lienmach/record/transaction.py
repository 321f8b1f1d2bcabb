"""One unit of work: a snapshot to read from, and the rows that it collects to be written together.

    async with store.begin(actor) as tx:
        patient = await read.read(tx, "Patient", "a1")
        await write.update(tx, "Patient", "a1", body)
    # here everything is durable, the audit event included; on an exception nothing is

`tx` is the first argument of every verb. It carries who acts, the time, the tenant and the definitions; nothing of
that is ambient. It never commits by itself: record/committer.py does, alone or together with other units.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.base.jobs import JobRow
from lienmach.base.settings import Settings
from lienmach.record import access, audit, changes, committer, points, snapshot, tenants
from lienmach.record.change import Change, Effect, Mark, Stored
from lienmach.record.index import parameters as index_parameters
from lienmach.record.points import Key, Point
from lienmach.standards.fhir.definitions import Definitions

_COMMITS = 3  # connections of the pool that snapshots leave to commits and point reads
_ALONE = frozenset({"Patient"})  # what refers to it finds it written, its rules look at nothing but itself
_ATTEMPTS_MAX = 40  # of those who collide at least one gets through each time
Result = TypeVar("Result")
Premise = Callable[["Transaction", asyncpg.Connection], Awaitable[bool]]
Guard = Callable[["Transaction", dict[str, Any], Point | None], Awaitable[None]]
"""A rule of a department about a type: (tx, resource as it will be, version it follows). Raises errors.Failure.

A deletion asks with nothing but type and id."""


class Store:
    """The record of this process: its pools, tenants and definitions. One per process, made by app.py or a command."""

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        definitions: Definitions,
        found: dict[int, tenants.Tenant],
        *,
        now: clock.Clock = clock.now,
        base_url: str = "",
    ) -> None:
        self.limits = settings
        self.pool = pool
        self.definitions = definitions
        self.tenants = found
        self.now = now
        self.base_url = base_url
        self.standard_parameters = index_parameters.Parameters.load(definitions, base_url=base_url)
        self.custom_parameters: dict[int, index_parameters.Parameters] = {}
        self.on_change: dict[str, list[str]] = {}
        self.once_a_commit: set[str] = set()  # of these jobs one for all changes of a commit (changes.py)
        self.which: dict[tuple[str, str], changes.Which] = {}  # type and job: after which changes (changes.py)
        self.guards: dict[str, list[Guard]] = {}
        self.check_room: Callable[[], None] = _do_nothing  # raises errors.Unavailable on a full disk
        self.poke: Callable[[], None] = _do_nothing  # tells the worker of this process that there are jobs
        self._snapshots = snapshot.Snapshots(pool, max(1, settings.pool_max - _COMMITS), settings.search_seconds_max)
        self._points: dict[int, points.Points] = {}
        self._committers: dict[int, committer.Committer] = {}

    @classmethod
    async def open(
        cls,
        settings: Settings,
        pool: asyncpg.Pool,
        definitions: Definitions,
        *,
        now: clock.Clock = clock.now,
        base_url: str = "",
    ) -> Store:
        """Read the tenants and be ready. pool: of the application role, which row-level security binds."""
        async with pool.acquire() as connection:
            found = await tenants.load_all(connection)
        return cls(settings, pool, definitions, found, now=now, base_url=base_url)

    async def close(self) -> None:
        """Wait until everything that was handed in is written. The pool is its opener's to close."""
        for one in self._committers.values():
            await one.close()

    async def tenant_by_slug(self, slug: str) -> tenants.Tenant:
        """The tenant of this name; looks again if it is not known yet. Raises errors.NotFound."""
        for attempt in range(2):
            for tenant in self.tenants.values():
                if tenant.slug == slug:
                    return tenant
            if attempt == 0:
                async with self.pool.acquire() as connection:
                    self.tenants = await tenants.load_all(connection)
        raise errors.NotFound(f"There is no tenant '{slug[:40]}' on this node.")

    def is_last(self, resource_type: str) -> bool:
        """Whether rules of this type look at what comes along with it, so that a bundle writes it after the others."""
        return resource_type in self.guards and resource_type not in _ALONE

    def parameters_of(self, tenant: int) -> index_parameters.Parameters:
        return self.custom_parameters.get(tenant, self.standard_parameters)

    def begin(self, actor: Actor) -> Transaction:
        """A new unit of work. Raises errors.Refused for a tenant that is not here."""
        tenant = self.tenants.get(actor.tenant)
        if tenant is None:
            raise errors.Refused("This tenant is not on this node.")
        return Transaction(self, actor, tenant)

    async def run(self, actor: Actor, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """Run `work` on a fresh unit and commit it; again from the start if others changed what it relied on."""
        for attempt in range(_ATTEMPTS_MAX):
            try:
                async with self.begin(actor) as tx:
                    result = await work(tx)
                return result
            except committer.Changed:
                await asyncio.sleep(min(0.002 * attempt, 0.02))
        raise errors.Conflict("Others keep changing this; nothing was stored. Read it again and try once more.")

    def join_snapshot(self, tenant: int) -> snapshot.Snapshot:
        return self._snapshots.join(tenant)

    def points_of(self, tenant: int) -> points.Points:
        one = self._points.get(tenant)
        if one is None:
            one = self._points[tenant] = points.Points(self.pool, tenant)
        return one

    def committer_of(self, tenant: int) -> committer.Committer:
        one = self._committers.get(tenant)
        if one is None:
            one = self._committers[tenant] = committer.Committer(self.pool, tenant)
        return one

    async def write(self, unit: Transaction) -> None:
        await self.committer_of(unit.tenant.number).commit(unit)
        if unit.jobs or unit.has_queued:
            self.poke()


def _do_nothing() -> None:
    return None


class Transaction:
    """`tx`: see the module. Collects changes, jobs and what was shown to whom."""

    __slots__ = (
        "_answers",
        "_ended",
        "_has_read",
        "_on",
        "_snapshot",
        "access",
        "actor",
        "asked",
        "changes",
        "defers_references",
        "definitions",
        "effects",
        "has_queued",
        "jobs",
        "marks",
        "now",
        "parameters",
        "pending",
        "policy",
        "premises",
        "store",
        "tenant",
    )

    def __init__(self, store: Store, actor: Actor, tenant: tenants.Tenant) -> None:
        self.store = store
        self.actor = actor
        self.tenant = tenant
        self.now = store.now()
        self.definitions = store.definitions
        self.parameters = store.parameters_of(tenant.number)
        self.policy = access.policy_of(actor, store.definitions)
        self.changes: list[Change] = []
        self.pending: dict[Key, Change] = {}
        self.jobs: list[JobRow] = []
        self.premises: list[Premise] = []
        self.effects: list[Effect] = []
        self.asked: list[changes.Asked] = []  # which jobs these changes cause is asked in the commit
        self.has_queued = False  # the commit holds jobs besides `jobs`
        self.marks: dict[bytes, Mark] = {}  # what an import remembers of its sources (record/bulk.py)
        self.access = audit.Access()
        self.defers_references = False  # a bundle looks at its references when all of it is written
        self._snapshot: snapshot.Snapshot | None = None
        self._on: asyncpg.Connection | None = None
        self._answers: dict[Any, list[Stored]] = {}
        self._ended = False
        self._has_read = False
        store.committer_of(tenant.number).open += 1

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            await self.commit()
        else:
            await self.abandon()

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Rows of one statement in this unit's snapshot. sql: carries tenant and `access.visible` predicates."""
        if self._on is not None:
            found: list[asyncpg.Record] = await self._on.fetch(sql, *args)
            return found
        while True:
            try:
                found = await self._view().fetch(sql, args, is_first=not self._has_read)
                self._has_read = True
                return found
            except snapshot.Lost:
                await self.leave()
                if self._has_read:
                    raise committer.Changed("The view was lost.") from None

    async def point(self, resource_type: str, resource_id: str) -> points.Point | None:
        """The current version of one id, without a check of access: record/read.py and write.py check.

        From the snapshot if there is one; else by a shared statement, whose answer a commit looks at again.
        """
        key = (self.definitions.type_number(resource_type), resource_id)
        if self._snapshot is None and self._on is None:
            return await self.store.points_of(self.tenant.number).read(key)
        rows = await self.fetch(points.SQL, self.tenant.number, [key[0]], [key[1]])
        return points.point_of(rows[0]) if rows else None

    @property
    def answers(self) -> dict[Any, list[Stored]]:
        """What was found in this unit's view, by the question: asked again, it is the same. Empty where it may not be."""
        return self._answers if self._on is None else {}

    def on(self, connection: asyncpg.Connection | None) -> None:
        """Read from this connection instead of the snapshot; the committer's premises do."""
        self._on = connection

    def show(self, stored: Stored) -> None:
        """The answer shows this; its person is named in the audit event."""
        self.access.show(stored)

    def add(self, change: Change) -> None:
        """Collect a version. A second one of the same id follows the first."""
        key = (change.type_number, change.id)
        earlier = self.pending.get(key)
        if earlier is not None:
            earlier.superseded = True
            change.prior = earlier
        self.pending[key] = change
        self.changes.append(change)

    def also(self, effect: Effect) -> None:
        """Collect statements on tables that are not the record's (queue, stock): they run in the commit itself.

        effect: called with the committing connection, which holds the tenant's lock, so nobody else commits in this
        tenant meanwhile; what it raises (committer.Changed, errors.Failure) takes the whole unit back. It may be
        called again after a failed group, so it sets results and never adds to them.
        """
        self.effects.append(effect)

    async def commit(self) -> None:
        """Write everything with its audit event, durably. Raises committer.Changed, errors.Unavailable."""
        if self._ended:
            return
        try:
            await self.leave()
        finally:
            self._end()
        audit.collect(self)
        if self.changes or self.jobs or self.effects:
            await self.store.write(self)

    async def abandon(self) -> None:
        """Let the snapshot go and write nothing."""
        self._end()
        await self.leave()

    async def leave(self) -> None:
        """Let the snapshot go; a later read takes a newer one."""
        view, self._snapshot = self._snapshot, None
        self._answers = {}
        if view is not None:
            await view.leave()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self.store.committer_of(self.tenant.number).open -= 1

    def _view(self) -> snapshot.Snapshot:
        if self._snapshot is None:
            if self._ended:
                raise RuntimeError("this unit of work has ended")
            self._snapshot = self.store.join_snapshot(self.tenant.number)
        return self._snapshot
