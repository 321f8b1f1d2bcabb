"""Money is taken once, never more than is due, and never given back twice; the dispensary waits for it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import visits
from lienmach.care.money import accounts, ledger, payments, receipts
from lienmach.care.money.payments import Movement
from tests.care import money_visits
from tests.care.money_visits import MoneyVisits
from tests.clinic import Clinic

SELF = {"card": "", "category": "9"}


@pytest.fixture
async def money(clinic: Clinic) -> MoneyVisits:
    """A clinic with a small price list."""
    return await money_visits.open_clinic(clinic)


@pytest.fixture
async def bill(money: MoneyVisits) -> str:
    """A closed statement of 45.000 đồng, and an open shift."""
    visit = await money.finished(("T-KHAM", 1), **SELF)
    await money.close(visit, role="cashier")
    await money.shift()
    return visit


async def balance(money: MoneyVisits, account: str, sub: str = "") -> Decimal:
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        return await ledger.balance(tx, account, sub)


async def listed(money: MoneyVisits, visit: str) -> list[receipts.Receipt]:
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        return await receipts.of_visit(tx, visit)


async def test_a_payment_has_a_receipt_and_an_entry_and_settles_the_bill(money: MoneyVisits, bill: str) -> None:
    done = await money.pay(bill, 45_000, "k1")
    assert done.receipt is not None and done.due == 0 and not done.is_repeat
    receipt, account = done.receipt, await money.account(bill)
    assert receipt.number == f"PT{account.closed_at:%y}-86991-000001" and receipt.bill_number == account.bill_number
    assert (receipt.amount, receipt.kind, receipt.method, receipt.due_after) == (45_000, "payment", "cash", 0)
    assert account.due == 0 and account.settled_at == receipt.at
    assert await balance(money, "1111", receipt.shift_id) == 545_000
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        assert await receipts.read(tx, receipt.number) == receipt
        assert await receipts.listed(tx, shift_id=receipt.shift_id) == [receipt]
        with pytest.raises(errors.NotFound):
            await receipts.read(tx, "PT99")


async def test_a_double_click_gives_the_same_receipt(money: MoneyVisits, bill: str) -> None:
    both = await asyncio.gather(*(money.pay(bill, 20_000, "k1") for _ in range(4)))
    assert len({one.receipt.number for one in both if one.receipt}) == 1
    assert sorted(one.is_repeat for one in both) == [False, True, True, True]
    assert (await money.account(bill)).due == 25_000
    for amount, method in ((20_001, "cash"), (20_000, "transfer")):
        with pytest.raises(errors.Conflict, match="đã được ghi với phiếu"):
            await money.pay(bill, amount, "k1", method=method)
    assert len(await listed(money, bill)) == 1


async def test_of_two_who_pay_the_whole_bill_at_once_one_does(money: MoneyVisits, bill: str) -> None:
    outcomes = await asyncio.gather(
        *(money.pay(bill, 45_000, f"k{one}", method="transfer") for one in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, payments.Done) for one in outcomes) == 1
    assert sum(isinstance(one, errors.Conflict) for one in outcomes) == 4
    assert await balance(money, "1121") == 45_000 and (await money.account(bill)).due == 0


async def test_parts_are_taken_up_to_what_is_due_and_no_further(money: MoneyVisits, bill: str) -> None:
    assert (await money.pay(bill, 44_999, "k1")).due == 1
    assert (await money.account(bill)).settled_at is None
    with pytest.raises(errors.Conflict, match="Chỉ còn phải thu 1 đ") as refused:
        await money.pay(bill, 2, "k2")
    assert refused.value.issues[0].code == "too-much"
    assert (await money.pay(bill, 1, "k3")).due == 0
    assert (await money.account(bill)).settled_at is not None
    with pytest.raises(errors.Conflict, match="Chỉ còn phải thu 0 đ"):
        await money.pay(bill, 1, "k4")
    assert [one.number.rpartition("-")[2] for one in await listed(money, bill)] == ["000001", "000002"]


@pytest.mark.parametrize("amount", [0, -1, True, 1.5, payments.AMOUNT_MAX + 1, "5"])
async def test_an_amount_that_cannot_be_is_refused(money: MoneyVisits, bill: str, amount: Any) -> None:
    with pytest.raises(errors.Unprocessable, match="số đồng nguyên"):
        await money.pay(bill, amount, "k1")


async def test_other_things_that_cannot_be_are_refused(money: MoneyVisits, bill: str) -> None:
    with pytest.raises(errors.Invalid, match="khóa"):
        await money.pay(bill, 1, "")
    with pytest.raises(errors.Invalid, match="tiền mặt hoặc chuyển khoản"):
        await money.pay(bill, 1, "k", method="gold")
    with pytest.raises(errors.NotFound):
        await money.pay("nobody", 1, "k")
    with pytest.raises(errors.Unprocessable, match="lý do"):
        await money.refund(bill, 1, "k", reason=" x ")
    assert await listed(money, bill) == []


async def test_nothing_is_paid_before_the_statement_is_closed(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), **SELF)
    await money.shift()
    with pytest.raises(errors.Conflict, match="chưa chốt") as refused:
        await money.pay(visit, 1, "k1")
    assert refused.value.issues[0].code == "not-closed"


async def test_cash_needs_an_open_shift_of_ones_own(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), **SELF)
    await money.close(visit, role="cashier")
    with pytest.raises(errors.Conflict, match="chưa mở ca"):
        await money.pay(visit, 1, "k1")
    shift = await money.shift()
    other = Movement("payment", visit, 1, "cash", "k2", shift)

    async def as_another(tx: Any) -> None:
        tx.also(lambda connection: payments.write(connection, tx, other))

    with pytest.raises(errors.Conflict, match="ca của người khác"):
        await money.run("insurance", as_another)
    with pytest.raises(errors.Conflict, match="chưa mở"):
        await money.pay(visit, 1, "k3", shift_id="nobody's")
    assert (await money.pay(visit, 45_000, "k4", method="transfer")).due == 0
    assert await balance(money, "1121") == 45_000 and await balance(money, "1111", shift) == 500_000


async def test_a_deposit_is_held_then_applied_and_the_rest_is_given_back(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), **SELF)
    await money.shift()
    taken = await money.deposit(visit, 100_000, "d1")
    assert taken.receipt is not None and taken.receipt.number.startswith("TU") and taken.due == 0
    assert (await money.account(visit)).deposit == 100_000
    await money.close(visit, role="cashier")
    account = await money.account(visit)
    assert (account.due, account.deposit) == (0, 55_000) and account.settled_at == account.closed_at
    with pytest.raises(errors.Conflict, match=r"Chỉ còn 55\.000 đ"):
        await money.refund(visit, 55_001, "r1")
    back = await money.refund(visit, 55_000, "r2")
    assert back.receipt is not None and back.receipt.number.startswith("PC") and back.receipt.note == "trả lại thuốc"
    account = await money.account(visit)
    assert (account.due, account.deposit) == (0, 0) and account.settled_at is not None
    assert await balance(money, "3387", visit) == 0


async def test_a_deposit_that_is_too_small_leaves_the_rest_due_and_a_late_one_is_applied_at_once(
    money: MoneyVisits,
) -> None:
    visit = await money.finished(("T-KHAM", 1), **SELF)
    await money.shift()
    await money.deposit(visit, 44_999, "d1")
    await money.close(visit, role="cashier")
    account = await money.account(visit)
    assert (account.due, account.deposit, account.settled_at) == (1, 0, None)
    late = await money.deposit(visit, 10, "d2", method="transfer")
    account = await money.account(visit)
    assert late.due == 0 and (account.due, account.deposit) == (0, 9) and account.settled_at is not None


async def test_a_running_visit_takes_a_deposit_and_gives_it_back(money: MoneyVisits) -> None:
    visit = await money.clinic.visit(await money.clinic.patient())
    await money.shift()
    await money.deposit(visit, 30_000, "d1")
    account = await money.account(visit)
    assert (account.state, account.deposit, account.version) == ("running", 30_000, 0)
    assert (await money.refund(visit, 30_000, "r1")).due == 0
    with pytest.raises(errors.Conflict):
        await money.refund(visit, 1, "r2")


async def test_a_cancelled_visit_takes_no_deposit(money: MoneyVisits) -> None:
    visit = await money.clinic.visit(await money.clinic.patient(), started=False)
    await money.run("doctor", lambda tx: visits.cancel(tx, visit, "người bệnh về"))
    await money.shift()
    with pytest.raises(errors.Conflict, match="đã huỷ"):
        await money.deposit(visit, 1, "d1")


async def test_a_later_version_that_needs_less_owes_the_difference_and_no_more(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-DAT", 3), **SELF)
    await money.shift()
    first = await money.close(visit, role="cashier")
    await money.pay(visit, first.patient_total, "k1")
    settled_at = (await money.account(visit)).settled_at
    await money.give(money_visits.cause_of(visit, "T-DAT", 1), 1)
    second = await money.close(visit, "trả thuốc", role="cashier")
    account, owed = await money.account(visit), first.patient_total - second.patient_total
    assert account.due == -owed < 0 and account.settled_at == settled_at and account.version == 2
    with pytest.raises(errors.Conflict):
        await money.refund(visit, owed + 1, "r1")
    assert (await money.refund(visit, owed - 1, "r2")).due == -1
    twice = await asyncio.gather(*(money.refund(visit, 1, f"r{one}") for one in (3, 4)), return_exceptions=True)
    assert sum(isinstance(one, payments.Done) for one in twice) == 1
    assert (await money.account(visit)).due == 0


async def test_a_later_version_that_needs_more_is_unsettled_until_it_is_paid(money: MoneyVisits, bill: str) -> None:
    await money.pay(bill, 45_000, "k1")
    await money.add(bill, "T-RIENG", 1, 5)
    await money.close(bill, "quên một chỉ định", role="cashier")
    account = await money.account(bill)
    assert account.due == 150_000 and account.settled_at is None and not accounts.is_released(account)
    done = await money.pay(bill, 150_000, "k2", method="transfer")
    assert done.receipt is not None and (await money.account(bill)).settled_at == done.receipt.at


async def test_cash_is_not_given_back_from_an_empty_drawer(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), **SELF)
    await money.shift(10_000)
    await money.deposit(visit, 50_000, "d1", method="transfer")
    with pytest.raises(errors.Conflict, match="không đủ") as refused:
        await money.refund(visit, 10_001, "r1")
    assert refused.value.issues[0].code == "drawer"
    await money.refund(visit, 10_000, "r2")
    assert (await money.refund(visit, 40_000, "r3", method="transfer")).due == 0
    assert await balance(money, "1121") == 10_000


async def test_numbers_have_no_gaps_where_others_were_refused(money: MoneyVisits, bill: str) -> None:
    outcomes = await asyncio.gather(
        *(money.pay(bill, amount, f"k{index}") for index, amount in enumerate([1_000, 90_000] * 6)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, errors.Conflict) for one in outcomes) == 6
    numbers = sorted(one.number.rpartition("-")[2] for one in await listed(money, bill))
    assert numbers == [f"{one:06}" for one in range(1, 7)]


async def test_the_dispensary_waits_for_statement_and_money_or_credit(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), **SELF)
    await money.shift()

    async def said(own: str) -> str:
        async with money.clinic.store.begin(money.clinic.actor("pharmacist")) as tx:
            try:
                await accounts.check_released(tx, own)
            except errors.Conflict as refused:
                assert refused.issues[0].code == "not-released"
                return refused.text
        return ""

    assert "chưa kết thúc" in await said("nobody")
    assert "Chưa chốt" in await said(visit)
    with pytest.raises(errors.Conflict, match="không cần cho nợ"):
        await money.run("cashier", lambda tx: credit(tx, visit, "hẹn mai trả"))
    await money.close(visit, role="cashier")
    assert "chưa thanh toán" in await said(visit)
    with pytest.raises(errors.Unprocessable, match="lý do cho nợ"):
        await money.run("cashier", lambda tx: credit(tx, visit, "  "))
    await money.run("cashier", lambda tx: credit(tx, visit, "hẹn mai trả"))
    account = await money.account(visit)
    assert await said(visit) == "" and account.credit_reason == "hẹn mai trả" and account.settled_at is None
    await money.pay(visit, 45_000, "k1")
    with pytest.raises(errors.Conflict, match="không cần cho nợ"):
        await money.run("cashier", lambda tx: credit(tx, visit, "lần nữa"))


async def credit(tx: Any, visit: str, reason: str) -> None:
    accounts.allow_credit(tx, visit, reason)


async def test_accounts_are_listed_by_what_is_to_be_done_with_them(money: MoneyVisits) -> None:
    await money.shift()
    waiting = await money.finished(("T-KHAM", 1))
    due = await money.finished(("T-KHAM", 1), **SELF)
    await money.close(due, role="cashier")
    owed = await money.finished(("T-KHAM", 1), ("T-DAT", 1), **SELF)
    total = (await money.close(owed, role="cashier")).patient_total
    await money.pay(owed, total, "k1")
    await money.give(money_visits.cause_of(owed, "T-DAT", 1), 0)
    await money.close(owed, "không lấy thuốc", role="cashier")

    async def found(**more: Any) -> list[str]:
        async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
            return [one.encounter_id for one in await accounts.listed(tx, **more)]

    assert await found() == [waiting, due, owed]
    assert await found(states=("finished",)) == [waiting] == await found(is_insured=True)
    assert await found(is_due=True) == [due] and await found(is_due=False) == [waiting, owed]
    assert await found(is_owed=True) == [owed] and await found(is_stale=True) == []
    account = await money.account(due)
    assert await found(text=account.bill_number[-6:].lower()) == [due] == await found(text=account.ma_lk.lower())
    assert await found(text=account.ma_lk, is_due=True) == [due] and await found(text=account.ma_lk, is_owed=True) == []
    assert await found(patient_ids=[account.patient_id]) == [due] and await found(patient_ids=[]) == []
    assert account.finished_at is not None
    assert len(await found(on=account.finished_at.astimezone(money.clinic.store.tenants[1].time_zone).date())) == 3
    assert await found(organization_id="nowhere") == [] and await found(limit=1) == [waiting]
