"""Times are made ahead of need: every night for all schedules in use, and at once when a schedule is made or changed.

The nights are a chain of jobs: each queues the next one before it begins, once, whoever runs it how often. A time that
is made for a day for which somebody waits is offered to them first (booking_waiting.py).
"""

from __future__ import annotations

import functools
from datetime import date, datetime, time, timedelta

import asyncpg

from lienmach.base import errors, jobs
from lienmach.base.actor import Actor
from lienmach.care import booking_slots, booking_waiting, resources, systems
from lienmach.record.transaction import Store, Transaction

DAYS_AHEAD = 28
AT = time(2, 10)  # of the night, in the tenant's zone
NIGHT = "booking.make-ahead"
CHANGED = "booking.schedule-changed"


async def make(store: Store, actor: Actor, schedule_id: str) -> int:
    """Make the times of a schedule up to DAYS_AHEAD days from today, a unit for each day; returns how many are new."""
    async with store.begin(actor) as tx:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
    made = 0
    for ahead in range(DAYS_AHEAD + 1):
        day = today + timedelta(days=ahead)
        new = await store.run(actor, functools.partial(_make_day, schedule_id=schedule_id, day=day))
        if new:
            made += new
            await store.run(actor, functools.partial(offer_day, schedule_id=schedule_id, day=day))
    return made


async def offer_day(tx: Transaction, schedule_id: str, day: date) -> int:
    """Offer free times of a day to those who wait for it, one to each, who asked first before the others."""
    own = await resources.read(tx, "Schedule", schedule_id)
    zone, offered = tx.tenant.time_zone, 0
    specialty = resources.code_of((own.get("specialty") or [{}])[0], systems.SPECIALTY)
    waiting = [
        one
        for one in await booking_waiting.waiting_list(tx, specialty)
        if one.status == "waitlist" and one.asked_at and one.asked_at.astimezone(zone).date() == day
    ]
    free = await booking_slots.free_of_day(tx, schedule_id, day) if waiting else []
    for slot, _ in zip(free, waiting, strict=False):
        offered += await booking_waiting.offer(tx, slot)
    return offered


def queue_night(tx: Transaction) -> None:
    """Queue the making of times of tomorrow night when tx commits, unless it is queued already."""
    zone = tx.tenant.time_zone
    day = tx.now.astimezone(zone).date() + timedelta(days=1)
    row = jobs.JobRow(NIGHT, {"day": day.isoformat()}, datetime.combine(day, AT, zone))

    async def write(connection: asyncpg.Connection) -> None:
        there = await connection.fetchval(
            "select 1 from job where tenant = $1 and kind = $2 and payload ->> 'day' = $3 limit 1",
            tx.tenant.number, NIGHT, day.isoformat(),
        )  # fmt: skip
        if not there:
            await jobs.queue(connection, tx.tenant.number, [row])

    tx.also(write)


async def _make_day(tx: Transaction, schedule_id: str, day: date) -> int:
    own = await resources.read(tx, "Schedule", schedule_id)
    return await booking_slots.make_slots(tx, own, day) if own.get("active") else 0


async def _night(store: Store, job: jobs.Taken) -> None:
    """Safe to run twice because a day that is made is made once, and the next night is queued once."""
    actor = _system(job)

    async def begin(tx: Transaction) -> list[str]:
        queue_night(tx)
        return [one["id"] for one in await booking_slots.schedules(tx)]

    for schedule_id in await store.run(actor, begin):
        await _make_or_pass(store, actor, schedule_id)


async def _changed(store: Store, job: jobs.Taken) -> None:
    """Safe to run twice because a day that is made is made once, and the next night is queued once."""
    actor = _system(job)

    async def begin(tx: Transaction) -> None:
        queue_night(tx)

    await store.run(actor, begin)
    await _make_or_pass(store, actor, str(job.payload["id"]))


async def _make_or_pass(store: Store, actor: Actor, schedule_id: str) -> None:
    """A schedule that is gone, or whose plan nobody can read, does not stop the others."""
    try:
        await make(store, actor, schedule_id)
    except (errors.NotFound, errors.Gone, errors.Invalid):
        return


def _system(job: jobs.Taken) -> Actor:
    return Actor(job.tenant, "system", frozenset({"system"}), "HOPERAT")


JOBS = (jobs.Job(NIGHT, _night), jobs.Job(CHANGED, _changed))
