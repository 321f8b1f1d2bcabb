"""A message whose words are good for minutes: when it is sent or over, its secret stands in no row any more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from lienmach.base.actor import Actor
from lienmach.care import outbox
from lienmach.record.transaction import Store, Transaction
from lienmach.simulators import sms
from tests.care import outbox_work
from tests.simulators import running
from tests.simulators.running import Simulator

LIFE = timedelta(minutes=5)
TEXT = {"to": "0900000001", "text": "493817 la ma"}
KEPT = {"to": "090****001", "text": "****** la ma"}


@pytest.fixture
async def phones(store: Store) -> AsyncIterator[Simulator]:
    async with running.here(sms) as one:
        outbox_work.connect(store, sms_url=one.url)
        yield one


async def queue(store: Store, actor: Actor, body: dict[str, str] = TEXT) -> str:
    async def work(tx: Transaction) -> str:
        fleeting = outbox.Fleeting(tx.now + LIFE, outbox.as_json(KEPT))
        return outbox.queue(tx, "sms", "a", outbox.as_json(body), subject="", fleeting=fleeting)

    return await store.run(actor, work)


async def body(store: Store, actor: Actor, own: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((await outbox_work.read(store, actor, own)).body)
    return found


async def rows_with(pool: asyncpg.Pool, secret: str) -> int:
    """Rows of the outbox, and of the jobs, that hold a text anywhere."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        found: int = await connection.fetchval(
            """select (select count(*) from outbox_message m where strpos(m::text || convert_from(m.body, 'utf8'), $1) > 0)
                    + (select count(*) from outbox_answer a where strpos(convert_from(a.body, 'utf8'), $1) > 0)
                    + (select count(*) from job j where strpos(j::text, $1) > 0)""",
            secret,
        )
    return found


def later(store: Store, by: timedelta) -> None:
    now = store.now
    store.now = lambda: now() + by


async def test_what_was_sent_says_to_whom_and_when_and_not_the_secret(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator
) -> None:
    own = await queue(store, system)
    assert await body(store, system, own) == TEXT and await rows_with(pool, "493817") == 1
    await outbox_work.work(store, pool)
    message = await outbox_work.read(store, system, own)
    assert (message.state, json.loads(message.body)) == ("sent", KEPT) and message.done_at is not None
    assert await rows_with(pool, "493817") == 0
    assert (await phones.state())["received"] == 1


@pytest.mark.parametrize("by,state", [(LIFE - timedelta(seconds=20), "sent"), (LIFE, "stopped")])
async def test_what_is_over_is_not_sent_and_not_kept(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator, by: timedelta, state: str
) -> None:
    own = await queue(store, system)
    later(store, by)
    await outbox_work.send(store, own)
    message = await outbox_work.read(store, system, own)
    assert (message.state, json.loads(message.body)) == (state, KEPT)
    assert message.problem == ("" if state == "sent" else outbox.EXPIRED)
    assert (await phones.state())["received"] == (state == "sent") and await rows_with(pool, "493817") == 0


async def test_what_was_refused_or_never_left_is_forgotten_at_its_end(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator
) -> None:
    refused = await queue(store, system, {**TEXT, "to": "1"})
    await outbox_work.work(store, pool)
    assert (await outbox_work.read(store, system, refused)).state == "refused"
    assert await rows_with(pool, "493817") == 1  # a person may send it again while it is good
    later(store, LIFE)
    await outbox_work.send(store, refused)
    message = await outbox_work.read(store, system, refused)
    assert (message.state, json.loads(message.body)) == ("refused", KEPT)

    async def again(tx: Transaction) -> None:
        outbox.retry(tx, refused)

    await store.run(system, again)
    await outbox_work.send(store, refused)
    message = await outbox_work.read(store, system, refused)
    assert (message.state, message.problem) == ("stopped", outbox.EXPIRED)
    assert (await phones.state())["received"] == 0


async def test_its_end_is_looked_after_where_nobody_is_connected(
    store: Store, system: Actor, pool: asyncpg.Pool
) -> None:
    outbox_work.connect(store, sms_url="")
    own = await queue(store, system)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        at = await connection.fetchval("select run_at from job where kind = 'outbox.send' and done_at is null")
    queued_at = (await outbox_work.read(store, system, own)).queued_at
    assert queued_at is not None and at == queued_at + LIFE
    later(store, LIFE)
    await outbox_work.send(store, own)
    assert (await outbox_work.read(store, system, own)).state == "stopped" and await rows_with(pool, "493817") == 0


async def test_what_another_worker_is_sending_is_forgotten_when_its_claim_is_over(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator
) -> None:
    own = await queue(store, system)
    later(store, LIFE)
    for is_held in (True, False):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select set_config('lienmach.tenant', '1', true)")
            await connection.execute(
                "update outbox_message set state = 'sending', next_at = $1",
                store.now() + timedelta(seconds=30 if is_held else -1),
            )
        await outbox_work.send(store, own)
        assert (await outbox_work.read(store, system, own)).state == ("sending" if is_held else "stopped")
    assert await body(store, system, own) == KEPT and (await phones.state())["received"] == 0


async def test_what_was_stopped_last_stands_first_and_after_what_waits(store: Store, system: Actor) -> None:
    outbox_work.connect(store, sms_url="")
    keys = ("first", "second", "third")
    for number, key in enumerate(keys):
        began = store.now()
        store.now = lambda began=began: began + timedelta(minutes=1)

        async def work(tx: Transaction, key: str = key) -> None:
            outbox.queue(tx, "sms", key, b"{}", subject="")

        await store.run(system, work)
        if number < 2:
            await store.run(system, lambda tx, key=key: stopped(tx, key))
    async with store.begin(system) as tx:
        listed = [one.key for one in await outbox.listed(tx, channel="sms")]
        assert listed == ["third", "second", "first"]
        assert [one.key for one in await outbox.listed(tx, states=("stopped",), limit=1)] == ["second"]
        [sms_state] = [one for one in await outbox.channel_states(tx) if one.channel == "sms"]
    assert (sms_state.waiting, sms_state.refused) == (1, 0)


async def stopped(tx: Transaction, key: str) -> None:
    outbox.stop(tx, outbox.message_id("sms", key))
