"""A shift on screen: opened with its float, counted by notes, never closed with an unexplained difference; the ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.care.money_visits import MoneyVisits
from tests.departments.billing.conftest import field
from tests.web.client import Browser

SELF = {"card": "", "category": "9"}


async def opened(cashier: Browser, amount: str = "500.000") -> str:
    await cashier.get("/billing/shifts")
    answer = await cashier.post("/billing/shifts", {"step": "open", "float": amount})
    assert answer.status_code == 303, cashier.words()
    await cashier.get("/billing/shifts")
    return field(cashier, "shift")


@pytest.mark.parametrize("amount", ["", "-1", "abc", "1,5", "99.999.999.999"])
async def test_a_float_that_cannot_be_opens_nothing(cashier: Browser, amount: str) -> None:
    await cashier.get("/billing/shifts")
    assert (await cashier.post("/billing/shifts", {"step": "open", "float": amount})).status_code in (400, 422)
    assert field(cashier, "float") == amount and "Đã mở ca" not in cashier.words()


async def test_a_shift_is_counted_by_notes_and_closed_when_it_balances(visits: MoneyVisits, cashier: Browser) -> None:
    shift = await opened(cashier)
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    await visits.pay(visit, 45_000, "p1")
    await cashier.get("/billing/shifts")
    assert "Phải có trong két 545.000 ₫" in cashier.words()
    form = {"shift": shift, "note-500000": "1", "note-20000": "2", "other": "5.000", "reason": ""}
    assert (await cashier.post("/billing/shifts", {**form, "step": "count"})).status_code == 200
    assert "Đếm được 545.000 ₫" in cashier.words() and "Chênh lệch 0 ₫" in cashier.words()
    answer = await cashier.post("/billing/shifts", {**form, "step": "close"})
    assert answer.headers["location"] == f"/billing/shifts/{shift}"
    await cashier.get(f"/billing/shifts/{shift}")
    words = cashier.words()
    assert "Đếm được, bàn giao 545.000 ₫" in words and "0 ₫ ✓" in words and "Thu tiền mặt 45.000 ₫" in words


async def test_a_difference_is_refused_without_a_reason_and_keeps_the_count(cashier: Browser) -> None:
    shift = await opened(cashier)
    form = {"step": "close", "shift": shift, "note-500000": "", "note-100000": "4", "other": "", "reason": ""}
    assert (await cashier.post("/billing/shifts", form)).status_code == 422
    assert "hãy đếm lại" in cashier.words().lower() and field(cashier, "note-100000") == "4"
    answer = await cashier.post("/billing/shifts", {**form, "reason": "thối nhầm một tờ"})
    await cashier.get(answer.headers["location"])
    assert "-100.000 ₫" in cashier.words() and "thối nhầm một tờ" in cashier.words()


@pytest.mark.parametrize("count", ["-1", "1,5", "mười", "9999999"])
async def test_a_count_that_cannot_be_closes_nothing(cashier: Browser, count: str) -> None:
    shift = await opened(cashier)
    form = {"step": "close", "shift": shift, "note-500000": count, "reason": "thử"}
    assert (await cashier.post("/billing/shifts", form)).status_code == 400
    await cashier.get("/billing/shifts")
    assert field(cashier, "shift") == shift


async def test_nobody_closes_another_persons_shift(visits: MoneyVisits, cashier: Browser) -> None:
    await opened(cashier)
    form = {"step": "close", "shift": "someone-elses", "note-500000": "1", "reason": ""}
    assert (await cashier.post("/billing/shifts", form)).status_code == 409
    assert "không phải ca đang mở của bạn" in cashier.words()


async def test_a_second_shift_is_not_opened_and_a_director_only_reads(
    cashier: Browser, browser_at: Callable[..., Browser]
) -> None:
    shift = await opened(cashier, "0")
    assert (await cashier.post("/billing/shifts", {"step": "open", "float": "1.000"})).status_code == 409
    director = browser_at()
    await director.sign_in("director")
    await director.get("/billing/shifts")
    assert f"/billing/shifts/{shift}" in director.page and 'name="step"' not in director.page
    assert (await director.post("/billing/shifts", {"step": "open", "float": "1.000"})).status_code == 403
    assert (await director.get(f"/billing/shifts/{shift}")).status_code == 200
    assert (await director.get("/billing/shifts/unknown")).status_code == 404


async def test_the_ledger_balances_and_each_entry_opens_its_visit(visits: MoneyVisits, cashier: Browser) -> None:
    await visits.shift()
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    await visits.close(visit)
    await cashier.get("/billing/ledger")
    words = cashier.words()
    assert "✓ Cân" in words and "Chốt bảng kê" in words and "Phải thu quỹ BHYT" in words
    assert f'href="/billing/visits/{visit}"' in cashier.page
    await cashier.get("/billing/ledger?day=01/02/2020")
    assert "Ngày này chưa có bút toán" in cashier.words()
    await cashier.get("/billing/ledger?day=hôm qua")
    assert "Ngày chưa đúng" in cashier.words() and 'value="hôm qua"' in cashier.page


async def test_the_csv_of_a_day_adds_up_and_names_nobody(visits: MoneyVisits, cashier: Browser) -> None:
    await visits.shift()
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    await visits.pay(visit, 45_000, "p1")
    answer = await cashier.client.get("/billing/ledger/export")
    assert answer.headers["content-type"].startswith("text/csv")
    head, *lines = [one.split(",") for one in answer.text.lstrip("\ufeff").splitlines()]
    debit, credit = head.index("debit"), head.index("credit")
    assert sum(float(one[debit] or 0) for one in lines) == sum(float(one[credit] or 0) for one in lines) > 0
    assert "Nguyễn" not in answer.text and visit in answer.text
