"""When the bank's statement is read next: soon after money is expected, then ever more rarely.

It goes on for three days, and for as long as a request lives that can still be paid (payment_requests.KEPT), so that a
notice that is lost on the twentieth day heals as well as one of today.

One reading is pending at a time in a tenant: each has a turn, and a job of an earlier turn does nothing. The gap grows
with the age of the last request: after 2, 5, 10, 20, 40 … seconds, up to an hour. The reading itself:
statement_polls.py. Each tenant that has a line to the bank reads for itself (bank_lines.py).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from lienmach.base import jobs
from lienmach.base.jobs import JobRow
from lienmach.care.money import bank_lines
from lienmach.record.transaction import Transaction

POLL = "bank.poll"
FIRST, GAP_LEAST, GAP_MOST = timedelta(seconds=2), timedelta(seconds=3), timedelta(hours=1)
ASKED_FOR = timedelta(days=3)
_OVERDUE = timedelta(minutes=5)  # a queued job that did not come by then is taken for lost


@dataclass(frozen=True)
class PollState:
    """How reading the statement is doing. problem: word as in outbox.Answer, "" for none. next_at: None: not queued."""

    is_connected: bool
    polled_at: datetime | None = None
    next_at: datetime | None = None
    problem: str = ""


def is_connected(tx: Transaction) -> bool:
    """Whether this tenant has a line to the bank's statement."""
    return bool(bank_lines.of(tx.store.limits, tx.store.tenants, tx.tenant.number).url)


def expect(tx: Transaction) -> None:
    """Look for money soon after tx has committed. Again and again is one look: who asks often delays nothing."""
    if is_connected(tx):
        tx.also(functools.partial(_begin, tx))


async def state(tx: Transaction) -> PollState:
    """How reading the statement is doing."""
    rows = await tx.fetch("select polled_at, next_at, problem from bank_poll where tenant = $1", tx.tenant.number)
    return PollState(is_connected(tx), *rows[0]) if rows else PollState(is_connected(tx))


async def is_turn(tx: Transaction, turn: int) -> bool:
    """Whether a job of this turn is the one that is to read."""
    rows = await tx.fetch(
        "select 1 from bank_poll where tenant = $1 and turn = $2 and next_at is not null", tx.tenant.number, turn
    )
    return bool(rows)


def end(tx: Transaction, turn: int, problem: str, *, is_wanted: bool) -> None:
    """Say how the reading of a turn went and queue the next one, when tx commits; nothing if the turn is over.

    is_wanted: money may still come for a request, however long ago the last one was made.
    """

    async def write(connection: asyncpg.Connection) -> None:
        row = await connection.fetchrow(
            "select turn, since_at from bank_poll where tenant = $1 for update", tx.tenant.number
        )
        if row is None or row["turn"] != turn:
            return
        age = tx.now - row["since_at"]
        next_at = tx.now + gap(age) if is_connected(tx) and (is_wanted or age < ASKED_FOR) else None
        await connection.execute(
            """update bank_poll set turn = turn + 1, next_at = $2, problem = $3,
                      polled_at = case when $3 = '' then $4 else polled_at end where tenant = $1""",
            tx.tenant.number, next_at, problem, tx.now,
        )  # fmt: skip
        if next_at is not None:
            await jobs.queue(connection, tx.tenant.number, [JobRow(POLL, {"turn": turn + 1}, next_at)])

    tx.also(write)


def gap(age: timedelta) -> timedelta:
    """How long until the next reading when money has been expected for so long."""
    return min(max(age, GAP_LEAST), GAP_MOST)


async def _begin(tx: Transaction, connection: asyncpg.Connection) -> None:
    """Count the age from now; queue a reading unless one comes as soon."""
    due_at = tx.now + FIRST
    row = await connection.fetchrow(
        "select turn, next_at from bank_poll where tenant = $1 for update", tx.tenant.number
    )
    is_soon = row is not None and row["next_at"] is not None and tx.now - _OVERDUE <= row["next_at"] <= due_at
    if row is not None and is_soon:
        await connection.execute("update bank_poll set since_at = $2 where tenant = $1", tx.tenant.number, tx.now)
        return
    turn = row["turn"] + 1 if row is not None else 1
    await connection.execute(
        """insert into bank_poll (tenant, turn, since_at, next_at) values ($1, $2, $3, $4)
           on conflict (tenant) do update set turn = excluded.turn, since_at = excluded.since_at,
                                              next_at = excluded.next_at""",
        tx.tenant.number, turn, tx.now, due_at,
    )  # fmt: skip
    await jobs.queue(connection, tx.tenant.number, [JobRow(POLL, {"turn": turn}, due_at)])
