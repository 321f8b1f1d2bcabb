"""Search parameters that a tenant adds while the node runs: indexed online, searchable when they are whole.

An active SearchParameter resource queues a job. The job writes a row of table `reindex` in state `building`; every
process that sees it (`watch`) indexes new versions with it from then on. Then the job walks over the resources of
its types, in the order of their row numbers and in batches, and rewrites their rows; what was written meanwhile is
walked once more under the lock of the chain's head, and in that same transaction the state becomes `ready`. Until
then a search by it is refused with its progress, because its answer would be incomplete.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from lienmach.base.jobs import Job, Taken
from lienmach.record import tenants
from lienmach.record.index import contained, custom
from lienmach.record.index import rows as index_rows
from lienmach.record.index.parameters import Building, Parameters
from lienmach.record.tenants import Tenant
from lienmach.record.transaction import Store
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir.definitions import SearchParameterDef

_log = logging.getLogger(__name__)
KIND = "reindex"
TYPE = "SearchParameter"
WATCH_SECONDS = 1.0
SETTLE_SECONDS = 3.0  # other processes look once a second
BATCH = 100
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


# What a process knows


async def load_customs(store: Store) -> None:
    """Read every tenant's own parameters into `store`, and queue a job when a SearchParameter changes from now on."""
    kinds = store.on_change.setdefault(TYPE, [])
    if KIND not in kinds:
        kinds.append(KIND)
    for tenant in list(store.tenants.values()):
        await refresh(store, tenant)


async def watch(store: Store) -> None:
    """Follow what other processes do to tenants and parameters, for as long as the store is open. Run it as a task."""
    since = _BEGINNING
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            if await store.pool.fetchval("select count(*) from tenant") != len(store.tenants):
                async with store.pool.acquire() as connection:  # added by another process
                    store.tenants = await tenants.load_all(connection)
            for row in await store.pool.fetch("select * from reindex_changes($1)", since):
                since = max(since, row["changed_at"])
                tenant = store.tenants.get(row["tenant"])
                if tenant is not None:
                    await refresh(store, tenant)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            _log.warning("Cannot look for new search parameters (%s); trying again", type(error).__name__)


async def refresh(store: Store, tenant: Tenant) -> None:
    """Take this tenant's parameters from the table; units that begin from now on use them."""
    async with store.pool.acquire() as connection, connection.transaction():
        await _enter(connection, tenant)
        found = await connection.fetch(
            "select url, definition, state, done, total from reindex where state in ('building', 'ready') "
            "order by url, id"
        )
    known = store.custom_parameters.get(tenant.number)
    definitions = [custom.from_json(row["definition"]) for row in found]
    building = {row["url"]: Building(row["done"], row["total"]) for row in found if row["state"] == "building"}
    if known is not None and known.customs == definitions and known.building.keys() == building.keys():
        for url, progress in building.items():
            known.building[url].done, known.building[url].total = progress.done, progress.total
    elif definitions:
        store.custom_parameters[tenant.number] = Parameters(store.definitions, definitions, building)
        store.custom_parameters[tenant.number].base_url = store.base_url
    else:
        store.custom_parameters.pop(tenant.number, None)


async def progress(store: Store, tenant: Tenant) -> list[dict[str, Any]]:
    """Every added parameter of a tenant: id, url, code, state, done, total, error."""
    async with store.pool.acquire() as connection, connection.transaction():
        await _enter(connection, tenant)
        return [
            dict(row)
            for row in await connection.fetch(
                "select id, url, code, state, done, total, error from reindex order by url, id"
            )
        ]


# The job


async def run(store: Store, job: Taken, *, settle_seconds: float = SETTLE_SECONDS) -> None:
    """Bring the index in line with one SearchParameter resource as it stands now.

    Safe to run twice: it starts from the current resource and rewrites whole rows. settle_seconds: how long other
    processes may take to notice.
    """
    tenant = store.tenants[job.tenant]
    wanted = await _wanted(store, tenant, str(job.payload["id"]))
    if not await _announce(store, tenant, str(job.payload["id"]), wanted):
        await refresh(store, tenant)
        return
    assert wanted.definition is not None
    await refresh(store, tenant)
    if settle_seconds:
        await asyncio.sleep(settle_seconds)
    await _Build(store, tenant, str(job.payload["id"]), wanted.definition).run()
    await refresh(store, tenant)


JOBS = (Job(KIND, run),)


@dataclass(frozen=True)
class _Wanted:
    """definition: None if the resource has no effect; error: why not, where that is worth a sentence."""

    definition: SearchParameterDef | None
    error: str = ""


async def _wanted(store: Store, tenant: Tenant, resource_id: str) -> _Wanted:
    async with store.pool.acquire() as connection, connection.transaction():
        await _enter(connection, tenant)
        body = await connection.fetchval(
            "select v.body from resource r join version v on v.tenant = r.tenant and v.seq = r.seq "
            "where r.tenant = $1 and r.type = $2 and r.id = $3 and not r.deleted",
            tenant.number,
            store.definitions.type_number(TYPE),
            resource_id,
        )
    one = custom.definition_of(fhir_json.parse(body)) if body else None
    if one is None or custom.is_standard(store.definitions, one):
        return _Wanted(None)
    return _Wanted(one, custom.problem(store.definitions, one))


async def _announce(store: Store, tenant: Tenant, resource_id: str, wanted: _Wanted) -> bool:
    """Write the row that all processes look at; whether there is something to build."""
    async with store.pool.acquire() as connection, connection.transaction():
        await _enter(connection, tenant)
        stands = await connection.fetchrow(
            "select definition, state from reindex where tenant = $1 and id = $2 for update", tenant.number, resource_id
        )
        if wanted.definition is None:
            await connection.execute(
                "update reindex set state = 'off', changed_at = clock_timestamp() where tenant = $1 and id = $2",
                tenant.number,
                resource_id,
            )
            return False
        text = custom.to_json(wanted.definition)
        if stands and stands["state"] == "ready" and custom.from_json(stands["definition"]) == wanted.definition:
            return False
        await connection.execute(
            "insert into reindex (tenant, id, url, code, definition, state, error) values ($1, $2, $3, $4, $5, $6, $7) "
            "on conflict (tenant, id) do update set url = $3, code = $4, definition = $5, state = $6, error = $7, "
            "done = 0, changed_at = clock_timestamp()",
            tenant.number,
            resource_id,
            wanted.definition.url,
            wanted.definition.code,
            text,
            "failed" if wanted.error else "building",
            wanted.error or None,
        )
        return not wanted.error


class _Build:
    """One walk over the resources of a parameter's types."""

    def __init__(self, store: Store, tenant: Tenant, resource_id: str, definition: SearchParameterDef) -> None:
        self.store, self.tenant, self.id, self.definition = store, tenant, resource_id, definition
        self.parameters = store.parameters_of(tenant.number)
        numbers = [store.definitions.type_number(one) for one in custom.bases(store.definitions, definition)]
        self.types = numbers + [-one for one in numbers]  # contained resources too (record/index/contained.py)
        self.numbers = sorted(
            {
                parameter.number
                for one in custom.bases(store.definitions, definition)
                for parameter in self.parameters.of(one).values()
                if parameter.url == definition.url
            }
        )

    async def run(self) -> None:
        async with self.store.pool.acquire() as connection:
            start = await self._begin(connection)
            done, after = 0, contained.FIRST
            while True:
                count, after = await self._batch(connection, after)
                if not count:
                    break
                done += count
                await self._report(connection, done)
                # Commits of this tenant waited for the batch; now it is their turn.
                await asyncio.sleep(0.02)
            while True:
                if await self._catch_up(connection, start):
                    return
                await asyncio.sleep(0.02)

    async def _begin(self, connection: asyncpg.Connection) -> list[int]:
        """Count what is to be done; returns [seq], the place up to which the first walk sees everything."""
        async with connection.transaction():
            await _enter(connection, self.tenant)
            seq = await connection.fetchval("select seq from ledger where tenant = $1", self.tenant.number)
            await connection.execute(
                "update reindex set total = (select count(*) from ix where tenant = $1 and type = any($3)), "
                "changed_at = clock_timestamp() where tenant = $1 and id = $2",
                self.tenant.number,
                self.id,
                self.types,
            )
        return [int(seq)]

    async def _batch(self, connection: asyncpg.Connection, after: int) -> tuple[int, int]:
        """Index the next rows; (how many, the last row number)."""
        async with connection.transaction():
            await self._lock(connection)
            found = await connection.fetch(
                "select ix.rid, ix.type, ix.bucket, v.id, v.body from ix join version v on v.tenant = ix.tenant "
                "and v.seq = ix.seq where ix.tenant = $1 and ix.type = any($2) and ix.rid > $3 order by ix.rid limit $4",
                self.tenant.number,
                self.types,
                after,
                BATCH,
            )
            await self._rewrite(connection, found)
        return len(found), found[-1]["rid"] if found else after

    async def _catch_up(self, connection: asyncpg.Connection, start: list[int]) -> bool:
        """Index again what was written since; when nothing is left, and nobody can write, the parameter is ready."""
        async with connection.transaction():
            head = await self._lock(connection)
            found = await connection.fetch(
                "select * from (select ix.rid, ix.type, ix.bucket, ix.seq, v.id, v.body from version v "
                "join ix on ix.tenant = v.tenant and ix.rid = v.rid and ix.seq = v.seq "
                "where v.tenant = $1 and v.type = any($2) and v.seq > $3 union all "
                "select ix.rid, ix.type, ix.bucket, ix.seq, v.id, v.body from ix "
                "join version v on v.tenant = ix.tenant and v.seq = ix.seq "
                "where ix.tenant = $1 and ix.rid < 0 and ix.type = any($2) and ix.seq > $3) f "
                "order by f.seq fetch first $4 rows with ties",  # what one version contains is not torn apart
                self.tenant.number,
                self.types,
                start[0],
                BATCH,
            )
            await self._rewrite(connection, found)
            if len(found) >= BATCH:
                start[0] = found[-1]["seq"]
                return False
            start[0] = head
            await connection.execute(
                "update reindex set state = 'ready', done = counted.n, total = counted.n, changed_at = clock_timestamp() "
                "from (select count(*) n from ix where tenant = $1 and type = any($3)) counted "
                "where tenant = $1 and id = $2 and state = 'building'",
                self.tenant.number,
                self.id,
                self.types,
            )
        return True

    async def _lock(self, connection: asyncpg.Connection) -> int:
        """Enter the tenant and take the lock that every commit takes first, so that no row changes under us."""
        await _enter(connection, self.tenant)
        return int(await connection.fetchval("select seq from ledger where tenant = $1 for update", self.tenant.number))

    async def _rewrite(self, connection: asyncpg.Connection, found: list[asyncpg.Record]) -> None:
        """Terms are written anew as a whole (an older definition of the same code may have left some)."""
        if not found:
            return
        tables: dict[str, list[tuple[Any, ...]]] = {"str": [], "dat": [], "num": []}
        terms = []
        for row in found:
            resource = fhir_json.parse(row["body"])
            extract: Any = index_rows.extract
            if row["rid"] < 0:
                resource = resource["contained"][contained.place_of(row["rid"])]
                extract = contained.extract_one
            rows = extract(
                self.parameters,
                resource,
                tenant=self.tenant.number,
                term_seed=self.tenant.term_seed,
                tz=self.tenant.time_zone,
            )
            terms.append((self.tenant.number, row["rid"], rows.terms))
            for name, into in tables.items():
                into += [
                    (self.tenant.number, row["bucket"], row["type"], row["rid"], *one)
                    for one in getattr(rows, name)
                    if one[0] in self.numbers
                ]
        await connection.executemany("update ix set terms = $3 where tenant = $1 and rid = $2", terms)
        rids = [row["rid"] for row in found]
        for name, into in tables.items():
            await connection.execute(
                f"delete from {name} where tenant = $1 and rid = any($2) and param = any($3)",
                self.tenant.number,
                rids,
                self.numbers,
            )
            if into:
                await connection.executemany(_INSERT[name], into)  # COPY does not work under row-level security

    async def _report(self, connection: asyncpg.Connection, done: int) -> None:
        async with connection.transaction():
            await _enter(connection, self.tenant)
            await connection.execute(
                "update reindex set done = $3, total = greatest(total, $3), changed_at = clock_timestamp() "
                "where tenant = $1 and id = $2",
                self.tenant.number,
                self.id,
                done,
            )
        mine = self.parameters.building.get(self.definition.url)
        if mine is not None:
            mine.done = done


def _insert(table: str, columns: str) -> str:
    marks = ", ".join(f"${n + 1}" for n in range(4 + columns.count(",") + 1))
    return f"insert into {table} (tenant, bucket, type, rid, {columns}) values ({marks})"


_INSERT = {
    "str": _insert("str", "param, norm, exact, tok"),
    "dat": _insert("dat", "param, lo, hi, tok"),
    "num": _insert("num", "param, unit, lo, hi, tok, lo2, hi2"),
}


async def _enter(connection: asyncpg.Connection, tenant: Tenant) -> None:
    await connection.execute(f"set local lienmach.tenant = '{int(tenant.number)}'")
