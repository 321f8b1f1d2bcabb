"""Reading the bank's statement: what a lost notice did not tell arrives all the same, once, and the bank is not worn out."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lienmach.base import clock, errors
from lienmach.base.jobs import Taken
from lienmach.base.settings import Settings
from lienmach.care.gateways import bank as bank_gateway
from lienmach.care.gateways.calls import Line
from lienmach.care.money import payment_requests, poll_turns, statement_polls, unread_lines
from lienmach.care.money.poll_turns import PollState
from lienmach.care.money.unread_lines import UnreadLine
from lienmach.record.transaction import Transaction
from lienmach.simulators import bank
from tests.care import bank_world, outbox_work
from tests.clinic import Clinic
from tests.simulators import running
from tests.simulators.running import Simulator

SECRET = "bí mật"


@pytest.fixture
async def far_bank(clinic: Clinic) -> AsyncIterator[Simulator]:
    """The bank; its notices reach nobody."""
    async with running.here(bank, secret=SECRET) as one:
        outbox_work.connect(clinic.store, bank_url=one.url, bank_secret=SECRET)
        yield one


async def pay(one: Simulator, payload: str, **more: Any) -> str:
    """Somebody pays by their app; returns the bank's number."""
    async with httpx.AsyncClient(base_url=one.url) as client:
        answer = await client.post("/pay", json={"payload": payload, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["transaction"])


async def queued(clinic: Clinic) -> list[tuple[int, float]]:
    """(turn, seconds from now) of the readings that are queued, this turn's last."""
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        rows = await connection.fetch("select payload, run_at from job where kind = $1 order by job_id", "bank.poll")
    now = clinic.store.now()
    return [(json.loads(row["payload"])["turn"], (row["run_at"] - now).total_seconds()) for row in rows]


async def read_now(clinic: Clinic) -> None:
    """Do the reading that is queued, as if its time had come."""
    turn = (await queued(clinic))[-1][0]
    await statement_polls.poll(clinic.store, Taken(1, 1, poll_turns.POLL, {"turn": turn}, 1, 10))


async def state(clinic: Clinic) -> PollState:
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await poll_turns.state(tx)


async def expect(clinic: Clinic) -> None:
    async def work(tx: Transaction) -> None:
        poll_turns.expect(tx)

    await clinic.store.run(clinic.actor("cashier"), work)


async def test_a_notice_that_was_lost_is_healed_by_the_statement(clinic: Clinic, far_bank: Simulator) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    await pay(far_bank, (await bank_world.ask(clinic, visit)).payload, mangle=True)
    await read_now(clinic)
    assert (await bank_world.account(clinic, visit)).due == 0
    [slip] = await bank_world.slips(clinic, visit)
    assert slip.method == "transfer"
    assert (await state(clinic)).problem == ""


async def test_what_was_told_already_is_read_and_booked_once(clinic: Clinic, far_bank: Simulator) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    number = await pay(far_bank, request.payload)
    await bank_world.tell(clinic, bank_world.notice(request, transaction=number))
    await read_now(clinic)
    assert len(await bank_world.slips(clinic, visit)) == 1
    assert (await bank_world.books(clinic))["1121"] == 150_000


async def test_all_pages_are_read_and_none_twice(clinic: Clinic, far_bank: Simulator) -> None:
    await expect(clinic)
    for index in range(250):
        await pay(far_bank, f"{bank_world.BIN},{bank_world.ACCOUNT},{1000 + index},vien phi")
    await read_now(clinic)
    assert len(await bank_world.tray(clinic)) == 200  # the tray shows the oldest
    assert (await bank_world.books_of_tray(clinic)) == sum(range(1000, 1250))
    before = (await far_bank.state())["transactions"]
    await pay(far_bank, f"{bank_world.BIN},{bank_world.ACCOUNT},7,vien phi")
    await read_now(clinic)
    assert before == 250 and await bank_world.books_of_tray(clinic) == sum(range(1000, 1250)) + 7


async def test_money_into_an_account_of_others_is_not_read(clinic: Clinic, far_bank: Simulator) -> None:
    await expect(clinic)
    await pay(far_bank, f"{bank_world.BIN},0000000001,5000,vien phi")
    await read_now(clinic)
    assert await bank_world.tray(clinic) == []


async def test_an_unreadable_line_waits_for_a_person_and_the_money_behind_it_is_booked(
    clinic: Clinic, far_bank: Simulator
) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    await pay(far_bank, f"{bank_world.BIN},{bank_world.ACCOUNT},7000,vien phi", odd="amount")
    await pay(far_bank, f"970000,{bank_world.ACCOUNT},8000,vien phi")
    await pay(far_bank, (await bank_world.ask(clinic, visit)).payload, mangle=True)
    for _ in range(2):
        await read_now(clinic)
        assert (await bank_world.account(clinic, visit)).due == 0
        strange, odd = sorted(await unread(clinic), key=lambda one: "amount" in one.problem)
        assert '"7000"' in odd.text and "amount" in odd.problem
        assert "970000" in strange.text and "không phải là tài khoản nhận tiền" in strange.problem
        assert (await state(clinic)).problem == "" and await bank_world.tray(clinic) == []
        async with clinic.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local lienmach.tenant = '1'")
            await connection.execute("update bank_cursor set cursor = 'from the beginning'")
    assert (await bank_world.books(clinic))["1121"] == 150_000


async def test_what_became_of_an_unreadable_line_is_said_once_and_in_words(clinic: Clinic, far_bank: Simulator) -> None:
    await expect(clinic)
    await pay(far_bank, f"{bank_world.BIN},{bank_world.ACCOUNT},7000,vien phi", odd="amount")
    await read_now(clinic)
    [one] = await unread(clinic)
    for own, note, refused in (
        (one.line_id, " a ", errors.Invalid), ("u-0", "đã xem", errors.NotFound), (one.line_id, "đã nhận tay", None),
        (one.line_id, "lần nữa", errors.Conflict),
    ):  # fmt: skip
        settled = clinic.store.run(clinic.actor("cashier"), functools.partial(settle, own, note))
        if refused is None:
            await settled
        else:
            with pytest.raises(refused):
                await settled
    assert await unread(clinic) == []


async def settle(line_id: str, note: str, tx: Transaction) -> None:
    await unread_lines.settle(tx, line_id, note)


async def unread(clinic: Clinic) -> list[UnreadLine]:
    """Lines that wait for a person."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await unread_lines.waiting(tx)


async def test_a_bank_that_forgot_where_we_were_causes_nothing_twice(clinic: Clinic, far_bank: Simulator) -> None:
    await expect(clinic)
    await pay(far_bank, f"{bank_world.BIN},{bank_world.ACCOUNT},5000,vien phi")
    await read_now(clinic)
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        await connection.execute("update bank_cursor set cursor = 'nonsense'")
    await read_now(clinic)
    assert (await bank_world.books(clinic))["1121"] == 5000


@pytest.mark.parametrize(("fault", "problem"), [("down", "server-error"), ("wrong", "wrong-answer")])
async def test_a_bank_that_is_down_or_talks_nonsense_is_asked_again(
    clinic: Clinic, far_bank: Simulator, fault: str, problem: str
) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    await pay(far_bank, (await bank_world.ask(clinic, visit)).payload)
    await far_bank.fault(fault)
    await read_now(clinic)
    assert (await state(clinic)).problem == problem
    await far_bank.fault("")
    await read_now(clinic)
    assert (await bank_world.account(clinic, visit)).due == 0
    assert (await state(clinic)).problem == ""


async def test_a_bank_that_does_not_take_our_signature_is_said_so(clinic: Clinic, far_bank: Simulator) -> None:
    outbox_work.connect(clinic.store, bank_secret="another")
    await expect(clinic)
    await read_now(clinic)
    assert (await state(clinic)).problem == "sign-in"


def line(**more: Any) -> dict[str, Any]:
    """A line of a statement."""
    return {"transaction": "FT1", "bin": bank_world.BIN, "account": bank_world.ACCOUNT, "amount": 5, "currency": "VND",
            "direction": "credit", "purpose": "", "payer": "", "at": "2026-11-22T08:00:00+07:00", **more}  # fmt: skip


def test_debits_are_passed_over_and_credits_are_read() -> None:
    said = {"items": [line(direction="debit", amount=-5), line()], "next": "2", "more": False}
    page = bank_gateway._page(said, bank_world.ACCOUNT)
    assert [one.transaction for one in page.notices] == ["FT1"]


@pytest.mark.parametrize(
    "bad", [line(amount="5"), line(account="0000000001"), line(direction="both"), {"amount": 5}, 3, None, ["x"]]
)
def test_a_line_that_cannot_be_read_is_handed_over_and_those_around_it_are_taken(bad: Any) -> None:
    said = {"items": [line(), bad, line(transaction="FT2")], "next": "3", "more": True}
    page = bank_gateway._page(said, bank_world.ACCOUNT)
    assert [one.transaction for one in page.notices] == ["FT1", "FT2"]
    [unread] = page.unread
    assert json.loads(unread.text) == bad and unread.problem and (page.cursor, page.has_more) == ("3", True)


@pytest.mark.parametrize(
    "said",
    [
        {"items": [line()], "next": 2, "more": False},
        {"items": [line()], "next": "2", "more": "no"},
        {"items": [line()], "more": False},
        {"items": None, "next": "2", "more": False},
        {"items": {"a": 1}, "next": "2", "more": False},
        [],
    ],
)
async def test_an_answer_without_lines_or_without_its_next_place_is_no_page(said: dict[str, Any]) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=said)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        far = Line(client, dataclasses.replace(Settings.load({}), bank_url="http://bank.example"))
        page = await bank_gateway.statement(far, bank_world.ACCOUNT, "", clock.now())
    assert page == bank_gateway.NoPage("wrong-answer")


# When


async def test_asking_for_money_looks_after_two_seconds_and_asking_often_adds_nothing(
    clinic: Clinic, far_bank: Simulator
) -> None:
    visits = [await bank_world.bill(clinic, 150_000) for _ in range(5)]
    for visit in visits:
        await bank_world.ask(clinic, visit)
    [(_, seconds)] = await queued(clinic)
    assert 0 < seconds <= 2.1


async def test_gaps_double_up_to_an_hour_and_end_after_three_days(clinic: Clinic, far_bank: Simulator) -> None:
    start = now = clinic.store.now()
    clinic.store.now = lambda: now
    await expect(clinic)
    ages = []
    now = start + poll_turns.FIRST
    for _ in range(200):
        await read_now(clinic)
        ages.append((now - start).total_seconds())
        next_at = (await state(clinic)).next_at
        if next_at is None:
            break
        now = next_at
    assert [round(one) for one in ages[:9]] == [2, 5, 10, 20, 40, 80, 160, 320, 640]
    gaps = [later - earlier for earlier, later in itertools.pairwise(ages)]
    assert max(gaps) == 3600 and ages[-1] >= 3 * 86_400 > ages[-2]


@pytest.fixture
async def trusting_bank(clinic: Clinic) -> AsyncIterator[Simulator]:
    """A bank that looks at no signature, for its clock is not the test's."""
    async with running.here(bank, secret="") as one:
        outbox_work.connect(clinic.store, bank_url=one.url, bank_secret="")
        yield one


async def test_while_a_request_can_be_paid_the_bank_is_asked_every_hour_and_a_loss_on_day_20_heals(
    clinic: Clinic, trusting_bank: Simulator
) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    start = now = clinic.store.now()
    clinic.store.now = lambda: now
    request = await bank_world.ask(clinic, visit)
    for days in (4, 20):
        now = start + timedelta(days=days)
        await read_now(clinic)
        assert (await queued(clinic))[-1][1] == 3600
    await pay(trusting_bank, request.payload, mangle=True)
    now += timedelta(hours=1)
    await read_now(clinic)
    assert (await bank_world.account(clinic, visit)).due == 0
    assert (await state(clinic)).problem == "" and (await state(clinic)).next_at is None, "nothing is left to be paid"


async def test_no_bank_is_asked_for_what_nobody_can_pay_any_more(clinic: Clinic, far_bank: Simulator) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    start = now = clinic.store.now()
    clinic.store.now = lambda: now
    await bank_world.ask(clinic, visit)
    for age, payable in ((timedelta(days=30, seconds=-1), True), (timedelta(days=30), False)):
        now = start + age
        async with clinic.store.begin(clinic.actor("cashier")) as tx:
            assert await payment_requests.is_any_payable(tx) is payable
    now = start
    await bank_world.bill(clinic, 160_000, encounter_id=visit)
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        assert not await payment_requests.is_any_payable(tx), "its statement was replaced"
    await bank_world.ask(clinic, visit, kind="deposit", amount=1_000)
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        assert await payment_requests.is_any_payable(tx)


async def test_a_new_request_looks_soon_again_and_the_late_job_does_nothing(
    clinic: Clinic, far_bank: Simulator
) -> None:
    await expect(clinic)
    start = clinic.store.now()
    now = start + timedelta(hours=5)
    clinic.store.now = lambda: now
    await read_now(clinic)
    late = (await queued(clinic))[-1]
    assert late[1] == 3600
    await expect(clinic)
    soon = (await queued(clinic))[-1]
    assert soon[0] == late[0] + 1 and soon[1] == 2
    await statement_polls.poll(clinic.store, Taken(1, 1, poll_turns.POLL, {"turn": late[0]}, 1, 10))
    assert (await queued(clinic))[-1] == soon


async def test_a_job_that_was_lost_is_replaced_by_the_next_request(clinic: Clinic, far_bank: Simulator) -> None:
    await expect(clinic)
    first = (await queued(clinic))[-1][0]
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(minutes=6)
    await expect(clinic)
    assert (await queued(clinic))[-1][0] == first + 1


async def test_a_job_done_twice_queues_the_next_one_once(clinic: Clinic, far_bank: Simulator) -> None:
    await expect(clinic)
    for _ in range(2):
        await statement_polls.poll(clinic.store, Taken(1, 1, poll_turns.POLL, {"turn": 1}, 1, 10))
    assert [turn for turn, _ in await queued(clinic)] == [1, 2]


async def test_without_a_bank_nothing_is_queued(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    await bank_world.ask(clinic, visit)
    assert await queued(clinic) == []
    assert not (await state(clinic)).is_connected


async def test_a_job_that_comes_after_the_bank_was_disconnected_ends(clinic: Clinic, far_bank: Simulator) -> None:
    await expect(clinic)
    outbox_work.connect(clinic.store, bank_url="")
    await read_now(clinic)
    assert (await state(clinic)).next_at is None
