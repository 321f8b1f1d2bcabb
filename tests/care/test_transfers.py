"""Money that came by bank is booked once, to the bill that it names or into the tray, and the books balance after it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care.money import payments, transfers
from lienmach.care.money.transfers import Assigned
from lienmach.record.transaction import Transaction
from tests.care import bank_world
from tests.clinic import Clinic


async def run(clinic: Clinic, verb: Any, *args: Any, **more: Any) -> Any:
    """A verb of the cashier in one unit."""

    async def work(tx: Transaction) -> Any:
        return await verb(tx, *args, **more)

    return await clinic.store.run(clinic.actor("cashier"), work)


async def test_money_for_an_open_request_pays_the_bill_with_a_receipt(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    one = bank_world.notice(request)
    result = await bank_world.tell(clinic, one)
    assert (result.state, result.encounter_id) == ("matched", visit)
    account = await bank_world.account(clinic, visit)
    assert account.due == 0 and account.settled_at is not None
    [slip] = await bank_world.slips(clinic, visit)
    assert (slip.kind, slip.method, slip.amount, slip.bank_transaction, slip.due_after) == (
        "payment", "transfer", 150_000, one.transfer_id, 0,
    )  # fmt: skip
    assert (await bank_world.request(clinic, request.number)).state == "paid"
    assert await bank_world.books(clinic) == {"1121": 150_000, "5111": -150_000}
    assert await bank_world.tray(clinic) == []


async def test_a_mangled_purpose_finds_its_bill(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    said = f"MBCT.99.{request.number.lower()[:6]} {request.number.lower()[6:]}.CT tu NGUYỄN VĂN ÂN"
    assert (await bank_world.tell(clinic, bank_world.notice(request, purpose=said))).state == "matched"


async def test_a_part_payment_by_code_leaves_the_rest_due(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit, amount=50_000)
    await bank_world.tell(clinic, bank_world.notice(request))
    assert (await bank_world.account(clinic, visit)).due == 100_000
    assert (await bank_world.ask(clinic, visit)).amount == 100_000


async def test_the_same_notice_again_changes_nothing_whoever_tells(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    one = bank_world.notice(await bank_world.ask(clinic, visit))
    await bank_world.tell(clinic, one)
    for via in ("webhook", "poll"):
        again = await bank_world.tell(clinic, one, via=via)
        assert (again.state, again.is_same) == ("known", True)
    assert len(await bank_world.slips(clinic, visit)) == 1
    assert await bank_world.books(clinic) == {"1121": 150_000, "5111": -150_000}


async def test_a_hundred_same_notices_at_once_make_one_receipt(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    one = bank_world.notice(await bank_world.ask(clinic, visit))
    vias = ("webhook", "poll")
    told = await asyncio.gather(*(bank_world.tell(clinic, one, via=vias[index % 2]) for index in range(100)))
    assert sorted(result.state for result in told) == ["known"] * 99 + ["matched"]
    assert len(await bank_world.slips(clinic, visit)) == 1
    assert (await bank_world.books(clinic))["1121"] == 150_000


async def test_a_known_transaction_with_another_amount_keeps_the_first_word(clinic: Clinic) -> None:
    one = bank_world.notice(amount=50_000)
    await bank_world.tell(clinic, one)
    again = await bank_world.tell(clinic, bank_world.notice(transaction=one.transaction, amount=60_000))
    assert (again.state, again.is_same) == ("known", False)
    assert (await bank_world.books(clinic))["1121"] == 50_000


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": 149_999}, "wrong-amount"),
        ({"amount": 150_001}, "wrong-amount"),
        ({"purpose": ""}, "no-number"),
        ({"purpose": "vien phi"}, "no-number"),
        ({"purpose": "LM261122ACDEFG"}, "unknown-number"),
        ({"account": "HTEST0000086992"}, "other-account"),
    ],
)
async def test_money_that_does_not_fit_its_request_waits_in_the_tray(
    clinic: Clinic, change: dict[str, Any], why: str
) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    one = bank_world.notice(request, **change)
    result = await bank_world.tell(clinic, one)
    assert (result.state, result.why) == ("unmatched", why)
    assert why in transfers.WHY
    [waiting] = await bank_world.tray(clinic)
    assert (waiting.transfer_id, waiting.amount, waiting.why) == (one.transfer_id, one.amount, why)
    assert waiting.suggested == (visit if why in ("wrong-amount", "other-account") else "")
    assert (await bank_world.account(clinic, visit)).due == 150_000
    assert await bank_world.books(clinic) == {
        "1121": one.amount, "1311": 150_000, "3381": -one.amount, "5111": -150_000,
    }  # fmt: skip


async def test_money_for_a_replaced_request_waits_in_the_tray(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    first = await bank_world.ask(clinic, visit)
    await bank_world.ask(clinic, visit, amount=40_000)
    assert (await bank_world.tell(clinic, bank_world.notice(first))).why == "replaced"


async def test_money_for_an_older_statement_waits_in_the_tray_before_anybody_asks_anew(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    await bank_world.bill(clinic, 150_000, encounter_id=visit)
    assert (await bank_world.tell(clinic, bank_world.notice(request))).why == "replaced"


async def test_a_second_payment_of_a_paid_request_waits_in_the_tray(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    await bank_world.tell(clinic, bank_world.notice(request))
    assert (await bank_world.tell(clinic, bank_world.notice(request))).why == "paid"
    assert len(await bank_world.slips(clinic, visit)) == 1


async def test_two_payers_of_one_request_at_once_pay_it_once(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    told = await asyncio.gather(*(bank_world.tell(clinic, bank_world.notice(request)) for _ in range(10)))
    assert sorted(result.state for result in told) == ["matched"] + ["unmatched"] * 9
    assert len(await bank_world.slips(clinic, visit)) == 1
    assert (await bank_world.books(clinic))["1121"] == 1_500_000


async def test_two_requests_in_one_purpose_are_not_guessed(clinic: Clinic) -> None:
    visits = [await bank_world.bill(clinic, 150_000) for _ in range(2)]
    first, second = [await bank_world.ask(clinic, one) for one in visits]
    one = bank_world.notice(first, purpose=f"{first.number} {second.number}")
    assert (await bank_world.tell(clinic, one)).why == "several-numbers"


async def test_a_bill_that_was_paid_otherwise_meanwhile_takes_no_more(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    await run(clinic, payments.take, visit, 1_000, method="transfer", request_key="by hand")
    result = await bank_world.tell(clinic, bank_world.notice(request))
    assert (result.state, result.why) == ("unmatched", "more-than-due")
    assert (await bank_world.account(clinic, visit)).due == 149_000


async def test_money_that_comes_after_thirty_days_is_for_a_person(clinic: Clinic) -> None:
    visits = [await bank_world.bill(clinic, 150_000) for _ in range(2)]
    early, late = [await bank_world.ask(clinic, one) for one in visits]
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(days=29, hours=23)
    assert (await bank_world.tell(clinic, bank_world.notice(early))).state == "matched"
    clinic.store.now = lambda: now() + timedelta(days=30)
    assert (await bank_world.tell(clinic, bank_world.notice(late))).why == "expired"
    assert (await bank_world.request(clinic, late.number)).state == "expired"


async def test_a_deposit_by_code_comes_before_the_visit_has_an_account(clinic: Clinic) -> None:
    visit = await bank_world.visit(clinic)
    request = await bank_world.ask(clinic, visit, kind="deposit", amount=200_000)
    assert (await bank_world.tell(clinic, bank_world.notice(request))).state == "matched"
    [slip] = await bank_world.slips(clinic, visit)
    assert (slip.kind, slip.amount) == ("deposit", 200_000)
    assert await bank_world.books(clinic) == {"1121": 200_000, "3387": -200_000}


async def test_money_into_an_account_that_is_not_ours_is_refused_and_nothing_is_stored(clinic: Clinic) -> None:
    for change in ({"account": "0000000001"}, {"bin": "970436"}):
        with pytest.raises(transfers.NotOurs, match="không phải là tài khoản"):
            await bank_world.tell(clinic, bank_world.notice(**change))
    assert await bank_world.tray(clinic) == []
    assert await bank_world.books(clinic) == {}


async def test_more_than_a_receipt_can_hold_waits_in_the_tray(clinic: Clinic) -> None:
    one = bank_world.notice(amount=999_999_999_999)
    assert (await bank_world.tell(clinic, one)).state == "unmatched"
    with pytest.raises(errors.Unprocessable):
        await run(clinic, transfers.assign, one.transfer_id, await bank_world.visit(clinic), "deposit")
    [waiting] = await bank_world.tray(clinic)
    assert waiting.amount == 999_999_999_999


# By hand


async def stray(clinic: Clinic, amount: int) -> str:
    """Money in the tray; returns its id."""
    one = bank_world.notice(amount=amount)
    await bank_world.tell(clinic, one)
    return one.transfer_id


@pytest.mark.parametrize("amount", [40_000, 100_000])
async def test_unmatched_money_pays_a_bill_whole_or_in_part(clinic: Clinic, amount: int) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    own = await stray(clinic, amount)
    done: Assigned = await run(clinic, transfers.assign, own, visit)
    [one] = done.done
    assert one.receipt is not None and one.receipt.amount == amount and one.receipt.bank_transaction == own
    assert (await bank_world.account(clinic, visit)).due == 100_000 - amount
    assert (await bank_world.books(clinic))["1121"] == amount
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        [kept] = await transfers.of_visit(tx, visit)
    assert (kept.state, kept.settled_by) == ("assigned", "cashier")


async def test_more_than_is_due_wants_a_word_about_the_rest(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    own = await stray(clinic, 100_001)
    with pytest.raises(errors.Invalid, match="1 đồng"):
        await run(clinic, transfers.assign, own, visit)
    assert len(await bank_world.tray(clinic)) == 1
    await run(clinic, transfers.assign, own, visit, rest_as_deposit=True)
    slips = {one.kind: one.amount for one in await bank_world.slips(clinic, visit)}
    assert slips == {"payment": 100_000, "deposit": 1}
    assert await bank_world.books(clinic) == {"1121": 100_001, "3387": -1, "5111": -100_000}


async def test_unmatched_money_becomes_a_deposit(clinic: Clinic) -> None:
    visit = await bank_world.visit(clinic)
    await run(clinic, transfers.assign, await stray(clinic, 70_000), visit, "deposit")
    assert (await bank_world.account(clinic, visit)).deposit == 70_000
    assert await bank_world.books(clinic) == {"1121": 70_000, "3387": -70_000}


async def test_before_the_statement_is_closed_money_is_no_payment(clinic: Clinic) -> None:
    visit = await bank_world.visit(clinic)
    own = await stray(clinic, 70_000)
    with pytest.raises(errors.Conflict, match="tạm ứng"):
        await run(clinic, transfers.assign, own, visit)
    assert len(await bank_world.tray(clinic)) == 1


async def test_money_goes_back_with_a_reason(clinic: Clinic) -> None:
    own = await stray(clinic, 70_000)
    for reason in ("", "  ", "ab", "x" * 501):
        with pytest.raises(errors.Invalid):
            await run(clinic, transfers.send_back, own, reason)
    await run(clinic, transfers.send_back, own, "Chuyển nhầm, người chuyển xin lại")
    assert await bank_world.tray(clinic) == []
    assert await bank_world.books(clinic) == {}
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        kept = await transfers.read(tx, own)
    assert (kept.state, kept.reason) == ("returned", "Chuyển nhầm, người chuyển xin lại")


async def test_money_is_dealt_with_once(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    own = await stray(clinic, 70_000)
    told = await asyncio.gather(
        *(run(clinic, transfers.assign, own, visit) for _ in range(5)),
        *(run(clinic, transfers.send_back, own, "trả lại") for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, BaseException) for one in told) == 1
    assert all(isinstance(one, errors.Conflict) for one in told if isinstance(one, BaseException))
    assert len(await bank_world.slips(clinic, visit)) <= 1
    await bank_world.books(clinic)


async def test_an_unknown_transfer_is_not_found(clinic: Clinic) -> None:
    with pytest.raises(errors.NotFound):
        await run(clinic, transfers.send_back, "999999-KHONG", "trả lại")
