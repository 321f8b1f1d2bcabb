"""A cashier's shift opens with change, is counted at the end, and always balances when it is closed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care.money import ledger, payments, receipts, shifts
from lienmach.care.money.shifts import Shift
from tests.care import money_visits
from tests.care.money_visits import MoneyVisits
from tests.clinic import Clinic


@pytest.fixture
async def money(clinic: Clinic) -> MoneyVisits:
    """A clinic with a small price list."""
    return await money_visits.open_clinic(clinic)


async def close(money: MoneyVisits, shift_id: str, counted: Any, reason: str = "", role: str = "cashier") -> Shift:
    found: Shift = await money.run(role, lambda tx: shifts.close(tx, shift_id, counted, reason))
    return found


async def trial(money: MoneyVisits) -> dict[str, Decimal]:
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        return await ledger.trial(tx)


async def expected(money: MoneyVisits, shift_id: str) -> int:
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        return await shifts.expected(tx, shift_id)


async def taken(money: MoneyVisits, amount: int, key: str) -> str:
    """A deposit in cash of a new visit."""
    visit = await money.finished(("T-KHAM", 1))
    await money.deposit(visit, amount, key)
    return visit


async def test_a_shift_that_agrees_is_closed_without_a_reason_and_its_cash_goes_to_the_vault(
    money: MoneyVisits,
) -> None:
    shift = await money.shift(200_000)
    visit = await taken(money, 70_000, "d1")
    await money.refund(visit, 20_000, "r1")
    assert await expected(money, shift) == 250_000
    closed = await close(money, shift, 250_000)
    assert (closed.expected, closed.counted, closed.difference, closed.reason) == (250_000, 250_000, 0, "")
    assert closed.closed_at is not None
    found = await trial(money)
    assert found["1111"] == 0 and found["1112"] == 50_000 and "7112" not in found
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        assert await shifts.current(tx) is None and await shifts.read(tx, shift) == closed
        assert await shifts.listed(tx, is_open=False) == [closed] and await shifts.listed(tx, is_open=True) == []


@pytest.mark.parametrize("counted", [249_999, 250_001, 0])
async def test_a_difference_needs_a_reason_and_is_booked(money: MoneyVisits, counted: int) -> None:
    shift = await money.shift(250_000)
    with pytest.raises(errors.Unprocessable, match=r"250\.000 đ") as refused:
        await close(money, shift, counted, " ?")
    assert refused.value.issues[0].code == "difference"
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        still = await shifts.current(tx)
        assert still is not None and still.shift_id == shift
    closed = await close(money, shift, counted, "thối nhầm tiền")
    found = await trial(money)
    assert closed.difference == counted - 250_000 == -found["7112"] == found["1112"]
    assert found["1111"] == 0 and sum(found.values()) == 0


async def test_one_has_one_open_shift_and_closes_it_once(money: MoneyVisits) -> None:
    opened = await asyncio.gather(
        *(money.run("cashier", lambda tx: shifts.open_shift(tx, 1_000)) for _ in range(3)), return_exceptions=True
    )
    [shift] = [one for one in opened if isinstance(one, Shift)]
    assert all("chưa chốt" in str(one) for one in opened if not isinstance(one, Shift))
    with pytest.raises(errors.Conflict, match="của người khác"):
        await close(money, shift.shift_id, 1_000, role="insurance")
    both = await asyncio.gather(*(close(money, shift.shift_id, 1_000) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(one, Shift) for one in both) == 1
    with pytest.raises(errors.NotFound):
        await close(money, "nobody's", 0)
    assert await money.shift() != shift.shift_id


@pytest.mark.parametrize("amount", [-1, 1.5, True, shifts.AMOUNT_MAX + 1, None])
async def test_an_amount_that_cannot_be_is_refused(money: MoneyVisits, amount: Any) -> None:
    with pytest.raises(errors.Unprocessable, match="số đồng nguyên"):
        await money.run("cashier", lambda tx: shifts.open_shift(tx, amount))
    shift = await money.shift(0)
    with pytest.raises(errors.Unprocessable, match="số đồng nguyên"):
        await close(money, shift, amount, "lý do")


async def test_money_that_comes_while_it_is_counted_is_in_it_or_refused(money: MoneyVisits) -> None:
    for turn in range(4):
        shift = await money.shift(0)
        visit = await money.finished(("T-KHAM", 1))
        closing, paid = await asyncio.gather(
            close(money, shift, 0), money.deposit(visit, 5_000, f"d{turn}", shift_id=shift), return_exceptions=True
        )
        if isinstance(paid, payments.Done):
            assert isinstance(closing, errors.Unprocessable) and await expected(money, shift) == 5_000
            await close(money, shift, 5_000)
        else:
            assert isinstance(closing, Shift) and isinstance(paid, errors.Conflict)
        assert await expected(money, shift) == 0


async def test_no_cash_moves_in_a_closed_shift(money: MoneyVisits) -> None:
    shift = await money.shift(0)
    visit = await taken(money, 5_000, "d1")
    await close(money, shift, 5_000)
    for move in (money.deposit(visit, 1, "d2", shift_id=shift), money.refund(visit, 1, "r1", shift_id=shift)):
        with pytest.raises(errors.Conflict, match="đã chốt"):
            await move


async def close_for(money: MoneyVisits, shift_id: str, counted: int, reason: str, role: str = "director") -> Shift:
    found: Shift = await money.run(role, lambda tx: shifts.close_for(tx, shift_id, counted, reason))
    return found


async def test_a_shift_that_was_left_open_is_closed_by_another_and_the_entry_names_both(money: MoneyVisits) -> None:
    shift = await money.shift(200_000)
    await taken(money, 70_000, "d1")
    closed = await close_for(money, shift, 269_000, " đã về,  không chốt ")
    owner, other = money.clinic.actor("cashier"), money.clinic.actor("director")
    assert (closed.login, closed.closed_by) == (owner.user, other.user) and closed.is_closed_for
    assert (closed.expected, closed.counted, closed.difference) == (270_000, 269_000, -1_000)
    assert closed.reason == "đã về, không chốt"
    async with money.clinic.store.begin(other) as tx:
        [entry] = [one for one in await ledger.entries(tx) if one.kind == "shift-close"]
        assert await shifts.read(tx, shift) == closed and await shifts.open_now(tx) == []
    assert entry.by == other.user and owner.user in entry.note and other.user in entry.note
    assert entry.note.endswith("đã về, không chốt")
    found = await trial(money)
    assert found["1111"] == 0 and found["7112"] == 1_000 and sum(found.values()) == 0


async def test_closing_for_another_asks_for_a_reason_even_where_the_count_agrees(money: MoneyVisits) -> None:
    shift = await money.shift(1_000)
    with pytest.raises(errors.Unprocessable, match="lý do chốt thay"):
        await close_for(money, shift, 1_000, " a ")
    assert await expected(money, shift) == 1_000
    assert (await close_for(money, shift, 1_000, "nghỉ")).difference == 0


async def test_nobody_closes_the_own_shift_as_anothers_and_a_closed_one_stays_as_it_is(money: MoneyVisits) -> None:
    shift = await money.shift(1_000)
    with pytest.raises(errors.Conflict, match="của chính bạn"):
        await close_for(money, shift, 1_000, "lý do", role="cashier")
    closed = await close(money, shift, 1_000)
    assert closed.closed_by == closed.login and not closed.is_closed_for
    with pytest.raises(errors.Conflict, match="đã chốt"):
        await close_for(money, shift, 0, "lý do")


async def test_a_shift_counts_as_forgotten_after_a_day_and_not_before(money: MoneyVisits) -> None:
    shift_id = await money.shift(0)
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        [shift] = await shifts.open_now(tx)
    assert shift.shift_id == shift_id
    assert not shift.is_forgotten(shift.opened_at + timedelta(days=1))
    assert shift.is_forgotten(shift.opened_at + timedelta(days=1, seconds=1))
    await close(money, shift_id, 0)
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        assert not (await shifts.read(tx, shift_id)).is_forgotten(shift.opened_at + timedelta(days=2))


async def test_the_sums_of_a_shift_count_receipts_that_no_page_shows(money: MoneyVisits) -> None:
    shift = await money.shift(0)
    for index in range(3):
        await taken(money, 10_000, f"d{index}")
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        assert len(await receipts.listed(tx, shift_id=shift, limit=2)) == 2
        assert await receipts.sums_of_shift(tx, shift) == (3, {"payment": 0, "deposit": 30_000, "refund": 0})
        assert await receipts.sums_of_shift(tx, "another") == (0, {"payment": 0, "deposit": 0, "refund": 0})
