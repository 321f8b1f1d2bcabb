"""The card is looked up on arrival and again; whatever the portal says is kept, and its silence refuses nobody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest
from defusedxml import ElementTree

from lienmach.base.actor import Actor
from lienmach.care import coverages, insurance, insurance_words, outbox, resources
from lienmach.care.coverages import InsuredCard
from lienmach.care.facility import Facility
from lienmach.record.transaction import Store, Transaction
from lienmach.simulators import insurance as portal_simulator
from tests.care import insured_visit, outbox_work
from tests.simulators import running
from tests.simulators.running import Simulator


@pytest.fixture
async def portal(store: Store) -> AsyncIterator[Simulator]:
    async with running.here(portal_simulator) as one:
        outbox_work.connect(store, insurance_url=one.url)
        yield one


async def person(store: Store, actor: Actor, number: str = "", **elements: Any) -> str:
    """A person with this card number on their record; returns the id."""
    body: dict[str, Any] = {
        "resourceType": "Patient", "name": [{"text": "Nguyễn Văn Ân"}], "gender": "male", "birthDate": "1958-02-01",
        **({"identifier": [{"system": coverages.CARD, "value": number}]} if number else {}), **elements,
    }  # fmt: skip

    async def work(tx: Transaction) -> str:
        return (await resources.create(tx, body)).id

    return await store.run(actor, work)


async def ask(store: Store, actor: Actor, patient_id: str, **more: Any) -> str:
    async def work(tx: Transaction) -> str:
        return await insurance.ask(tx, patient_id, **more)

    return await store.run(actor, work)


async def state(store: Store, actor: Actor, patient_id: str) -> insurance.CardState:
    async with store.begin(actor) as tx:
        return await insurance.state_of(tx, patient_id)


@pytest.mark.parametrize(
    ("number", "kind", "code", "cards"),
    [
        ("DN4790000000001", "valid", "000", 1),
        ("DN4790000000003", "ended", "010", 1),
        ("DN4790000000004", "renewed", "004", 2),
        ("DN4790000000005", "renewed", "003", 2),
        ("DN4790000000006", "locked", "110", 0),
        ("DN4790000000020", "locked", "120", 0),
        ("DN4790000000009", "unknown", "050", 0),
        ("DN4790000000060", "mismatch", "060", 0),
        ("QN5790000000001", "papers", "001", 1),
    ],
)
async def test_what_the_portal_says_becomes_cards_and_a_word(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator, number: str, kind: str, code: str, cards: int
) -> None:
    own = await person(store, system, number)
    await ask(store, system, own)
    await outbox_work.work(store, pool)
    found = await state(store, system, own)
    assert (found.kind, found.result_code, len(found.cards)) == (kind, code, cards)
    assert found.is_verified is (kind in insurance_words.VERIFIED)
    assert found.word and found.text and found.checked_at is not None
    assert not found.is_asking
    if cards == 2:
        assert found.card is not None and found.card.number.startswith("HN2")  # the one that ends last


async def test_a_card_can_be_used_at_once_and_is_not_verified_until_the_portal_answers(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    own = await person(store, system, "DN4790000000001")
    coverage_id = await ask(store, system, own)
    before = await state(store, system, own)
    assert (before.kind, before.is_verified, before.is_asking) == ("asking", False, True)
    assert before.card is not None and before.card.coverage_id == coverage_id
    await outbox_work.work(store, pool)
    after = await state(store, system, own)
    assert after.card is not None
    assert (after.card.coverage_id, after.card.initial_facility) == (coverage_id, "86991")
    assert after.card.from_on is not None and after.card.to_on is not None


async def test_a_portal_that_is_down_refuses_nobody_and_is_asked_again(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    await portal.fault("down")
    own = await person(store, system, "DN4790000000001")
    assert await ask(store, system, own)
    await outbox_work.work(store, pool)
    found = await state(store, system, own)
    assert (found.kind, found.word, found.is_verified) == ("down", "Chưa xác minh", False)
    assert found.cards
    await portal.fault("")
    await ask(store, system, own, moment="demand")  # sends the waiting one now, asks no second time
    await outbox_work.work(store, pool)
    assert (await state(store, system, own)).is_verified
    assert (await portal.state())["looked_up"] == {"DN4790000000001": 1}


@pytest.mark.parametrize(("fault", "word"), [("wrong", "wrong-answer"), ("duplicate", "no-connection")])
async def test_nonsense_and_lost_answers_are_no_answers(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator, fault: str, word: str
) -> None:
    await portal.fault(fault)
    own = await person(store, system, "DN4790000000001")
    await ask(store, system, own)
    await outbox_work.work(store, pool)
    async with store.begin(system) as tx:
        [message] = await outbox.of_subject(tx, f"Patient/{own}")
    assert (message.state, message.problem) == ("waiting", word)
    assert (await state(store, system, own)).kind == "down"


async def test_an_answer_about_somebody_else_is_not_taken(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = portal_simulator.card_of
    monkeypatch.setattr(portal_simulator, "card_of", lambda *given: {**real(*given), "hoTen": "LÊ THỊ KHÁC"})
    own = await person(store, system, "DN4790000000001")
    await ask(store, system, own)
    await outbox_work.work(store, pool)
    assert (await state(store, system, own)).kind == "down"


@pytest.mark.parametrize(
    "more",
    [
        {"maThe": "không phải số thẻ"},
        {"maThe": ["DN4790000000001"], "hoTen": {"a": 1}},
        {"gtTheTu": "99/99/2026", "gtTheDen": 5, "ngayDu5Nam": []},
        {"maKV": "<K1>", "maDKBD": "8" * 500, "ghiChu": "x" * 5000},
        {"maKetQua": 7},
        {"maTheMoi": 12, "maKetQua": "004"},
    ],
)
async def test_a_portal_that_says_strange_things_breaks_nothing(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator, monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
) -> None:  # fmt: skip
    real = portal_simulator.card_of
    monkeypatch.setattr(portal_simulator, "card_of", lambda *given: {**real(*given), **more})
    own = await person(store, system, "DN4790000000001")
    await ask(store, system, own)
    await outbox_work.work(store, pool)
    found = await state(store, system, own)
    assert found.word
    async with store.begin(system) as tx:
        messages = await outbox.of_subject(tx, f"Patient/{own}")
    assert all(one.state != "sending" for one in messages)


async def test_without_a_connection_the_card_is_kept_and_nothing_is_queued(store: Store, system: Actor) -> None:
    own = await person(store, system, "DN4790000000001")
    assert await ask(store, system, own)
    assert (await state(store, system, own)).kind == "not-connected"
    async with store.begin(system) as tx:
        assert await outbox.of_subject(tx, f"Patient/{own}") == []


async def test_an_answer_of_an_earlier_day_does_not_speak_for_today_while_the_portal_is_down(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    own = await person(store, system, "DN4790000000001")
    await ask(store, system, own)
    await outbox_work.work(store, pool)
    later = store.now() + timedelta(days=3)
    store.now = lambda: later  # type: ignore[method-assign]
    assert (await state(store, system, own)).is_verified
    await portal.fault("down")
    await ask(store, system, own)
    async with store.begin(system) as tx:
        newest = (await outbox.of_subject(tx, f"Patient/{own}"))[0]
    await outbox_work.send(store, newest.message_id)
    found = await state(store, system, own)
    assert (found.kind, found.is_verified) == ("down", False)
    assert found.cards


async def test_somebody_without_a_number_is_not_asked_about(store: Store, system: Actor, portal: Simulator) -> None:
    own = await person(store, system)
    assert await ask(store, system, own) == ""
    assert (await state(store, system, own)).kind == "none"


async def test_a_citizen_number_finds_the_card(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    own = await person(store, system, identifier=[{"system": "https://lienmach.org/sid/cccd", "value": "079058000001"}])
    assert await ask(store, system, own) == ""
    await outbox_work.work(store, pool)
    found = await state(store, system, own)
    assert found.is_verified
    assert found.card is not None and found.card.number == "GD4869058000001"


async def test_every_answer_is_kept_as_it_came_and_as_a_resource(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    own = await person(store, system, "DN4790000000001")
    for moment in ("arrival", "demand", "after-orders"):
        await ask(store, system, own, moment=moment)
        await outbox_work.work(store, pool)
    async with store.begin(system) as tx:
        said = await resources.find(tx, "CoverageEligibilityResponse", ("patient", f"Patient/{own}"))
        asked = await resources.find(tx, "CoverageEligibilityRequest", ("patient", f"Patient/{own}"))
        messages = await outbox.of_subject(tx, f"Patient/{own}")
        kept = [await outbox.answers(tx, one.message_id) for one in messages if one.key.startswith("card/")]
    moments = {
        extension["valueCode"] for one in said for extension in one["extension"] if extension["url"] == insurance.MOMENT
    }
    assert (len(said), len(asked), moments) == (3, 3, set(insurance.MOMENTS))
    assert all(json.loads(one[0].answer.body)["maThe"] == "DN4790000000001" for one in kept)


async def test_five_years_and_the_co_payment_of_the_year_make_the_visit_free(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    visit = await insured_visit.make(store, system, number="DN4790000000008", is_verified=False)
    await ask(store, system, "p1")
    await outbox_work.work(store, pool)
    found = await state(store, system, "p1")
    assert found.copay_year_vnd == 20_000_000
    assert found.five_years_on == date(2020, 1, 1)
    await visit.expect("XN-LON", "ServiceRequest/a", quantity=2)
    amounts = await visit.amounts()
    assert not amounts.is_below_line
    assert amounts.T_BNCCT == 0
    assert amounts.exempt_from is not None


async def test_a_card_that_ends_soon_is_said(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    own = await person(store, system, "DN4790000000007")
    await ask(store, system, own)
    await outbox_work.work(store, pool)
    found = await state(store, system, own)
    assert found.is_ending and found.is_verified


async def test_a_locked_card_pays_nothing(store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator) -> None:
    visit = await insured_visit.make(store, system, number="DN4790000000006", is_verified=False)
    await ask(store, system, "p1")
    await outbox_work.work(store, pool)
    await visit.expect("KHAM", "ServiceRequest/a")
    assert (await visit.amounts()).T_BHTT == 0


async def test_the_check_in_goes_out_once_with_the_first_insured_cost(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    visit = await insured_visit.make(store, system)
    await visit.expect("THAM-MY", "ServiceRequest/x")  # not insured
    async with store.begin(system) as tx:
        assert await outbox.of_subject(tx, "Encounter/e1") == []
    await visit.expect("KHAM", "ServiceRequest/a")
    await visit.expect("XN-DUONG", "ServiceRequest/b")
    await outbox_work.work(store, pool)
    async with store.begin(system) as tx:
        [message] = await outbox.of_subject(tx, "Encounter/e1")
    assert (message.channel, message.state) == ("checkin", "sent")
    record = ElementTree.fromstring(message.body).find("DSACH_TRANG_THAI_KCB/TRANG_THAI_KCB")
    assert record is not None
    said = {one.tag: one.text or "" for one in record}
    assert said["MA_LK"] == "86991261121ABCDEFGHJK"
    assert (said["MA_DICH_VU"], said["MA_CSKCB"], said["MA_DOITUONG_KCB"]) == ("KHAM", "86991", "1.1")
    assert (said["NGAY_SINH"], said["GIOI_TINH"], said["HO_TEN"]) == ("195802010000", "1", "Nguyễn Văn Ân")
    assert [said[name] for name in ("MA_THE_BHYT", "MA_DKBD", "GT_THE_TU")] == ["DN4790000000001", "86991", "20260101"]
    assert len(said["NGAY_YL"]) == len(said["NGAY_VAO"]) == 12
    remembered = (await portal.state())["check_ins"]
    assert remembered["86991261121ABCDEFGHJK"]["file"].encode() == message.body  # exactly these bytes


@pytest.mark.parametrize("category", ["2", "9", ""])
async def test_an_emergency_and_what_is_not_insured_have_no_check_in(
    store: Store, system: Actor, category: str
) -> None:
    visit = await insured_visit.make(store, system, category=category)
    await visit.expect("KHAM", "ServiceRequest/a")
    async with store.begin(system) as tx:
        assert await outbox.of_subject(tx, "Encounter/e1") == []


async def test_a_check_in_whose_answer_was_lost_is_one_check_in(
    store: Store, system: Actor, pool: asyncpg.Pool, portal: Simulator
) -> None:
    visit = await insured_visit.make(store, system)
    await visit.expect("KHAM", "ServiceRequest/a")
    await outbox_work.work(store, pool)
    async with store.begin(system) as tx:
        [message] = await outbox.of_subject(tx, "Encounter/e1")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        await connection.execute("update outbox_message set state = 'sending', next_at = now() - interval '1 s'")
    await outbox_work.send(store, message.message_id)
    state_of_portal = await portal.state()
    assert (state_of_portal["received"], len(state_of_portal["check_ins"])) == (2, 1)


@pytest.mark.parametrize(
    ("level", "initial", "more", "category"),
    [
        ("district", "86991", {}, "1.1"),
        ("commune", "86992", {}, "1.2"),
        ("district", "86992", {"has_referral": True}, "1.3"),
        ("district", "86992", {"has_appointment_slip": True}, "1.5"),
        ("clinic", "86992", {}, "1.11"),
        ("district", "86992", {}, "1.12"),
        ("district", "", {}, "1.12"),
        ("province", "86992", {}, "1.14"),
        ("central", "86992", {}, "3.1"),
        ("central", "86992", {"is_emergency": True}, "2"),
        ("district", "86991", {"is_emergency": True}, "1.1"),
    ],
)
def test_the_provisional_category_is_the_first_that_fits(
    level: str, initial: str, more: dict[str, bool], category: str
) -> None:
    home = Facility("bv", "Bệnh viện (mẫu)", "86991", level, True)
    card = InsuredCard("c", "DN4790000000001", "DN", "4", initial_facility=initial)
    assert insurance.provisional_category(home, card, **more) == category
    assert insurance.provisional_category(home, None, **more) == "9"


async def test_reception_may_ask_and_see(store: Store, system: Actor, portal: Simulator) -> None:
    own = await person(store, system, "DN4790000000001")
    desk = Actor(1, "td", frozenset({"reception"}), "PATADMIN", "Lễ tân Mẫu")
    assert await ask(store, desk, own)
    assert (await state(store, desk, own)).is_asking
