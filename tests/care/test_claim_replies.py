"""Words about a rejection that were refused or lost: tried again or written anew, they go once a hand action."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import outbox
from lienmach.care.claims import replies
from tests.care import outbox_work
from tests.care.claim_world import SYSTEM
from tests.care.test_claim_sending import portal, ready, reply, returned, said_wrong
from tests.clinic import Clinic
from tests.simulators import running


async def refuse(clinic: Clinic, at: running.Simulator, message: str) -> None:
    """The portal says no to a message."""
    async with portal(clinic):  # another one, which knows nothing of the claim
        await outbox_work.send(clinic.store, message)
    outbox_work.connect(clinic.store, insurance_url=at.url)


async def retry(clinic: Clinic, message: str, *, is_sent: bool = True) -> outbox.Message:
    """Somebody lets a message be sent again; what became of it. is_sent: a worker has taken it in hand at once."""

    async def work(tx: Any) -> None:
        outbox.retry(tx, message)

    await clinic.store.run(SYSTEM, work)
    if is_sent:
        await outbox_work.send(clinic.store, message)
    return await outbox_work.read(clinic.store, SYSTEM, message)


@pytest.mark.parametrize("fault", ["", "down"])
async def test_words_that_were_written_anew_go_once_whoever_tries_the_old_ones_again(
    clinic: Clinic, fault: str
) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        found = await said_wrong(at, one)
        first = await reply(one, found, "Theo phác đồ")
        if fault:  # whether they arrived is unknown, until the portal itself says no
            await at.fault(fault)
            await outbox_work.send(clinic.store, first)
            await at.fault("")
        await refuse(clinic, at, first)
        second = await reply(one, found, "Theo phác đồ, mục 3")
        assert (await retry(clinic, first)).problem == "overtaken"
        await outbox_work.send(clinic.store, second)
        assert (await retry(clinic, first)).problem == "overtaken"
        assert [each["noiDung"] for each in (await at.state())["replies"]] == ["Theo phác đồ, mục 3"]
    assert (await returned(one))[0].state == "sent"


@pytest.mark.parametrize(("is_sent", "words"), [(True, "Theo phác đồ"), (False, "Theo phác đồ, mục 3")])
async def test_of_words_that_are_tried_again_and_written_anew_at_once_one_goes(
    clinic: Clinic, is_sent: bool, words: str
) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        found = await said_wrong(at, one)
        first = await reply(one, found, "Theo phác đồ")
        await refuse(clinic, at, first)
        [found] = await returned(one)
        assert found.may_be_answered(clinic.store.now())
        tried = []

        async def write(tx: Any) -> None:
            await replies.answer(tx, found.id, "Theo phác đồ, mục 3")
            if not tried:
                tried.append(await retry(clinic, first, is_sent=is_sent))  # somebody else, a moment before

        with pytest.raises(errors.Conflict) if is_sent else contextlib.nullcontext():
            await clinic.store.run(clinic.actor("insurance"), write)
        for message in (first, outbox.message_id(replies.CHANNEL, f"{found.id}/2")):
            await outbox_work.send(clinic.store, message)
        assert [each["noiDung"] for each in (await at.state())["replies"]] == [words]
    [found] = await returned(one)
    assert (found.state, found.reply) == ("sent", words)


async def test_words_of_which_nobody_knows_whether_they_arrived_are_tried_again_and_not_written_anew(
    clinic: Clinic,
) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        found = await said_wrong(at, one)
        first = await reply(one, found, "Theo phác đồ")
        await at.fault("duplicate")
        await outbox_work.send(clinic.store, first)
        await at.fault("")

        async def stop(tx: Any) -> None:
            outbox.stop(tx, first)

        await clinic.store.run(SYSTEM, stop)
        [found] = await returned(one)
        assert (found.problem, found.is_unknown, found.may_be_answered(clinic.store.now())) == ("stopped", True, False)
        with pytest.raises(errors.Conflict, match="Chưa rõ"):
            await reply(one, found, "Theo phác đồ, mục 3")
        assert (await retry(clinic, first)).state == "sent"
        assert len((await at.state())["replies"]) == 1
