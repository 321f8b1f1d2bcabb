"""The bill as the person reads it: the fund's part and why, what came back, what was put down before."""

from __future__ import annotations

import html
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from lienmach.care import resources
from lienmach.departments.citizen import bill_lines
from lienmach.web import formats
from tests.care import money_visits
from tests.care.money_visits import MoneyVisits
from tests.departments.citizen.own_world import PHONE, OwnRecord


@pytest.fixture
async def money(own: OwnRecord) -> MoneyVisits:
    """Visits with a price list of their own."""
    return await money_visits.open_clinic(own.clinic)


async def words_of(own: OwnRecord, encounter_id: str) -> str:
    """What the person of a visit reads on its page; they get a phone first."""

    async def phone(tx: Any) -> None:
        encounter = await resources.read(tx, "Encounter", encounter_id)
        patient = await resources.follow(tx, encounter["subject"]["reference"])
        await resources.update(tx, {**patient, "telecom": [{"system": "phone", "value": PHONE}]})

    await own.clinic.store.run(own.clinic.actor("system"), phone)
    browser = own.browser()
    await own.sign_in(browser)
    await browser.get(f"/citizen/visits/{encounter_id}")
    return html.unescape(browser.words())


async def test_of_an_insured_visit_the_fund_pays_its_part_and_says_which(own: OwnRecord, money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-LON", 3), ("T-RIENG", 1))
    closed = await money.close(visit)
    words = await words_of(own, visit)
    assert closed.totals["T_BHTT"] > 0
    assert f"Quỹ BHYT trả (80 % phần BHYT chịu) {bill_lines.said(closed.totals['T_BHTT'])}" in words
    assert f"Phần của tôi {formats.money(closed.patient_total)}" in words
    assert "Không thuộc danh mục BHYT trả" in words and "Không có thẻ BHYT" not in words
    for line in closed.lines:
        mine = bill_lines.said(line.T_BNTT + line.T_BNCCT)
        assert f"BHYT trả {bill_lines.said(line.T_BHTT)}, tôi trả {mine}" in words


async def test_below_the_line_the_fund_pays_all_of_the_insured_part(own: OwnRecord, money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1))
    closed = await money.close(visit)
    words = await words_of(own, visit)
    assert closed.patient_total == 0
    assert "(100 % phần BHYT chịu)" in words and "Đã xong, không còn phải trả" in words
    assert "Lấy mã QR" not in words


async def test_money_that_comes_back_is_said_with_where_to_get_it(own: OwnRecord, money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-RIENG", 1), card="", category="9")
    closed = await money.close(visit, role="cashier")
    shift = await money.shift()
    await money.pay(visit, closed.patient_total, "k1", shift_id=shift)
    await money.cancel(money_visits.cause_of(visit, "T-RIENG", 1))
    again = await money.close(visit, "làm nhầm", role="cashier")
    words = await words_of(own, visit)
    back = formats.money(closed.patient_total - again.patient_total)
    assert f"Cơ sở trả lại tôi {back}" in words and "Mời đến quầy thu ngân để nhận lại tiền" in words
    await money.refund(visit, closed.patient_total - again.patient_total, "k2", shift_id=shift)
    words = await words_of(own, visit)
    assert "Hoàn lại · tiền mặt" in words and "Đã xong, không còn phải trả" in words


async def test_a_deposit_and_a_part_payment_are_receipts(own: OwnRecord, money: MoneyVisits) -> None:
    visit = await money.finished(("T-RIENG", 1), card="", category="9")
    shift = await money.shift()
    await money.deposit(visit, 50_000, "k1", shift_id=shift)
    closed = await money.close(visit, role="cashier")
    await money.pay(visit, 30_000, "k2", shift_id=shift)
    words = await words_of(own, visit)
    due = formats.money(closed.patient_total - 80_000)
    assert f"Còn phải trả {due}" in words
    assert "Tạm ứng · tiền mặt" in words and "Đã trả · tiền mặt" in words


def lines(*shares: tuple[str, str]) -> list[Any]:
    return [SimpleNamespace(MUC_HUONG=Decimal(share), why=why) for share, why in shares]


@pytest.mark.parametrize(
    "shares,said",
    [
        ([("80", ""), ("80.00", "")], "80"),
        ([("80", ""), ("0", "out-of-scope")], "80"),
        ([("80", ""), ("100", "")], ""),
        ([("0", "no-card")], ""),
        ([("47.5", "")], "47,5"),
        ([], ""),
    ],
)
def test_one_percentage_is_said_where_there_is_one(shares: list[tuple[str, str]], said: str) -> None:
    assert bill_lines.percent_of(lines(*shares)) == said
