"""Many hands at one bill and one claim: one wins where one may, everybody else reads why, and the books stay true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.jobs import Taken
from lienmach.care import outbox, outbox_delivery, resources
from lienmach.care.claims import claims, consideration
from lienmach.care.money import ledger, payments, receipts, shifts, statements, transfers
from lienmach.departments.pharmacy import dispensing
from lienmach.simulators import insurance
from tests.care import bank_world, claim_world, money_visits, outbox_work
from tests.care.claim_world import SYSTEM, Signed
from tests.care.money_visits import MoneyVisits
from tests.clinic import Clinic
from tests.simulators import running

COSTLY = ("TT-KHAU-SAU", "TT-CHICH-APXE")  # the patient pays a share of these


@pytest.fixture
async def visits(clinic: Clinic) -> MoneyVisits:
    found = await money_visits.open_clinic(clinic)
    for role in ("insurance", "cashier"):
        await clinic.signer(role)
    await found.shift()
    return found


async def attempt(clinic: Clinic, role: str, work: Callable[[Any], Awaitable[Any]]) -> str:
    """ "done", or the sentence that was read."""
    try:
        await clinic.store.run(clinic.actor(role), work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as refused:
        assert refused.text, "a refusal without a sentence"
        return refused.text
    return "done"


async def check_books(clinic: Clinic, encounter_id: str) -> None:
    """The ledger adds up to nothing, and the account of the visit to its receipts."""
    own = await bank_world.account(clinic, encounter_id)
    slips = await bank_world.slips(clinic, encounter_id)
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        assert sum((await ledger.trial(tx)).values()) == 0
    taken = sum(-one.amount if one.kind == "refund" else one.amount for one in slips)
    if own.state == "closed":
        assert own.patient_total == taken + own.due - own.deposit
    numbers = sorted(one.number for one in slips)
    assert len(set(numbers)) == len(numbers)


def cash(encounter_id: str, amount: int, key: str) -> Callable[[Any], Awaitable[Any]]:
    return lambda tx: payments.take(tx, encounter_id, amount, method="cash", request_key=key)


async def closed(visits: MoneyVisits) -> tuple[str, int]:
    """A bill of a patient without a card: the visit, and what is due."""
    visit = await visits.finished(("T-LON", 1), ("T-THUOC", 10), card="", category="9")
    await visits.close(visit, role="cashier")
    return visit, (await visits.account(visit)).due


async def test_of_twenty_who_take_one_bill_one_takes_it(clinic: Clinic, visits: MoneyVisits) -> None:
    visit, due = await closed(visits)
    told = await asyncio.gather(*(attempt(clinic, "cashier", cash(visit, due, f"k{n}")) for n in range(20)))
    assert told.count("done") == 1, told
    assert all("Chỉ còn phải thu" in one for one in told if one != "done"), told
    await check_books(clinic, visit)


async def test_one_click_sent_twenty_times_is_one_receipt(clinic: Clinic, visits: MoneyVisits) -> None:
    visit, due = await closed(visits)
    told = await asyncio.gather(*(attempt(clinic, "cashier", cash(visit, due // 2, "same")) for _ in range(20)))
    assert told == ["done"] * 20
    [slip] = await bank_world.slips(clinic, visit)
    assert slip.amount == due // 2
    await check_books(clinic, visit)


@pytest.mark.parametrize("first", ["cash", "bank"])
async def test_cash_and_the_notice_of_the_bank_at_once_pay_a_bill_once(
    clinic: Clinic, visits: MoneyVisits, first: str
) -> None:
    visit, due = await closed(visits)
    request = await bank_world.ask(clinic, visit)
    told = bank_world.notice(request)

    async def pay() -> str:
        return await attempt(clinic, "cashier", cash(visit, due, "k"))

    async def hear() -> str:
        return (await bank_world.tell(clinic, told)).state

    steps = (pay(), hear()) if first == "cash" else (hear(), pay())
    results = dict(
        zip(("cash", "bank") if first == "cash" else ("bank", "cash"), await asyncio.gather(*steps), strict=True)
    )
    assert (results["cash"] == "done") == (results["bank"] == "unmatched"), results
    [slip] = await bank_world.slips(clinic, visit)
    assert slip.amount == due and (await bank_world.account(clinic, visit)).due == 0
    waiting = await bank_world.tray(clinic)
    assert [one.why for one in waiting] == (["more-than-due"] if results["cash"] == "done" else [])
    await check_books(clinic, visit)


async def test_a_hundred_notices_of_one_transfer_are_one_receipt(clinic: Clinic, visits: MoneyVisits) -> None:
    visit, due = await closed(visits)
    told = bank_world.notice(await bank_world.ask(clinic, visit))
    states = [one.state for one in await asyncio.gather(*(bank_world.tell(clinic, told) for _ in range(100)))]
    assert sorted(states) == ["known"] * 99 + ["matched"]
    assert [one.amount for one in await bank_world.slips(clinic, visit)] == [due]
    await check_books(clinic, visit)


async def test_money_of_the_tray_is_given_away_once(clinic: Clinic, visits: MoneyVisits) -> None:
    visit, due = await closed(visits)
    other, _ = await closed(visits)
    notice = bank_world.notice(amount=due, purpose="vien phi")
    await bank_world.tell(clinic, notice)
    own = notice.transfer_id
    works: list[Callable[[Any], Awaitable[Any]]] = [
        *(lambda tx, to=to, kind=kind: transfers.assign(tx, own, to, kind) for to in (visit, other)
          for kind in ("bill", "deposit")),
        *(lambda tx: transfers.send_back(tx, own, "không rõ của ai") for _ in range(3)),
    ]  # fmt: skip
    told = await asyncio.gather(*(attempt(clinic, "cashier", work) for work in works))
    assert told.count("done") == 1, told
    assert await bank_world.tray(clinic) == []
    for one in (visit, other):
        await check_books(clinic, one)


async def test_a_statement_closed_while_money_comes_counts_it_once(clinic: Clinic, visits: MoneyVisits) -> None:
    """A deposit is applied by the closing or stands after it; a payment meets the old bill or the new one."""
    key = await clinic.signer("cashier")
    for number in range(4):
        visit = await visits.finished(("T-LON", 1), ("T-THUOC", 10), card="", category="9")
        deposits = [
            lambda tx, n=n, visit=visit: payments.take_deposit(
                tx, visit, 50_000, method="cash", request_key=f"d{n}-{visit}"
            )
            for n in range(4)
        ]
        close = [lambda tx, visit=visit: statements.close(tx, visit, key)]
        told = await asyncio.gather(
            *(attempt(clinic, "cashier", work) for work in [*deposits[:number], *close, *deposits[number:]])
        )
        assert told == ["done"] * 5, told
        own = await visits.account(visit)
        assert own.deposit == 0 and own.due == own.patient_total - 200_000
        await check_books(clinic, visit)
        await visits.give(money_visits.cause_of(visit, "T-THUOC", 1), 4)
        told = await asyncio.gather(
            *(attempt(clinic, "cashier", cash(visit, own.due, f"p{n}-{visit}")) for n in range(2)),
            attempt(clinic, "cashier", lambda tx, visit=visit: statements.close(tx, visit, key, reason="trả thuốc")),
            *(attempt(clinic, "cashier", cash(visit, own.due, f"q{n}-{visit}")) for n in range(2)),
        )
        assert told[2] == "done" and (told[:2] + told[3:]).count("done") <= 1, told
        after = await visits.account(visit)
        assert after.version == 2 and (after.settled_at is not None) == (after.due <= 0)
        await check_books(clinic, visit)


async def test_of_two_desks_that_close_one_statement_one_closes_it(clinic: Clinic, visits: MoneyVisits) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    keys = {role: await clinic.signer(role) for role in ("insurance", "cashier")}

    def close(role: str) -> Callable[[Any], Awaitable[Any]]:
        return lambda tx: statements.close(tx, visit, keys[role])

    told = await asyncio.gather(*(attempt(clinic, role, close(role)) for _ in range(6) for role in keys))
    assert told.count("done") == 1, told
    assert all("đã chốt" in one for one in told if one != "done"), told
    own = await visits.account(visit)
    assert (own.version, own.bill_number[-6:]) == (1, "000001")
    await check_books(clinic, visit)


async def test_many_statements_closed_at_once_are_numbered_without_gaps(clinic: Clinic, visits: MoneyVisits) -> None:
    own = [await visits.finished(("T-KHAM", 1)) for _ in range(12)]
    key = await clinic.signer("insurance")
    told = await asyncio.gather(
        *(attempt(clinic, "insurance", lambda tx, one=one: statements.close(tx, one, key)) for one in own)
    )
    assert told == ["done"] * 12, told
    numbers = sorted([int((await visits.account(one)).bill_number[-6:]) for one in own])
    assert numbers == list(range(1, 13))


async def test_what_is_owed_is_given_back_once(clinic: Clinic, visits: MoneyVisits) -> None:
    visit, due = await closed(visits)
    await visits.pay(visit, due, "paid")
    await visits.give(money_visits.cause_of(visit, "T-THUOC", 1), 4)
    await visits.close(visit, "trả lại thuốc", role="cashier")
    owed = -(await visits.account(visit)).due
    assert owed > 0

    def refund(number: int) -> Callable[[Any], Awaitable[Any]]:
        return lambda tx: payments.refund(tx, visit, owed, method="cash", reason="trả thuốc", request_key=f"r{number}")

    told = await asyncio.gather(*(attempt(clinic, "cashier", refund(n)) for n in range(12)))
    assert told.count("done") == 1, told
    assert all("phải hoàn" in one for one in told if one != "done"), told
    await check_books(clinic, visit)


async def test_a_shift_closed_while_payments_come_holds_all_of_them_or_refuses_them(
    clinic: Clinic, visits: MoneyVisits
) -> None:
    bills = [await closed(visits) for _ in range(6)]
    shift_id = await visits.shift()

    async def close(tx: Any) -> None:
        await shifts.close(tx, shift_id, 500_000, "đếm trong lúc đang thu")

    works = [cash(visit, due, f"k{visit}") for visit, due in bills]
    told = await asyncio.gather(*(attempt(clinic, "cashier", work) for work in [*works[:3], close, *works[3:]]))
    assert told[3] == "done", told
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        taken = sum(one.amount for one in await receipts.listed(tx, shift_id=shift_id))
        one = await shifts.read(tx, shift_id)
        assert await ledger.balance(tx, "1111", shift_id) == 0
    assert (one.expected, one.difference) == (500_000 + taken, -taken)
    assert taken == sum(due for (_, due), said in zip(bills, told[:3] + told[4:], strict=True) if said == "done")
    assert all("ca" in said for said in told if said != "done"), told


async def ready(clinic: Clinic, **more: Any) -> Signed:
    """A visit with a closed statement; nothing of it is claimed yet."""
    one = await claim_world.signed(clinic, quantity=0, **more)
    await one.close()
    return one


async def test_a_look_at_a_claim_that_was_overtaken_changes_nothing(clinic: Clinic) -> None:
    """A slow worker saw that drugs had come back; meanwhile the statement was closed again and the claim built anew."""
    one = await claim_world.signed(clinic)
    await one.close()
    await one.give(10)
    assert (await one.consider()).state == "ready"
    async with clinic.store.begin(SYSTEM) as tx:
        [given] = await resources.find(tx, "MedicationDispense")
    await one.run("pharmacist", lambda tx: dispensing.take_back(tx, given["id"], Decimal(4), "trả lại 4 viên"))

    async def slow(tx: Any) -> None:
        await consideration._look(one.encounter_id, tx)
        if not overtaken:
            overtaken.append(True)
            await one.close("trả lại 4 viên")
            assert (await one.consider()).version == 2

    overtaken: list[bool] = []
    await clinic.store.run(SYSTEM, slow)
    claim = await one.claim()
    assert (claim.state, claim.why, claim.version) == ("ready", "", 2)
    assert not (await one.account()).is_stale


async def test_a_wish_to_send_again_that_comes_while_a_version_is_built_is_not_lost(clinic: Clinic) -> None:
    one = await ready(clinic, procedures=COSTLY)
    await one.consider()
    await one.pay((await one.account()).due)
    found = await clinic.store.run(SYSTEM, lambda tx: consideration._look(one.encounter_id, tx))
    assert found is not None
    await one.run("insurance", lambda tx: claims.resend(tx, one.encounter_id, "cơ quan bảo hiểm yêu cầu"))
    signed = await consideration.sign(clinic.store, 1, found)
    await clinic.store.run(SYSTEM, lambda tx: consideration._keep(found, signed, tx))
    await one.consider()
    assert "cơ quan bảo hiểm yêu cầu" in {version.reason for version in await one.versions()}


async def test_many_workers_at_one_claim_build_each_version_once(clinic: Clinic) -> None:
    one = await ready(clinic, procedures=COSTLY)
    await asyncio.gather(*(one.consider() for _ in range(6)))
    due = (await one.account()).due
    await asyncio.gather(one.pay(due), *(one.consider() for _ in range(6)))
    await asyncio.gather(*(one.consider() for _ in range(6)))
    found = await one.versions()
    assert [version.version for version in found] == [1, 2]
    assert (await one.tables())["XML1"][0]["NGAY_TTOAN"]


async def _send(clinic: Clinic, message: str) -> None:
    await outbox_delivery.send(clinic.store, Taken(1, 1, outbox.SEND, {"message": message}, 1, 10))


async def test_a_version_that_could_not_be_sent_never_comes_after_the_next_one(clinic: Clinic) -> None:
    """The portal was away for the first version; what it hears last is the newest, or it would pay by the old one."""
    async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        one = await ready(clinic, procedures=COSTLY)
        await one.consider()
        await one.pay((await one.account()).due)
        await one.consider()
        first, second = [outbox.message_id("claim", f"{(await one.claim()).ma_lk}/{n}") for n in (1, 2)]
        for message in (second, first, second):
            await _send(clinic, message)
        sent = [await _state(clinic, message) for message in (first, second)]
        assert sent == ["sent", "sent"]
        said = (await portal.state())["claims"][(await one.claim()).ma_lk]
        versions = await one.versions()
        assert [each["maGiaoDich"] for each in said] == [each.transaction_number for each in versions]
        assert (await one.claim()).sent_version == 2


async def test_an_old_version_that_a_person_sends_again_is_held_back_once_a_newer_one_arrived(clinic: Clinic) -> None:
    async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        one = await ready(clinic, procedures=COSTLY)
        await one.consider()
        first = outbox.message_id("claim", f"{(await one.claim()).ma_lk}/1")

        async def stop(tx: Any) -> None:
            outbox.stop(tx, first)

        await clinic.store.run(SYSTEM, stop)
        await one.pay((await one.account()).due)
        await one.consider()
        second = outbox.message_id("claim", f"{(await one.claim()).ma_lk}/2")
        await _send(clinic, second)

        async def again(tx: Any) -> None:
            outbox.retry(tx, first)

        await clinic.store.run(SYSTEM, again)
        await _send(clinic, first)
        assert await _state(clinic, first) == "stopped"
        assert len((await portal.state())["claims"][(await one.claim()).ma_lk]) == 1


async def _state(clinic: Clinic, message: str) -> str:
    async with clinic.store.begin(SYSTEM) as tx:
        return (await outbox.read(tx, message)).state
