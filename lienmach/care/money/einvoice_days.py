"""The job `einvoices.day`: at 23:45 one summary of what was paid and has no invoice, and adjustments of what changed.

The days are a chain of jobs: each queues the next one, once. The first is queued by the first cost statement of all
(`einvoices.begin`, caused by a change of an Invoice). A day that was missed because the node stood still is done when
it runs again.
"""

from __future__ import annotations

import functools
from datetime import date, datetime, time, timedelta
from itertools import groupby

import asyncpg

from lienmach.base import jobs
from lienmach.base.actor import Actor
from lienmach.base.jobs import Job, JobRow, Taken
from lienmach.care import catalogues
from lienmach.care.money import einvoices
from lienmach.care.money.einvoice_message import Part
from lienmach.care.money.einvoices import Draft, Standing
from lienmach.record.changes import OnChange
from lienmach.record.transaction import Store, Transaction

DAY, BEGIN = "einvoices.day", "einvoices.begin"
AT = time(23, 45)  # in the tenant's zone
_PARTS_MAX = 1000  # of one summary; a longer day has several


def queue_day(tx: Transaction, day: date) -> None:
    """Queue the summary of a day when tx commits, unless it was queued already."""
    row = JobRow(DAY, {"day": day.isoformat()}, datetime.combine(day, AT, tx.tenant.time_zone))

    async def write(connection: asyncpg.Connection) -> None:
        is_new = await connection.fetchval(
            """insert into einvoice_day_queued (tenant, day_on) values ($1, $2) on conflict do nothing returning true""",
            tx.tenant.number, day,
        )  # fmt: skip
        if is_new:
            await jobs.queue(connection, tx.tenant.number, [row])

    tx.also(write)


async def close_day(tx: Transaction, day: date) -> None:
    """Adjust what changed since it was invoiced, and put the rest that was paid into summaries, when tx commits.

    More money for a visit that stands in a summary or has none is a part of today's; for one with an invoice in
    somebody's name, and for less money, it is an adjustment.
    """
    fresh: list[Standing] = []
    for one in await einvoices.standing(tx):
        held = await einvoices.parts_of(tx, one.encounter_id)
        if one.paid > one.invoiced and not any(key.startswith("bill.") for key in held):
            fresh.append(one)
        elif held:
            await einvoices.adjust(tx, one.encounter_id)
    fresh.sort(key=lambda one: (one.organization_id, one.bill_number, one.encounter_id))
    for organization_id, group in groupby(fresh, key=lambda one: one.organization_id):
        await _summarise(tx, day, organization_id, list(group))
    einvoices.note_right(tx)


async def _summarise(tx: Transaction, day: date, organization_id: str, visits: list[Standing]) -> None:
    rows = await tx.fetch(
        """select count(*)::int as count from einvoice where tenant = $1 and kind = 'summary' and day_on = $2
           and organization_id = $3""",
        tx.tenant.number, day, organization_id,
    )  # fmt: skip
    made = rows[0]["count"]
    for start in range(0, len(visits), _PARTS_MAX):
        made += 1
        group = visits[start : start + _PARTS_MAX]
        parts = tuple(Part(one.encounter_id, one.bill_number, one.paid - one.invoiced) for one in group)
        draft = Draft(f"day.{day:%Y%m%d}.{organization_id}.{made}", "summary", organization_id, parts, day=day)
        await einvoices.write(tx, draft, {one.encounter_id: one.invoiced for one in group})


async def _begin(store: Store, job: Taken) -> None:
    """Queue the summary of today. Safe to run twice because a day is queued once."""

    async def work(tx: Transaction) -> None:
        today = catalogues.today(tx)
        there = "select 1 from einvoice_day_queued where tenant = $1 and day_on >= $2 limit 1"
        if not await tx.fetch(there, tx.tenant.number, today):
            queue_day(tx, today)

    await store.run(_system(job), work)


async def _day(store: Store, job: Taken) -> None:
    """Safe to run twice because what stands in an invoice is not invoiced again, and the next day is queued once."""
    day = date.fromisoformat(str(job.payload["day"]))
    await store.run(_system(job), functools.partial(close_day, day=day))

    async def go_on(tx: Transaction) -> None:
        queue_day(tx, max(day + timedelta(days=1), catalogues.today(tx)))

    await store.run(_system(job), go_on)


def _system(job: Taken) -> Actor:
    return Actor(job.tenant, "system", frozenset({"system"}), "HPAYMT", job.kind)


JOBS = (Job(BEGIN, _begin), Job(DAY, _day))
ON_CHANGE = (OnChange("Invoice", BEGIN, is_once=True),)
