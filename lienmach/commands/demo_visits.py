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
from collections.abc import AsyncIterator
from datetime import date, datetime

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.commands import demo_visit_day, demo_visit_plan, demo_visit_walk, opened
from lienmach.commands.demo_visit_day import Day, Tally
from lienmach.commands.demo_visit_plan import VisitPlan
from lienmach.commands.progress import Progress
from lienmach.record.transaction import Store

COUNT_MAX = 100_000
_FAILURES_SHOWN = 20
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
    started = time.monotonic()
    shown = Progress(count)
    async with opened.record(settings, tenant, command="demo visits") as (store, actor):
        tally = await drive(
            store, actor, seed=seed, count=count, day=day,
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
        f"({tally.partly:,} in part), {tally.papers:,} papers, {len(tally.failures):,} failures."
    )


async def drive(
    store: Store, actor: Actor, *, seed: int, count: int, day: date | None = None, report: object = None
) -> Tally:
    """Let visits 1 to `count` of this seed take place on a day (None: today). `store` keeps the clock of that day.

    actor: the system of the tenant. Raises errors.Invalid, Conflict where the day cannot be.
    """
    one = await demo_visit_day.begin(store, actor, day)
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
        if minutes is None:
            del walks[number]
            done += 1
            if callable(report):
                report(done)
        else:
            heapq.heappush(waiting, (max(at, one.clock.at) + minutes * one.minute, number, plan))
    if one.tally.visits and not one.is_today:
        await demo_visit_day.close(one)
    return one.tally


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
