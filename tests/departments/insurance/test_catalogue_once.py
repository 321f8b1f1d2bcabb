"""A catalogue is handed in once: an answer that is lost, a hand-in that is given up and one that is tried again by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from lienmach.care import outbox
from lienmach.care.claims import hand_ins
from lienmach.record.transaction import Transaction
from lienmach.simulators import prescription
from tests.care import outbox_work
from tests.clinic import Clinic
from tests.departments.insurance import test_catalogue_hand_in as steps
from tests.departments.insurance.test_catalogue_hand_in import SERVICES
from tests.simulators import running
from tests.web.client import Browser

Officer = Callable[..., Awaitable[Browser]]


async def handed_in(clinic: Clinic, desk: Browser, code: str = "XN-GLU", *, price: int = 31_000) -> hand_ins.HandIn:
    """One row that is queued for the portal. price: a new one, 0 for the one that it has."""
    if price:
        await steps.reprice(clinic, f"service:{code}", price)
    await desk.get(SERVICES)
    form = {"step": "hand-in", "row": code, "from_on": steps.day(clinic)}
    assert (await desk.post(SERVICES, form)).status_code == 303
    return await steps.made(clinic)


async def received(at: running.Simulator) -> int:
    """How many hand-ins the portal has."""
    return len((await at.state())["catalogues"])


async def retry(clinic: Clinic, message: str) -> outbox.Message:
    """Somebody lets a message be sent again; what became of it."""
    actor = clinic.actor("insurance")

    async def work(tx: Transaction) -> None:
        outbox.retry(tx, message)

    await clinic.store.run(actor, work)
    await outbox_work.send(clinic.store, message)
    return await outbox_work.read(clinic.store, actor, message)


async def told_once(clinic: Clinic, desk: Browser) -> None:
    """The node has signed in at the portal, so that a fault strikes the hand-in and not the door."""
    await handed_in(clinic, desk, "XN-CREA")
    assert (await steps.send_and_ask(clinic)).accepted == 1


@pytest.mark.parametrize(("fault", "known"), [("down", 1), ("wrong", 1), ("duplicate", 2)])
async def test_a_portal_whose_answer_is_lost_gets_the_hand_in_once(
    clinic: Clinic, officer: Officer, fault: str, known: int
) -> None:
    desk = await officer()
    async with steps.portal(clinic) as at:
        await told_once(clinic, desk)
        one = await handed_in(clinic, desk)
        await at.fault(fault)
        await outbox_work.send(clinic.store, one.message_id)
        await at.fault("")
        assert await received(at) == known and (await steps.made(clinic)).waiting == 1
        assert (await retry(clinic, one.message_id)).state == "sent"
        assert (await steps.send_and_ask(clinic)).accepted == 1
        assert await received(at) == 2, "one for each row"


async def test_a_hand_in_that_the_portal_may_have_is_not_given_up_and_its_rows_wait(
    clinic: Clinic, officer: Officer
) -> None:
    desk = await officer()
    async with steps.portal(clinic) as at:
        await told_once(clinic, desk)
        one = await handed_in(clinic, desk)
        await at.fault("duplicate")
        await outbox_work.send(clinic.store, one.message_id)
        await at.fault("")
        drop = {"step": "drop", "hand_in": one.hand_in_id}
        await desk.get(SERVICES)
        assert 'value="drop"' not in desk.page and "Chưa rõ cổng đã nhận hay chưa" in desk.words()
        assert (await desk.post(SERVICES, drop)).status_code == 409
        assert "chỉ gửi lại đúng lần nộp này" in desk.words()
        await desk.post("/insurance/messages", {"step": "stop", "message": one.message_id})
        assert (await desk.post(SERVICES, drop)).status_code == 409, "stopped, but the portal has it"
        await desk.get(SERVICES)
        assert "Đã dừng gửi; hãy mở tin gửi đi" in desk.words() and "Chờ gửi" not in desk.words()
        assert (await retry(clinic, one.message_id)).state == "sent"
        assert await received(at) == 2, "one for each row"


@pytest.mark.parametrize(("fault", "answer"), [("", 303), ("duplicate", 409)])
async def test_a_no_that_is_not_the_portals_word_tells_nothing_of_the_tries_before(
    clinic: Clinic, officer: Officer, fault: str, answer: int
) -> None:
    desk = await officer()
    async with steps.portal(clinic) as at:
        await told_once(clinic, desk)
        one = await handed_in(clinic, desk)
        if fault:  # the portal has it, its receipt is lost
            await at.fault(fault)
            await outbox_work.send(clinic.store, one.message_id)
            await at.fault("")
        async with running.here(prescription) as other:  # no portal: 404, as of a wrong address or a wall before it
            outbox_work.connect(clinic.store, insurance_url=other.url)
            await outbox_work.send(clinic.store, one.message_id)
        assert (await steps.made(clinic)).state == "refused"
        assert (await desk.post(SERVICES, {"step": "drop", "hand_in": one.hand_in_id})).status_code == answer
        outbox_work.connect(clinic.store, insurance_url=at.url)
        tried = await retry(clinic, one.message_id)
        assert tried.state == ("sent" if fault else "stopped")
        assert await received(at) == (2 if fault else 1), "one for each row"


async def test_a_hand_in_that_was_given_up_is_never_sent_whoever_tries_it_again(
    clinic: Clinic, officer: Officer
) -> None:
    desk = await officer()
    first = await handed_in(clinic, desk)
    assert (await desk.post(SERVICES, {"step": "drop", "hand_in": first.hand_in_id})).status_code == 303
    second = await handed_in(clinic, desk, price=0)
    async with steps.portal(clinic) as at:
        tried = await retry(clinic, first.message_id)
        assert (tried.state, tried.problem) == ("stopped", "given-up")
        await outbox_work.send(clinic.store, second.message_id)
        assert await received(at) == 1
        await desk.get(f"/insurance/messages/{first.message_id}")
        assert "đã được bỏ" in desk.words() and 'value="retry"' not in desk.page
