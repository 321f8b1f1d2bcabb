"""`lienmach demo visits`: seeded random visits of one day, driven through the same functions as the screens.

Visits go on side by side: a heap of (moment, visit) says who takes the next step, so that the clock only goes forward
and no time lies before its cause. What a visit is stands in its plan; a second run of the same seed and day adds
nothing, because each visit carries an identifier that follows from seed, number and day.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime

import asyncpg

from lienmach.base import clock, errors, jobs
from lienmach.base.actor import Actor
from lienmach.base.jobs import Job, JobRow, Taken, Worker
from lienmach.base.settings import Settings
from lienmach.care import outbox_delivery
from lienmach.commands import (
    demo_connections,
    demo_visit_day,
    demo_visit_money,
    demo_visit_plan,
    demo_visit_walk,
    opened,
)
from lienmach.commands.demo_visit_day import Day, Tally
from lienmach.commands.demo_visit_plan import VisitPlan
from lienmach.commands.progress import Progress
from lienmach.record.transaction import Store, Transaction

COUNT_MAX = 100_000
_FAILURES_SHOWN = 20
#: Jobs that ask again and again by the clock on the wall: on a day that is over each would be due at once, for ever.
_BY_THE_CLOCK = frozenset({"bank.poll", "claims.answers", "einvoices.day", "pharmacy.unfetched"})
_ROUNDS = 60  # batches: at the end of a day many visits' statements are closed, each causes a look, a claim, its answer
_log = logging.getLogger(__name__)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Let the visits take place and say what came of them; 1 if one failed, 2 for options that make no sense."""
    if not 1 <= args.count <= COUNT_MAX:
        print(f"lienmach demo visits: --count is 1 to {COUNT_MAX}.", file=sys.stderr)
        return 2
    try:
        day = date.fromisoformat(args.day) if args.day else None
    except ValueError:
        print("lienmach demo visits: --day is a date such as 2026-11-20.", file=sys.stderr)
        return 2
    return asyncio.run(_run(settings, args.tenant, args.seed, args.count, day))


async def _run(settings: Settings, tenant: str, seed: int, count: int, day: date | None) -> int:
    from lienmach import app  # here, for it brings the pages with it

    started = time.monotonic()
    shown = Progress(count)
    async with (
        demo_connections.connected(settings) as connected,
        opened.record(connected, tenant, command="demo visits") as (store, actor),
    ):
        tally = await drive(
            store, actor, seed=seed, count=count, day=day, kinds=app.job_kinds(),
            report=lambda done: shown.report(done, f"{done:,} of {count:,} demo visits"),
        )  # fmt: skip
    shown.end()
    print(f"{summary(tally)} {time.monotonic() - started:.1f} s.", flush=True)
    for line in tally.failures[:_FAILURES_SHOWN]:
        print(f"lienmach demo visits: {line}", file=sys.stderr)
    return 1 if tally.failures else 0


def summary(tally: Tally) -> str:
    """What a run has made, as one line."""
    return (
        f"{tally.visits:,} demo visits ({tally.kept:,} were there): {tally.finished:,} finished, {tally.signed:,} signed, "
        f"{tally.cancelled:,} cancelled, {tally.booked:,} booked ahead, {tally.second_exams:,} second examinations, "
        f"{tally.orders:,} orders, {tally.results:,} results released, {tally.pending:,} pending, "
        f"{tally.critical:,} critical, {tally.prescriptions:,} prescriptions, {tally.dispensed:,} dispensed "
        f"({tally.partly:,} in part), {tally.papers:,} papers, {tally.insured:,} insured, {tally.statements:,} statements "
        f"closed ({tally.closed_again:,} again), {tally.deposits:,} deposits, {tally.paid:,} bills paid, "
        f"{tally.credits:,} on credit, {tally.refunds:,} refunds, {len(tally.failures):,} failures."
    )


async def drive(
    store: Store,
    actor: Actor,
    *,
    seed: int,
    count: int,
    day: date | None = None,
    kinds: Sequence[Job] = (),
    report: object = None,
) -> Tally:
    """Let visits 1 to `count` of this seed take place on a day (None: today). `store` keeps the clock of that day.

    actor: the system of the tenant. kinds: jobs that are done between the steps, by that clock: cards are answered
    and claims are sent only then, or by a node that works beside. Raises errors.Invalid, Conflict where the day cannot
    be.
    """
    one = await demo_visit_day.begin(store, actor, day)
    done_here = [_sent_in_time(one, actor) for one in kinds if one.kind not in _BY_THE_CLOCK]
    worker = Worker(store.pool, done_here, store)
    waiting: list[tuple[datetime, int, VisitPlan]] = []
    for number in range(1, count + 1):
        plan = demo_visit_plan.plan(seed, number, one.day, is_today=one.is_today)
        waiting.append((one.opens_at + plan.arrives * one.minute, number, plan))
    heapq.heapify(waiting)
    walks: dict[int, AsyncIterator[float]] = {}
    done = 0
    while waiting:
        at, number, plan = heapq.heappop(waiting)
        one.clock.move(at)
        walk = walks.get(number)
        if walk is None:
            walk = walks[number] = demo_visit_walk.steps(plan, one)
        minutes = await _step(one, walk, plan)
        await _work(worker)
        if minutes is None:
            del walks[number]
            done += 1
            if callable(report):
                report(done)
        else:
            heapq.heappush(waiting, (max(at, one.clock.at) + minutes * one.minute, number, plan))
    if one.tally.visits and not one.is_today:
        await demo_visit_day.close(one)
        await _work(worker)
        await demo_visit_money.close_again(one)
        await _work(worker)
        await demo_visit_money.end_shift(one)
    return one.tally


def _sent_in_time(job: Job, actor: Actor) -> Job:
    """A second try that lies ahead by the day's clock waits as long by the clock on the wall: there it was due at once,
    and one message that nobody answers would be sent again at every step of every visit."""
    if job.kind != outbox_delivery.SEND:
        return job

    async def send(store: Store, taken: Taken) -> None:
        async def put_off(tx: Transaction) -> bool:
            rows = await tx.fetch(
                "select next_at from outbox_message where tenant = $1 and message_id = $2 and state = 'waiting'",
                tx.tenant.number, taken.payload["message"],
            )  # fmt: skip
            if not rows or rows[0]["next_at"] is None or rows[0]["next_at"] <= tx.now:
                return False
            later = [JobRow(job.kind, taken.payload, clock.now() + (rows[0]["next_at"] - tx.now))]

            async def queue(connection: asyncpg.Connection) -> None:
                await jobs.queue(connection, tx.tenant.number, later)

            tx.also(queue)
            return True

        if not await store.run(actor, put_off):
            await job.function(store, taken)

    return Job(job.kind, send, job.attempts_max)


async def _work(worker: Worker) -> None:
    """Do what is due, and what that causes; not for ever, for a job that fails is due again by the wall's clock."""
    for _ in range(_ROUNDS):
        if not await worker.run_once():
            return


async def _step(one: Day, walk: AsyncIterator[float], plan: VisitPlan) -> float | None:
    """The minutes until the next step of a visit, None when it is over or has failed."""
    try:
        return await anext(walk)
    except StopAsyncIteration:
        return None
    except errors.Failure as failure:
        one.tally.failures.append(f"visit {plan.mark} ({plan.case.code}): {failure.text}")
    except Exception as error:
        _log.exception("visit %s failed in a way that it should not", plan.mark)
        one.tally.failures.append(f"visit {plan.mark} ({plan.case.code}): {type(error).__name__}")
    return None
