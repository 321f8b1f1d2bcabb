"""The jobs that keep the figures: a look at the record every twenty seconds, and a recount from its beginning.

A change of a visit queues a look too, so that the first visit of a tenant starts them and a chain that broke goes on;
looks that come together are one (a look that began after a job was taken has seen what caused it).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from lienmach.base import jobs
from lienmach.departments.leaders import projection, roll_up
from lienmach.record.changes import OnChange
from lienmach.record.transaction import Store

REBUILD = "leaders.rebuild"


@dataclass
class _Turn:
    """Who looks in a tenant of this process. begun: how many looks were begun so far."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0


class _Turns:
    """Turns by record and tenant, as long as the record is open."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Store, defaultdict[int, _Turn]] = WeakKeyDictionary()

    def of(self, store: Store, tenant: int) -> _Turn:
        return self._of.setdefault(store, defaultdict(_Turn))[tenant]


_turns = _Turns()


async def follow(store: Store, job: jobs.Taken) -> None:
    """Count what was committed since the last look, and see that there is a next one in twenty seconds.

    Safe to run twice because a look begins where the last one ended and writes whole rows of current resources.
    """
    turn = _turns.of(store, job.tenant)
    seen = turn.begun
    async with turn.lock:
        if turn.begun > seen:
            return
        turn.begun += 1
        await projection.catch_up(store, job.tenant)
        await _plan(store, job.tenant)


async def rebuild(store: Store, job: jobs.Taken) -> None:
    """Count everything again from the first version of the record; what is shown stays until it is replaced.

    Safe to run twice because it only sets the place from which the next looks go on.
    """
    await projection.begin_anew(store, job.tenant)


async def _plan(store: Store, tenant: int) -> None:
    """Queue the next look unless one is due later anyway. By the clock of the database, as the queue is."""
    async with store.pool.acquire() as connection, connection.transaction():
        await roll_up.hold(connection, tenant)
        at = await connection.fetchval(
            """update leaders_progress set beat_at = clock_timestamp() + make_interval(secs => $2)
               where tenant = $1 and (beat_at is null or beat_at <= clock_timestamp() + interval '1 second')
               returning beat_at""",
            tenant, float(projection.BEAT_SECONDS),
        )  # fmt: skip
        if at is not None:
            await jobs.queue(connection, tenant, [jobs.JobRow(projection.FOLLOW, run_at=at)])


JOBS = (jobs.Job(projection.FOLLOW, follow), jobs.Job(REBUILD, rebuild))
ON_CHANGE = (OnChange("Encounter", projection.FOLLOW, is_once=True),)
