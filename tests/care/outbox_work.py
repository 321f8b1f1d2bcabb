"""Working the outbox by hand in tests: due jobs now, or one message as if its worker had just taken it."""

from __future__ import annotations

import dataclasses
from typing import Any

import asyncpg

from lienmach.base.actor import Actor
from lienmach.base.jobs import Taken, Worker
from lienmach.care import outbox, outbox_delivery
from lienmach.record.transaction import Store


def connect(store: Store, **settings: Any) -> None:
    """Give the store these settings, as a node would have them after a restart."""
    given = {"insurance_user": "86991_BV", "insurance_password": "mật khẩu mẫu", "prescription_facility": "86991",
             "prescription_password": "x", **settings}  # fmt: skip
    store.limits = dataclasses.replace(store.limits, **given)


async def work(store: Store, pool: asyncpg.Pool) -> None:
    """Do every job of the outbox that is due, and those that they cause at once."""
    worker = Worker(pool, outbox_delivery.JOBS, store)
    while await worker.run_once():
        pass


async def send(store: Store, message: str) -> None:
    """Send one message now, whatever its next time."""
    await outbox_delivery.send(store, Taken(1, 1, outbox.SEND, {"message": message}, 1, 10))


async def read(store: Store, actor: Actor, message: str) -> outbox.Message:
    """One message as it stands."""
    async with store.begin(actor) as tx:
        return await outbox.read(tx, message)


async def tries(store: Store, actor: Actor, message: str) -> list[outbox.Try]:
    """Its answers, oldest first."""
    async with store.begin(actor) as tx:
        return list(reversed(await outbox.answers(tx, message)))
