"""A shift on screen: opened with its float, counted by notes, never closed with an unexplained difference; the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from lienmach.care.money import ledger
from lienmach.care.money.ledger import Posting
from lienmach.record.transaction import Transaction
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


async def test_a_director_closes_the_shift_of_a_cashier_who_went_home_and_the_slip_names_both(
    visits: MoneyVisits, cashier: Browser, browser_at: Callable[..., Browser]
) -> None:
    shift = await opened(cashier)
    director = browser_at()
    await director.sign_in("director")
    await director.get(f"/billing/shifts/{shift}")
    assert "cashier Thử" in director.words() and "quá một ngày" not in director.words()
    form = {"note-500000": "1", "reason": ""}
    assert (await director.post(f"/billing/shifts/{shift}", {**form, "step": "count"})).status_code == 200
    assert "Đếm được 500.000 ₫" in director.words()
    assert (await director.post(f"/billing/shifts/{shift}", {**form, "step": "close"})).status_code == 422
    assert "lý do chốt thay" in director.words() and field(director, "note-500000") == "1"
    assert (await cashier.post(f"/billing/shifts/{shift}", {**form, "step": "close"})).status_code == 403
    answer = await director.post(f"/billing/shifts/{shift}", {**form, "step": "close", "reason": "đã về"})
    assert answer.headers["location"] == f"/billing/shifts/{shift}"
    await director.get(f"/billing/shifts/{shift}")
    words = director.words()
    assert "cashier Thử" in words and "Người chốt thay director Thử" in words and "Lý do chốt thay đã về" in words
    assert 'name="step"' not in director.page
    await director.get("/billing/ledger")
    assert "cashier Thử (cashier)" in director.words() and "director Thử (director)" in director.words()
    await cashier.get("/billing/shifts")
    assert "director Thử chốt thay" in cashier.words() and field(cashier, "float") == ""


async def _open_since(tx: Transaction, shift: str, hours: int) -> None:
    """Let a shift have been opened so many hours ago."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update cash_shift set opened_at = $1 where tenant = $2 and shift_id = $3",
            tx.now - timedelta(hours=hours), tx.tenant.number, shift,
        )  # fmt: skip

    tx.also(write)


async def test_a_shift_left_open_for_more_than_a_day_is_shown_to_its_owner_and_the_director(
    visits: MoneyVisits, cashier: Browser, browser_at: Callable[..., Browser]
) -> None:
    director = browser_at()
    await director.sign_in("director")
    shift = await opened(cashier)
    for hours, shown in ((23, False), (25, True)):
        await visits.run("system", lambda tx, hours=hours: _open_since(tx, shift, hours))
        for browser, path in ((cashier, "/billing/shifts"), (cashier, "/billing/visits"), (director, "/billing/shifts"),
                              (director, f"/billing/shifts/{shift}")):  # fmt: skip
            await browser.get(path)
            assert ("quá một ngày" in browser.words()) is shown, path


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


async def test_the_ledger_writes_hundredths_as_people_do(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    await visits.close(visit)
    await cashier.get("/billing/ledger")
    found = re.findall(r"\b\d{1,3}(?:\.\d{3})*,\d\d ₫", cashier.words())
    assert found and not re.search(r"\d\.\d\d\b(?!\d)", cashier.words())


async def test_the_entries_of_a_day_come_a_hundred_a_page(visits: MoneyVisits, cashier: Browser) -> None:
    await visits.run("system", _book)
    await cashier.get("/billing/ledger")
    first = re.findall(r"bút toán số (\d+)\b", cashier.words())
    assert first == [str(one) for one in range(205, 105, -1)]
    assert "Mới nhất" not in cashier.words()
    for pages in ((105, 5), (5, 0)):
        found = re.search(r'href="(/billing/ledger\?day=[^"]*before=\d+)"', cashier.page)
        assert found
        await cashier.get(found[1].replace("&amp;", "&"))
        assert re.findall(r"bút toán số (\d+)\b", cashier.words()) == [str(one) for one in range(*pages, -1)]
        assert "Mới nhất" in cashier.words()
    assert "Cũ hơn" not in cashier.words()
    for nonsense in ("abc", "-1", "9" * 30):
        assert (await cashier.get(f"/billing/ledger?before={nonsense}")).status_code == 200


async def _book(tx: Transaction) -> None:
    for one in range(1, 206):
        amount = Decimal(one)
        ledger.post(tx, kind="shift-open", cause=f"test/{one}", note=f"bút toán số {one}",
                    postings=[Posting("1111", "test", amount), Posting("1112", "", -amount)])  # fmt: skip


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
