"""Letting the claim of a visit be looked at again: one job a visit waits, however much changes before it begins.

`claim.wanted_at` says that a job is queued and has not begun. The job takes it back before it looks, so what changes
from then on, while it works, queues one more. The lock that orders the commits of a tenant sees that none is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from lienmach.base import jobs
from lienmach.base.jobs import JobRow
from lienmach.record.transaction import Transaction

CONSIDER = "claims.consider"
FORGOTTEN = timedelta(minutes=5)  # a job that has not begun for so long may have been put aside: another one is queued


@dataclass(frozen=True)
class _Look:
    """The effect that queues a look unless one waits; a visit that has no claim yet gets its job every time."""

    tx: Transaction
    encounter_id: str

    async def __call__(self, connection: asyncpg.Connection) -> None:
        tenant, now = self.tx.tenant.number, self.tx.now
        waits = await connection.fetchval(
            """with asked as (update claim set wanted_at = $3 where tenant = $1 and encounter_id = $2
                              and (wanted_at is null or wanted_at < $4) returning true)
               select exists (select from claim where tenant = $1 and encounter_id = $2)
                      and not exists (select from asked)""",
            tenant, self.encounter_id, now, now - FORGOTTEN,
        )  # fmt: skip
        if not waits:
            await jobs.queue(connection, tenant, [JobRow(CONSIDER, {"encounter": self.encounter_id})])
            self.tx.has_queued = True


def queue(tx: Transaction, encounter_id: str) -> None:
    """Queue a look when tx commits, unless one waits already; said twice it is once."""
    if not any(isinstance(one, _Look) and one.encounter_id == encounter_id for one in tx.effects):
        tx.also(_Look(tx, encounter_id))


async def begin(tx: Transaction, encounter_id: str) -> None:
    """A look begins when tx has committed: what changes later queues the next."""
    rows = await tx.fetch(
        "select wanted_at from claim where tenant = $1 and encounter_id = $2", tx.tenant.number, encounter_id
    )
    if not rows or rows[0]["wanted_at"] is None:
        return

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update claim set wanted_at = null where tenant = $1 and encounter_id = $2", tx.tenant.number, encounter_id
        )

    tx.also(write)
