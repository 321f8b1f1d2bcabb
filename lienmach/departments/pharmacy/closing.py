"""Closing time: what was reserved today and nobody fetched goes back to the shelf by itself.

Each reservation brings its own job, due at the end of its day in the tenant's zone (care/stock.py queues it). The
button at the window does the same earlier.
"""

from __future__ import annotations

from lienmach.base import jobs
from lienmach.base.actor import Actor
from lienmach.care import stock
from lienmach.departments.pharmacy import dispensing
from lienmach.record.transaction import Store, Transaction


async def release(store: Store, job: jobs.Taken) -> None:
    """Let go what is still reserved for one line since before closing time; its charge falls to what was given out.

    Safe to run twice because a line without such a reservation is left alone. payload: cause, a reference.
    """
    actor = Actor(job.tenant, "system", frozenset(["system"]), "HOPERAT", "pharmacy.unfetched")

    async def work(tx: Transaction) -> None:
        rows = await tx.fetch(
            "select place_id, reserved_at from stock_reservation where tenant = $1 and cause = $2",
            tx.tenant.number, job.payload["cause"],
        )  # fmt: skip
        if rows and stock.closing_at(tx, rows[0]["reserved_at"]) <= tx.now:
            await dispensing.release(tx, job.payload["cause"])

    await store.run(actor, work)


JOB = jobs.Job(stock.UNFETCHED, release)
