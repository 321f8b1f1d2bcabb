"""A request for payment: one number for one amount of one statement, on the facility's own account."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import catalogues
from lienmach.care.money import payment_requests
from lienmach.record.transaction import Transaction
from lienmach.standards import vietqr
from tests.care import bank_world
from tests.clinic import Clinic


async def test_a_request_holds_amount_account_and_number_of_the_bill(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 123_456)
    made = await bank_world.ask(clinic, visit)
    read = vietqr.read(made.payload)
    assert (read["bin"], read["account"], read["amount"]) == (bank_world.BIN, bank_world.ACCOUNT, 123_456)
    assert read["purpose"] == made.number == made.purpose
    assert re.fullmatch(r"LM[0-9]{6}[ACDEFGHJKMNPRTWXY]{6}", made.number)
    assert len(made.number) <= vietqr.PURPOSE_CHARACTERS_MAX
    assert made.holder == "TRUNG TAM Y TE LIEN MACH MAU"


async def test_the_same_amount_again_is_the_same_request(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    first = await bank_world.ask(clinic, visit)
    assert await bank_world.ask(clinic, visit) == first


async def test_ten_who_ask_at_once_get_one_number(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    made = await asyncio.gather(*(bank_world.ask(clinic, visit) for _ in range(10)))
    assert len({one.number for one in made}) == 1


async def test_another_amount_gets_a_new_number_and_the_old_one_is_replaced(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    first = await bank_world.ask(clinic, visit)
    second = await bank_world.ask(clinic, visit, amount=40_000)
    assert second.number != first.number
    assert (await bank_world.request(clinic, first.number)).state == "replaced"
    assert (await bank_world.request(clinic, second.number)).state == "open"


async def test_another_statement_gets_a_new_number_even_for_the_same_amount(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    first = await bank_world.ask(clinic, visit)
    await bank_world.bill(clinic, 100_000, encounter_id=visit)
    second = await bank_world.ask(clinic, visit)
    assert second.number != first.number
    assert not payment_requests.is_current(first, await bank_world.account(clinic, visit))
    assert payment_requests.is_current(second, await bank_world.account(clinic, visit))


async def test_bill_and_deposit_of_a_visit_have_a_request_each(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    bill = await bank_world.ask(clinic, visit)
    deposit = await bank_world.ask(clinic, visit, kind="deposit", amount=100_000)
    assert bill.number != deposit.number
    assert (await bank_world.request(clinic, bill.number)).state == "open"


async def test_a_deposit_may_be_asked_for_before_the_visit_ends(clinic: Clinic) -> None:
    visit = await bank_world.visit(clinic)
    assert (await bank_world.ask(clinic, visit, kind="deposit", amount=200_000)).amount == 200_000


@pytest.mark.parametrize("amount", [0, -1, 100_001, True, 5.0, "100"])
async def test_an_amount_that_does_not_fit_the_bill_is_refused(clinic: Clinic, amount: Any) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    with pytest.raises(errors.Invalid):
        await bank_world.ask(clinic, visit, amount=amount)


@pytest.mark.parametrize("amount", [None, 0, -1, 10_000_000_001, True, 5.0])
async def test_a_deposit_needs_an_amount_that_can_be(clinic: Clinic, amount: Any) -> None:
    visit = await bank_world.visit(clinic)
    with pytest.raises(errors.Invalid):
        await bank_world.ask(clinic, visit, kind="deposit", amount=amount)


async def test_where_nothing_is_due_there_is_no_code(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 0)
    with pytest.raises(errors.Conflict, match="không cần mã QR"):
        await bank_world.ask(clinic, visit)


async def test_before_the_statement_is_closed_there_is_no_code(clinic: Clinic) -> None:
    visit = await bank_world.visit(clinic)
    with pytest.raises(errors.Conflict, match="chưa chốt"):
        await bank_world.ask(clinic, visit)


async def test_without_an_account_of_the_facility_the_cashier_is_told_what_to_do(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)

    async def take_away(tx: Transaction) -> None:
        row = await catalogues.get(tx, "bank-account", "86991", on=catalogues.today(tx))
        assert row is not None
        catalogues.put(tx, [replace(row, valid_to=date(2020, 12, 31))])

    await clinic.store.run(bank_world.BANK, take_away)
    with pytest.raises(errors.Conflict, match="Tài khoản nhận tiền"):
        await bank_world.ask(clinic, visit)


async def test_an_account_that_no_code_can_hold_is_said_so(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)

    async def spoil(tx: Transaction) -> None:
        row = await catalogues.get(tx, "bank-account", "86991", on=catalogues.today(tx))
        assert row is not None
        catalogues.put(tx, [replace(row, data={**row.data, "account": "00-11 22"})])

    await clinic.store.run(bank_world.BANK, spoil)
    with pytest.raises(errors.Conflict, match="không đúng quy cách"):
        await bank_world.ask(clinic, visit)


@pytest.mark.parametrize(
    ("purpose", "numbers"),
    [
        ("LM261122ACDEFG", ["LM261122ACDEFG"]),
        ("lm261122acdefg", ["LM261122ACDEFG"]),
        ("LM 261122 ACD EFG", ["LM261122ACDEFG"]),
        ("MBCT.123456.LM261122ACDEFG.CT tu 0000123 NGUYEN VAN AN", ["LM261122ACDEFG"]),
        ("CT DEN:LM261122ACDEFGCHUYENTIEN", ["LM261122ACDEFG"]),
        ("XLMLM261122ACDEFG", ["LM261122ACDEFG"]),
        ("Viện phí LM261122ACDEFG", ["LM261122ACDEFG"]),
        ("LM261122ACDEFG LM261122ACDEFG", ["LM261122ACDEFG"]),
        ("LM261122ACDEFG LM261122ACDEFH", ["LM261122ACDEFG", "LM261122ACDEFH"]),
        ("LM261122ACDEF", []),
        ("LM26112ACDEFGH", []),
        ("LM261122ACDEFO", []),  # O is no letter of ours
        ("ＬＭ２６１１２２ＡＣＤＥＦＧ", []),
        ("LM٢٦١١٢٢ACDEFG", []),
        ("", []),
        ("💸" * 200, []),
    ],
)
def test_a_number_is_found_however_banks_left_the_purpose(purpose: str, numbers: list[str]) -> None:
    assert payment_requests.numbers_in(purpose) == numbers
