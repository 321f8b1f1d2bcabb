"""The queue: work that a transaction causes, written by that transaction, done later, maybe twice.

A row is written with the data that cause it, so there is neither a job without its cause nor a
cause without its job. Workers claim in batches with SKIP LOCKED and hold a lease; a worker that dies
is replaced when its lease ends. A function that fails is tried again, later each time; when its
attempts are used up the row is put aside (`dead_at`) for a person, never deleted. No NOTIFY: it
halves commits; workers of the same process are poked, the others look once a second.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from lienmach.base import metrics
from lienmach.base.errors import Failure

log = logging.getLogger(__name__)

BATCH = 20
ATTEMPTS_MAX = 10
_BACKOFF_SECONDS_MAX = 3600.0
_KEEP_DAYS = 7
_SWEEP_EVERY_SECONDS = 3600.0


@dataclass(frozen=True)
class JobRow:
    """One piece of work to queue. payload: a JSON object of ids, never of patient data. run_at: aware."""

    kind: str
    payload: dict[str, Any] = field(default_factory=dict)
    run_at: datetime | None = None
    attempts_max: int = ATTEMPTS_MAX

    @property
    def payload_text(self) -> str:
        """The payload as the JSON text that the row stores."""
        return json.dumps(self.payload)


@dataclass(frozen=True)
class Taken:
    """A job in a worker's hands. attempt: 1 for the first."""

    job_id: int
    tenant: int
    kind: str
    payload: dict[str, Any]
    attempt: int
    attempts_max: int


@dataclass(frozen=True)
class Job:
    """A kind of job and the function that does it, which must be safe to run twice.

    function: called with what the worker was given as `app` (the Store) and the Taken.
    """

    kind: str
    function: Callable[[Any, Taken], Awaitable[None]]
    attempts_max: int = ATTEMPTS_MAX

    def row(self, payload: dict[str, Any], run_at: datetime | None = None) -> JobRow:
        """A row of this kind, to be queued by a transaction."""
        return JobRow(self.kind, payload, run_at, self.attempts_max)


async def queue(connection: asyncpg.Connection, tenant: int, rows: Iterable[JobRow]) -> int:
    """Write job rows in the connection's transaction (its tenant is set); returns how many."""
    found = list(rows)
    if found:
        await connection.execute(
            """insert into job (tenant, kind, payload, run_at, attempts_max)
               select $1, kind, payload, coalesce(run_at, now()), attempts_max
                 from unnest($2::text[], $3::jsonb[], $4::timestamptz[], $5::int[])
                   as t (kind, payload, run_at, attempts_max)""",
            tenant, [row.kind for row in found], [row.payload_text for row in found],
            [row.run_at for row in found], [row.attempts_max for row in found],
        )  # fmt: skip
    return len(found)


class Worker:
    """Claims and runs jobs until `stop`. One per process; `poke` it after a commit that queued something."""

    def __init__(
        self, pool: asyncpg.Pool, kinds: Iterable[Job], app: Any, *, lease_seconds: int = 300, poll_seconds: float = 1.0
    ) -> None:
        self.pool = pool
        self.kinds = {one.kind: one for one in kinds}
        self.app = app
        self.lease_seconds = lease_seconds
        self.poll_seconds = poll_seconds
        self._mark = secrets.randbits(62)
        self._poked = asyncio.Event()
        self._stopping = False

    def poke(self) -> None:
        """Look for jobs now rather than at the next poll."""
        self._poked.set()

    def stop(self) -> None:
        """End `run` after the batch in hand."""
        self._stopping = True
        self._poked.set()

    async def run(self) -> None:
        """Work until stopped; a database that is away is waited for."""
        loop = asyncio.get_running_loop()
        swept = 0.0
        while not self._stopping:
            self._poked.clear()
            taken = 0
            try:
                if loop.time() - swept > _SWEEP_EVERY_SECONDS:
                    swept = loop.time()
                    await self.pool.execute("select job_sweep($1)", _KEEP_DAYS)
                taken = await self.run_once()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                log.warning("The job worker lost the database (%s) and tries again", type(error).__name__)
            if taken < BATCH and not self._stopping:
                try:
                    await asyncio.wait_for(self._poked.wait(), self.poll_seconds * random.uniform(0.9, 1.1))
                except TimeoutError:
                    pass

    async def run_once(self) -> int:
        """Claim one batch, run it, and return how many jobs it held."""
        if not self.kinds:
            return 0
        rows = await self.pool.fetch(
            "select * from job_claim($1, $2, $3, $4)", list(self.kinds), BATCH, self.lease_seconds, self._mark
        )
        if not rows:
            return 0
        batch = [
            Taken(row["job_id"], row["tenant"], row["kind"], json.loads(row["payload"]), row["attempts"],
                  row["attempts_max"])
            for row in rows
        ]  # fmt: skip
        keeper = asyncio.create_task(self._keep_lease([one.job_id for one in batch]))
        try:
            results = await asyncio.gather(*(self._run(one) for one in batch))
        finally:
            keeper.cancel()
        done = [one.job_id for one, worked in zip(batch, results, strict=True) if worked]
        if done:
            await self.pool.execute("select job_finish($1, $2)", done, self._mark)
        return len(batch)

    async def _run(self, one: Taken) -> bool:
        try:
            await self.kinds[one.kind].function(self.app, one)
        except Exception as error:
            await self._fail(one, error)
            return False
        metrics.JOBS.labels(one.kind, "done").inc()
        return True

    async def _fail(self, one: Taken, error: Exception) -> None:
        # The text of a foreign exception may quote patient data; only our own is kept.
        words = f"{type(error).__name__}: {error}" if isinstance(error, Failure) else type(error).__name__
        wait = min(_BACKOFF_SECONDS_MAX, 2.0**one.attempt * random.uniform(0.8, 1.2))
        dead = await self.pool.fetchval("select job_fail($1, $2, $3, $4)", one.job_id, self._mark, words, wait)
        metrics.JOBS.labels(one.kind, "dead" if dead else "failed").inc()
        log.log(
            logging.ERROR if dead else logging.WARNING, "Job %d of kind %s failed on attempt %d of %d%s",
            one.job_id, one.kind, one.attempt, one.attempts_max, " and is put aside" if dead else "", exc_info=error,
        )  # fmt: skip

    async def _keep_lease(self, job_ids: list[int]) -> None:
        while True:
            await asyncio.sleep(self.lease_seconds / 3)
            try:
                await self.pool.execute("select job_extend($1, $2, $3)", job_ids, self._mark, self.lease_seconds)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                log.warning("A lease could not be extended (%s); it is tried again", type(error).__name__)
