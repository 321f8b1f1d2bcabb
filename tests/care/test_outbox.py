"""Messages leave once in effect: whatever is down, slow, killed or talks nonsense; what was queued is what arrives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import outbox
from lienmach.care.gateways import calls
from lienmach.record.transaction import Store, Transaction
from lienmach.simulators import prescription, sms
from tests.care import outbox_work
from tests.simulators import running
from tests.simulators.running import Simulator
from tests.simulators.test_simulators import rx


@pytest.fixture
async def phones(store: Store) -> AsyncIterator[Simulator]:
    async with running.here(sms) as one:
        outbox_work.connect(store, sms_url=one.url)
        yield one


@pytest.fixture
async def system_of_prescriptions(store: Store) -> AsyncIterator[Simulator]:
    async with running.here(prescription) as one:
        outbox_work.connect(store, prescription_url=one.url)
        yield one


async def queue(store: Store, actor: Actor, channel: str, key: str, body: Any, subject: str = "Patient/p1") -> str:
    async def work(tx: Transaction) -> str:
        return outbox.queue(tx, channel, key, outbox.as_json(body), subject=subject)

    return await store.run(actor, work)


TEXT = {"to": "0900000001", "text": "Mời bạn đến khám"}


async def test_a_message_is_queued_with_its_cause_or_not_at_all(store: Store, system: Actor) -> None:
    async def work(tx: Transaction) -> None:
        outbox.queue(tx, "sms", "a", b"{}", subject="Patient/p1")
        raise errors.Conflict("no")

    with pytest.raises(errors.Conflict):
        await store.run(system, work)
    async with store.begin(system) as tx:
        assert await outbox.of_subject(tx, "Patient/p1") == []


async def test_one_message_a_channel_and_key_and_its_bytes_stay(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator
) -> None:
    first = await queue(store, system, "sms", "a", TEXT)
    second = await queue(store, system, "sms", "a", {"to": "0900000002", "text": "khác"})
    assert first == second
    await outbox_work.work(store, pool)
    message = await outbox_work.read(store, system, first)
    assert (message.state, message.tries, json.loads(message.body)) == ("sent", 1, TEXT)
    assert (await phones.state())["received"] == 1
    [one] = await outbox_work.tries(store, system, first)
    assert (one.answer.outcome, one.answer.status) == ("done", 200)
    assert b'"id"' in one.answer.body


async def test_what_another_tenant_queued_is_not_seen(store: Store, system: Actor, stranger: Actor) -> None:
    own = await queue(store, system, "sms", "a", TEXT)
    async with store.begin(stranger) as tx:
        assert await outbox.listed(tx) == []
        with pytest.raises(errors.NotFound):
            await outbox.read(tx, own)


async def test_a_channel_that_is_not_connected_keeps_its_messages_until_it_is(
    store: Store, system: Actor, pool: asyncpg.Pool
) -> None:
    waiting = [await queue(store, system, "sms", key, TEXT) for key in "abc"]
    await outbox_work.work(store, pool)
    message = await outbox_work.read(store, system, waiting[0])
    assert (message.state, message.problem, message.next_at) == ("waiting", "not-connected", None)
    async with running.here(sms) as one:
        outbox_work.connect(store, sms_url=one.url)
        await queue(store, system, "sms", "d", TEXT)
        await outbox_work.work(store, pool)  # the first one through wakes the others
        assert [(await outbox_work.read(store, system, own)).state for own in waiting] == ["sent"] * 3
        assert (await one.state())["messages"] == 4


@pytest.mark.parametrize("fault", ["down", "wrong"])
async def test_who_is_down_or_talks_nonsense_is_asked_again_later(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator, fault: str
) -> None:
    await phones.fault(fault)
    own = await queue(store, system, "sms", "a", TEXT)
    await outbox_work.work(store, pool)
    first = await outbox_work.read(store, system, own)
    assert (first.state, first.problem) == ("waiting", {"down": "server-error", "wrong": "wrong-answer"}[fault])
    await outbox_work.send(store, own)
    second = await outbox_work.read(store, system, own)
    assert first.next_at is not None and second.next_at is not None and first.queued_at is not None
    assert second.next_at - second.queued_at > first.next_at - first.queued_at  # type: ignore[operator]
    await phones.fault("")
    await outbox_work.send(store, own)
    assert (await outbox_work.read(store, system, own)).state == "sent"
    assert len(await outbox_work.tries(store, system, own)) == 3


async def test_a_slow_receiver_is_given_up_and_asked_again_under_the_same_key(
    store: Store, system: Actor, phones: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "READ_SECONDS", 0.2)
    await phones.fault("slow", slow_seconds=0.6)
    own = await queue(store, system, "sms", "a", TEXT)
    await outbox_work.send(store, own)
    assert (await outbox_work.read(store, system, own)).problem == "timeout"
    await phones.fault("")
    await outbox_work.send(store, own)
    assert (await outbox_work.read(store, system, own)).state == "sent"
    assert (await phones.state())["messages"] == 1


async def test_an_answer_that_is_lost_on_the_way_sends_nothing_twice(
    store: Store, system: Actor, phones: Simulator
) -> None:
    await phones.fault("duplicate")
    own = await queue(store, system, "sms", "a", TEXT)
    await outbox_work.send(store, own)
    assert (await outbox_work.read(store, system, own)).problem == "no-connection"
    await phones.fault("")
    await outbox_work.send(store, own)
    state = await phones.state()
    assert (state["received"], state["messages"]) == (2, 1)


async def test_a_refusal_stops_for_a_person_who_may_try_again_or_give_up(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator
) -> None:
    own = await queue(store, system, "sms", "a", {"to": "1", "text": "x"})
    await outbox_work.work(store, pool)
    assert (await outbox_work.read(store, system, own)).state == "refused"

    async def again(tx: Transaction) -> None:
        outbox.retry(tx, own)

    await store.run(system, again)
    await outbox_work.work(store, pool)
    message = await outbox_work.read(store, system, own)
    assert (message.state, message.tries) == ("refused", 2)

    async def give_up(tx: Transaction) -> None:
        outbox.stop(tx, own)

    await store.run(system, give_up)
    await outbox_work.send(store, own)
    assert (await outbox_work.read(store, system, own)).state == "stopped"
    with pytest.raises(errors.Conflict):
        await store.run(system, give_up)


async def test_what_is_sent_is_not_sent_again_by_hand(store: Store, system: Actor, phones: Simulator) -> None:
    own = await queue(store, system, "sms", "a", TEXT)
    await outbox_work.send(store, own)
    await outbox_work.send(store, own)
    assert (await phones.state())["received"] == 1

    async def again(tx: Transaction) -> None:
        outbox.retry(tx, own)

    with pytest.raises(errors.Conflict):
        await store.run(system, again)


async def test_a_worker_that_died_after_sending_causes_no_second_prescription(
    store: Store, system: Actor, pool: asyncpg.Pool, system_of_prescriptions: Simulator
) -> None:
    own = await queue(store, system, "prescription", "86991abcdefg-c", rx())
    await outbox_work.send(store, own)
    await _as_if_killed(pool, own)
    await outbox_work.send(store, own)  # it asks by the code first
    message = await outbox_work.read(store, system, own)
    assert message.state == "sent"
    assert (await system_of_prescriptions.state())["received"] == 1


async def test_a_worker_that_died_before_sending_is_replaced(
    store: Store, system: Actor, pool: asyncpg.Pool, system_of_prescriptions: Simulator
) -> None:
    own = await queue(store, system, "prescription", "86991abcdefg-c", rx())
    await _as_if_killed(pool, own)
    await outbox_work.send(store, own)
    assert (await outbox_work.read(store, system, own)).state == "sent"
    assert (await system_of_prescriptions.state())["received"] == 1


async def test_a_message_in_another_workers_hands_is_left_to_it(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator
) -> None:
    own = await queue(store, system, "sms", "a", TEXT)
    await _as_if_killed(pool, own, is_over=False)
    await outbox_work.send(store, own)
    assert (await phones.state())["received"] == 0
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        later = await connection.fetchval(
            "select count(*) from job where kind = 'outbox.send' and run_at > now() and done_at is null"
        )
    assert later == 1  # and looked at again if that worker dies


async def test_a_code_that_somebody_else_has_stops_for_a_person(
    store: Store, system: Actor, system_of_prescriptions: Simulator
) -> None:
    first = await queue(store, system, "prescription", "1", rx())
    await outbox_work.send(store, first)
    other = await queue(store, system, "prescription", "2", rx(ho_ten_benh_nhan="Người khác"))
    await outbox_work.send(store, other)
    message = await outbox_work.read(store, system, other)
    assert (message.state, message.problem) == ("refused", "duplicate")


async def test_a_fault_of_the_prescription_is_kept_as_the_system_said_it(
    store: Store, system: Actor, system_of_prescriptions: Simulator
) -> None:
    own = await queue(store, system, "prescription", "1", rx(gioi_tinh=1))
    await outbox_work.send(store, own)
    [one] = await outbox_work.tries(store, system, own)
    assert one.answer.status == 422
    assert "Giới tính" in one.answer.body.decode()


async def test_a_sale_whose_answer_was_lost_is_one_sale(
    store: Store, system: Actor, system_of_prescriptions: Simulator
) -> None:
    await outbox_work.send(store, await queue(store, system, "prescription", "86991abcdefg-c", rx()))
    sold = [{"ma_thuoc_da_ke_don": "PARA500", "ma_thuoc": "PARA500", "so_luong": "6"}]
    sale = await queue(store, system, "prescription-sale", "1", {"ma_don_thuoc": "86991abcdefg-c", "thuoc_ban": sold})
    await system_of_prescriptions.fault("duplicate")
    await outbox_work.send(store, sale)
    await system_of_prescriptions.fault("")
    await outbox_work.send(store, sale)
    assert (await outbox_work.read(store, system, sale)).state == "sent"
    assert (await system_of_prescriptions.state())["sold"] == {"86991abcdefg-c": sold}


async def test_a_killed_system_is_waited_for_and_everything_arrives_once(
    store: Store, system: Actor, pool: asyncpg.Pool
) -> None:
    one = running.Process("sms")
    outbox_work.connect(store, sms_url=one.url)
    owns = [await queue(store, system, "sms", str(index), TEXT) for index in range(3)]
    await outbox_work.work(store, pool)
    assert {(await outbox_work.read(store, system, own)).problem for own in owns} == {"no-connection"}
    await one.start()
    try:
        await outbox_work.send(store, owns[0])
        await outbox_work.work(store, pool)
        assert {(await outbox_work.read(store, system, own)).state for own in owns} == {"sent"}
        assert (await one.state())["messages"] == 3
    finally:
        one.kill()


async def test_how_each_channel_is_doing_is_said(
    store: Store, system: Actor, pool: asyncpg.Pool, phones: Simulator
) -> None:
    await phones.fault("down")
    await queue(store, system, "sms", "a", TEXT)
    await outbox_work.work(store, pool)
    async with store.begin(system) as tx:
        states = {one.channel: one for one in await outbox.channel_states(tx)}
    assert (states["sms"].is_down, states["sms"].waiting) == (True, 1)
    assert not states["prescription"].is_connected


async def _as_if_killed(pool: asyncpg.Pool, own: str, *, is_over: bool = True) -> None:
    """The state in which a worker leaves a message that dies between claim and answer."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        await connection.execute(
            """update outbox_message set state = 'sending', tries = 1,
               next_at = now() + case when $2 then interval '-1 s' else interval '60 s' end where message_id = $1""",
            own, is_over,
        )  # fmt: skip
        await connection.execute("update job set done_at = now() where kind = 'outbox.send'")
