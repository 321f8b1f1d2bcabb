"""The card of a person and the outbox on screen: what is known, what waits and why, and trying again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care import coverages, insurance_words, outbox, resources, visit_cards
from lienmach.departments import insurance
from lienmach.departments.insurance import message_words
from lienmach.record.transaction import Store, Transaction
from lienmach.simulators import insurance as portal_simulator
from lienmach.simulators import prescription
from lienmach.web import words
from tests.care import insured_visit, outbox_work
from tests.simulators import running
from tests.simulators.running import Simulator
from tests.simulators.test_simulators import rx
from tests.web.client import Browser, add_user, build

CARD = "/insurance/patients/p1/card"


@pytest.fixture
async def desk(store: Store, settings: Settings, pool: asyncpg.Pool) -> AsyncIterator[Browser]:
    """The insurance desk, signed in."""
    await add_user(pool, "baohiem", "insurance")
    browser = Browser(build(store, settings, (insurance.DEPARTMENT,)))
    await browser.sign_in("baohiem")
    yield browser
    await browser.client.aclose()


@pytest.fixture
async def portal(store: Store) -> AsyncIterator[Simulator]:
    async with running.here(portal_simulator) as one:
        outbox_work.connect(store, insurance_url=one.url)
        yield one


async def queue(store: Store, actor: Actor, body: Any, channel: str = "prescription") -> str:
    async def work(tx: Transaction) -> str:
        return outbox.queue(tx, channel, "k", outbox.as_json(body), subject="Encounter/e1")

    return await store.run(actor, work)


async def test_a_card_is_looked_up_again_from_the_page(
    store: Store, system: Actor, pool: asyncpg.Pool, desk: Browser, portal: Simulator
) -> None:
    await insured_visit.make(store, system, is_verified=False)
    await desk.get(CARD)
    assert "Chưa xác minh" in desk.words()
    assert "Tra cứu lại" in desk.words()
    answer = await desk.post(CARD)
    assert (answer.status_code, answer.headers["location"]) == (303, CARD)
    await desk.get(CARD)
    assert "Đang tra cứu" in desk.words()
    assert 'hx-trigger="every 2s"' in desk.page
    await outbox_work.work(store, pool)
    await desk.get(CARD)
    assert "✓ Còn giá trị" in desk.words()
    assert "86991" in desk.words()
    assert "every" not in desk.page.split('class="insured"')[1].split(">")[0]


async def test_a_portal_that_is_down_is_said_and_the_page_goes_on(
    store: Store, system: Actor, pool: asyncpg.Pool, desk: Browser, portal: Simulator
) -> None:
    await insured_visit.make(store, system, is_verified=False)
    await portal.fault("down")
    await desk.get(CARD)
    fragment = await desk.post(CARD, headers={"HX-Request": "true"})
    assert "<html" not in fragment.text
    await outbox_work.work(store, pool)
    await desk.get(CARD)
    assert "Cứ tiếp nhận người bệnh" in desk.words()
    assert 'hx-trigger="every 15s"' in desk.page
    await desk.get("/insurance/messages")
    assert "Đang gián đoạn" in desk.words()
    assert "sẽ tự gửi lại" in desk.words()
    part = await desk.client.get("/insurance/messages?view=open&channel=", headers={"HX-Request": "true"})
    assert "<html" not in part.text and "Đang gián đoạn" in part.text


async def test_somebody_who_is_not_there_is_not_found(desk: Browser) -> None:
    assert (await desk.get("/insurance/patients/nobody/card")).status_code == 404
    assert (await desk.get("/insurance/patients/a%20b/card")).status_code == 404
    assert (await desk.get("/insurance/messages/nothing")).status_code == 404


async def test_an_empty_outbox_says_so(desk: Browser) -> None:
    await desk.get("/insurance/messages")
    assert "Không có gì đang chờ" in desk.words()
    for view in ("sent", "stopped", "strange"):
        assert (await desk.get(f"/insurance/messages?view={view}&channel=x")).status_code == 200


async def test_what_is_refused_shows_why_and_can_be_sent_again_or_stopped(
    store: Store, system: Actor, pool: asyncpg.Pool, desk: Browser
) -> None:
    async with running.here(prescription) as national:
        outbox_work.connect(store, prescription_url=national.url)
        own = await queue(store, system, rx(gioi_tinh=1))
        await outbox_work.work(store, pool)
        await desk.get("/insurance/messages")
        assert "Bị từ chối" in desk.words()
        await desk.get(f"/insurance/messages/{own}")
        assert "Giới tính" in desk.words()
        assert "Paracetamol" not in desk.page  # a prescription is not for this desk
        assert (await desk.post("/insurance/messages", {"message": own, "step": "retry"})).status_code == 303
        assert (await outbox_work.read(store, system, own)).state == "waiting"
        await desk.get(f"/insurance/messages/{own}")
        await desk.post("/insurance/messages", {"message": own, "step": "stop"})
        assert (await outbox_work.read(store, system, own)).state == "stopped"
        await desk.get("/insurance/messages?view=stopped")
        assert "Đã dừng" in desk.words()


async def test_a_step_that_there_is_not_changes_nothing(store: Store, system: Actor, desk: Browser) -> None:
    own = await queue(store, system, {"a": 1})
    await desk.get(f"/insurance/messages/{own}")
    assert (await desk.post("/insurance/messages", {"message": own, "step": "burn"})).status_code == 400
    assert (await desk.post("/insurance/messages", {"message": "x", "step": "stop"})).status_code == 404
    assert (await outbox_work.read(store, system, own)).state == "waiting"


async def test_the_answer_of_a_look_up_is_shown_as_it_came(
    store: Store, system: Actor, pool: asyncpg.Pool, desk: Browser, portal: Simulator
) -> None:
    await insured_visit.make(store, system, is_verified=False)
    await desk.get(CARD)
    await desk.post(CARD)
    await outbox_work.work(store, pool)
    async with store.begin(system) as tx:
        message = next(one for one in await outbox.of_subject(tx, "Patient/p1") if one.key.startswith("card/"))
    await desk.get(f"/insurance/messages/{message.message_id}")
    assert "maKetQua" in desk.page and "DN4790000000001" in desk.page


async def test_a_role_without_the_right_is_refused(
    store: Store, settings: Settings, pool: asyncpg.Pool, system: Actor
) -> None:
    await add_user(pool, "duocsi", "pharmacist")
    browser = Browser(build(store, settings, (insurance.DEPARTMENT,)))
    await browser.sign_in("duocsi")
    for path in (CARD, "/insurance/messages"):
        assert (await browser.get(path)).status_code == 403
    await browser.client.aclose()


def test_every_word_about_cards_and_messages_has_its_english() -> None:
    english = words.catalogue("en")
    said = [text for pair in insurance_words.KINDS.values() for text in pair]
    said += [text for _, text in insurance_words.CODES.values() if text]
    said += [*message_words.CHANNELS.values(), *message_words.STATES.values(), *message_words.PROBLEMS.values()]
    said += [value for name, value in vars(visit_cards).items() if name.startswith("_") and isinstance(value, str)
             and " " in value and not name.startswith("__")]  # fmt: skip
    assert [one for one in said if one not in english] == []


async def test_a_card_of_another_kind_is_no_card(store: Store, system: Actor) -> None:
    async def work(tx: Transaction) -> None:
        await resources.update(tx, {"resourceType": "Patient", "id": "p2"})
        await resources.update(tx, {
            "resourceType": "Coverage", "id": "c2", "status": "active", "beneficiary": {"reference": "Patient/p2"},
            "payor": [{"display": "Bảo hiểm tư nhân (mẫu)"}],
        })  # fmt: skip

    await store.run(system, work)
    async with store.begin(system) as tx:
        assert await coverages.of_patient(tx, "p2") == []
