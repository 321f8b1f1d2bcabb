"""The bill of a visit: closed as it was shown, paid once, refused in words, and never a đồng out of nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lienmach.care.claims import storing
from lienmach.care.money import receipts
from lienmach.departments.billing import bill
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.rules.findings import Finding
from tests.care.money_visits import MoneyVisits, cause_of
from tests.clinic import PIN, Clinic
from tests.departments.billing.conftest import field
from tests.web.client import Browser

SELF = {"card": "", "category": "9"}
WORDS_195 = "Một trăm chín mươi lăm nghìn đồng"


async def to_pay(visits: MoneyVisits, *, shift: bool = True) -> str:
    """A closed self-pay visit of 195.000 đồng, a shift open."""
    visit = await visits.finished(("T-KHAM", 1), ("T-RIENG", 1), **SELF)
    await visits.close(visit, role="cashier")
    if shift:
        await visits.shift()
    return visit


async def pay(browser: Browser, visit: str, amount: str, **more: str) -> int:
    await browser.get(f"/billing/visits/{visit}")
    form = {"key": field(browser, "key"), "amount": amount, "given": "", **more}
    return (await browser.post(f"/billing/visits/{visit}/payments", form)).status_code


async def slips(visits: MoneyVisits, visit: str) -> list[receipts.Receipt]:
    async with visits.clinic.store.begin(visits.clinic.actor("cashier")) as tx:
        return await receipts.of_visit(tx, visit)


async def test_a_self_pay_visit_is_closed_paid_and_says_what_to_hand_back(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-RIENG", 1), **SELF)
    await visits.shift()
    await cashier.get(f"/billing/visits/{visit}")
    assert "195.000 ₫" in cashier.words() and "Chờ chốt bảng kê" in cashier.words() and WORDS_195 in cashier.words()
    answer = await cashier.post(f"/billing/visits/{visit}/statement", {"shown": field(cashier, "shown"), "pin": PIN})
    assert answer.status_code == 303, cashier.words()
    await cashier.get(answer.headers["location"])
    assert "Đã chốt và ký bảng kê" in cashier.words() and "Còn phải thu" in cashier.words()
    assert field(cashier, "amount", f"/billing/visits/{visit}/payments") == "195.000"
    paid = {"key": field(cashier, "key"), "amount": "195.000", "given": "200k"}
    answer = await cashier.post(f"/billing/visits/{visit}/payments", paid)
    assert answer.status_code == 303, cashier.words()
    await cashier.get(answer.headers["location"])
    assert "Đã thu tiền" in cashier.words() and "Trả lại khách 5.000 ₫" in cashier.words()
    account = await visits.account(visit)
    assert account.due == 0 and account.settled_at is not None


async def test_a_wrong_pin_closes_nothing(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await cashier.get(f"/billing/visits/{visit}")
    answer = await cashier.post(f"/billing/visits/{visit}/statement", {"shown": field(cashier, "shown"), "pin": "1"})
    assert answer.status_code == 422 and "PIN" in cashier.words()
    assert (await visits.account(visit)).state == "finished"


async def test_what_changed_since_it_was_shown_is_not_closed(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await cashier.get(f"/billing/visits/{visit}")
    shown = field(cashier, "shown")
    await visits.add(visit, "T-RIENG", 1, 7)
    answer = await cashier.post(f"/billing/visits/{visit}/statement", {"shown": shown, "pin": PIN})
    assert answer.status_code == 409 and "Chi phí đã đổi sau khi bạn xem" in cashier.words()
    assert (await visits.account(visit)).state == "finished"


async def find(visits: MoneyVisits, visit: str, level: str) -> None:
    """Let the rules have found something, as the job does."""
    text = "Y lệnh {ordered} muộn hơn kết quả {done}."
    found = Finding("TIM-07", "XML3", "NGAY_YL", 1, level, text, (("ordered", "10:00"), ("done", "09:00")), "doc")
    await visits.run("system", _keep(visit, found))


def _keep(visit: str, found: Finding) -> Callable[[Transaction], Awaitable[None]]:
    async def work(tx: Transaction) -> None:
        storing.keep_findings(tx, visit, [found])

    return work


async def test_an_insured_visit_whose_claim_has_an_error_is_closed_by_the_cashier_only_with_a_reason(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1))
    await find(visits, visit, "error")
    path = f"/billing/visits/{visit}"
    await cashier.get(path)
    words = cashier.words()
    assert "Hồ sơ BHYT còn 1 lỗi phải sửa" in words and "Y lệnh 10:00 muộn hơn kết quả 09:00" in words
    form = {"shown": field(cashier, "shown"), "pin": PIN, "reason": "  "}
    assert (await cashier.post(f"{path}/statement", form)).status_code == 422
    assert "để bàn BHYT chốt" in cashier.words() and (await visits.account(visit)).state == "finished"
    answer = await cashier.post(f"{path}/statement", {**form, "reason": "người bệnh phải về"})
    assert answer.status_code == 303
    await cashier.get(path)
    assert "Chốt khi hồ sơ BHYT còn lỗi; lý do: người bệnh phải về" in cashier.words()
    assert (await visits.account(visit)).state == "closed"


@pytest.mark.parametrize("level, more", [("warn", {}), ("error", SELF)])
async def test_a_warning_or_a_visit_that_claims_nothing_asks_for_no_reason(
    visits: MoneyVisits, cashier: Browser, level: str, more: dict[str, str]
) -> None:
    visit = await visits.finished(("T-KHAM", 1), **more)
    await find(visits, visit, level)
    path = f"/billing/visits/{visit}"
    await cashier.get(path)
    assert "lỗi phải sửa" not in cashier.words()
    answer = await cashier.post(f"{path}/statement", {"shown": field(cashier, "shown"), "pin": PIN, "reason": ""})
    assert answer.status_code == 303
    await cashier.get(path)
    assert "Chốt khi hồ sơ BHYT còn lỗi" not in cashier.words()


async def test_a_visit_with_only_a_deposit_shows_the_deposit_and_no_bill_of_nothing(
    visits: MoneyVisits, cashier: Browser
) -> None:
    await visits.shift()
    visit = await visits.clinic.visit(await visits.clinic.patient())
    await cashier.get(f"/billing/visits/{visit}")
    assert "Chưa phát sinh chi phí" in cashier.words() and "Không đồng" not in cashier.words()
    await visits.deposit(visit, 200_000, "d1")
    await cashier.get(f"/billing/visits/{visit}")
    words = cashier.words()
    assert "Tạm ứng đang giữ 200.000 ₫" in words and "Không đồng" not in words
    assert bill.standing_of(await visits.account(visit)) == "open"


async def test_the_reasons_of_a_bill_keep_the_hundredths(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-XN", 1))
    await cashier.get(f"/billing/visits/{visit}")
    assert "Trong phạm vi bảo hiểm 66.500,50 ₫" in cashier.words()


async def test_nothing_to_pay_has_no_code_no_receipt_and_says_so(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), card="HT2790000000001")
    await visits.close(visit)
    await visits.shift()
    await cashier.get(f"/billing/visits/{visit}")
    words = cashier.words()
    assert "Không phải trả gì: không thu tiền, không có biên lai" in words and "VietQR" not in words
    assert "/payments" not in cashier.page and "/receipts/" not in cashier.page
    assert await pay_raw(cashier, visit, "45.000") == 409
    assert await slips(visits, visit) == []


async def pay_raw(browser: Browser, visit: str, amount: str, key: str = "k1") -> int:
    form = {"key": key, "amount": amount, "given": ""}
    return (await browser.post(f"/billing/visits/{visit}/payments", form)).status_code


@pytest.mark.parametrize(
    "amount, said",
    [
        ("", "Hãy nhập số tiền"),
        ("0", "Số tiền phải lớn hơn 0"),
        ("-5000", "Số tiền phải lớn hơn 0"),
        ("một trăm", "Số tiền chưa đúng"),
        ("1,5", "không có phần lẻ"),
        ("195.001", "Chỉ còn phải thu 195.000"),
        ("99999999999999", "không quá 10 tỷ"),
        ("<b>1</b>", "Số tiền chưa đúng"),
    ],
)
async def test_an_amount_that_cannot_be_is_refused_in_words_and_kept_as_typed(
    visits: MoneyVisits, cashier: Browser, amount: str, said: str
) -> None:
    visit = await to_pay(visits)
    assert await pay(cashier, visit, amount) in (400, 409, 422)
    assert said in cashier.words()
    assert field(cashier, "amount", f"/billing/visits/{visit}/payments") == amount.replace("<", "&lt;").replace(
        ">", "&gt;"
    )
    assert (await visits.account(visit)).due == 195_000 and await slips(visits, visit) == []


async def test_less_handed_over_than_taken_is_refused(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await to_pay(visits)
    assert await pay(cashier, visit, "195.000", given="194.999") == 400
    assert "ít hơn số tiền thu" in cashier.words() and await slips(visits, visit) == []
    assert await pay(cashier, visit, "195.000", given="195.000") == 303


async def test_a_part_is_taken_and_the_rest_stays_due(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await to_pay(visits)
    assert await pay(cashier, visit, "95k") == 303
    await cashier.get(f"/billing/visits/{visit}")
    assert "100.000 ₫" in cashier.words() and "Chờ thu" in cashier.words()
    assert await pay(cashier, visit, "100.000") == 303
    assert [one.amount for one in await slips(visits, visit)] == [95_000, 100_000]


async def test_a_form_sent_twice_makes_one_receipt_and_both_answers_lead_to_it(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await to_pay(visits)
    await cashier.get(f"/billing/visits/{visit}")
    form = {"key": field(cashier, "key"), "amount": "50.000", "given": ""}
    answers = await asyncio.gather(*(cashier.post(f"/billing/visits/{visit}/payments", form) for _ in range(6)))
    assert {one.status_code for one in answers} == {303}
    assert len({one.headers["location"] for one in answers}) == 1
    [one] = await slips(visits, visit)
    assert one.number in answers[0].headers["location"] and (await visits.account(visit)).due == 145_000


async def test_of_two_cashiers_who_take_the_whole_bill_at_once_one_does(
    clinic: Clinic, visits: MoneyVisits, cashier: Browser, browser_at: Callable[..., Browser]
) -> None:
    visit = await to_pay(visits)
    again = browser_at("10.0.0.8")
    await again.sign_in("cashier")
    for one in (cashier, again):
        await one.get(f"/billing/visits/{visit}")
    codes = await asyncio.gather(
        pay_raw(cashier, visit, "195.000", "first"), pay_raw(again, visit, "195.000", "second")
    )
    assert sorted(codes) == [303, 409]
    assert len(await slips(visits, visit)) == 1 and (await visits.account(visit)).due == 0


async def test_cash_without_an_open_shift_is_refused_and_says_what_to_do(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await to_pay(visits, shift=False)
    await cashier.get(f"/billing/visits/{visit}")
    assert "Bạn chưa mở ca" in cashier.words() and 'action="/billing/visits/' + visit + '/payments"' not in cashier.page
    assert await pay_raw(cashier, visit, "1.000") == 409 and "Hãy mở ca" in cashier.words()
    assert await slips(visits, visit) == []


async def test_a_form_without_its_key_moves_no_money(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await to_pay(visits)
    await cashier.get(f"/billing/visits/{visit}")
    assert await pay_raw(cashier, visit, "1.000", "") == 400 and "đã cũ" in cashier.words()


async def test_credit_needs_a_reason_and_lets_the_dispensary_give_out(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await to_pay(visits)
    await cashier.get(f"/billing/visits/{visit}")
    assert (await cashier.post(f"/billing/visits/{visit}/credit", {"reason": " "})).status_code == 422
    answer = await cashier.post(f"/billing/visits/{visit}/credit", {"reason": "người nhà mang tiền đến chiều nay"})
    assert answer.status_code == 303
    await cashier.get(answer.headers["location"])
    assert "Cho nợ: người nhà mang tiền đến chiều nay" in cashier.words()
    account = await visits.account(visit)
    assert account.credit_reason and account.due == 195_000


async def test_what_changed_after_closing_is_said_line_by_line_and_closed_again_with_a_reason(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-THUOC", 10), **SELF)
    await visits.close(visit, role="cashier")
    await visits.shift()
    await pay(cashier, visit, "50.173")
    await visits.give(cause_of(visit, "T-THUOC", 1), 4)
    await cashier.get(f"/billing/visits/{visit}")
    words = cashier.words()
    assert "Cần lập lại" in words and "Sửa: Mục T-THUOC" in words and "10 Viên" in words and "4 Viên" in words
    shown = field(cashier, "shown")
    answer = await cashier.post(f"/billing/visits/{visit}/statement", {"shown": shown, "pin": PIN, "reason": ""})
    assert answer.status_code == 422 and "lý do chốt lại" in cashier.words()
    form = {"shown": shown, "pin": PIN, "reason": "trả lại 6 viên"}
    assert (await cashier.post(f"/billing/visits/{visit}/statement", form)).status_code == 303
    await cashier.get(f"/billing/visits/{visit}")
    assert "Phải hoàn người bệnh" in cashier.words() and "lần 2" in cashier.words()
    assert (await visits.account(visit)).due == 47_069 - 50_173


async def test_a_refund_is_never_more_than_is_owed_and_needs_a_reason(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await to_pay(visits)
    await pay(cashier, visit, "195.000")
    await visits.give(cause_of(visit, "T-RIENG", 1), 0)
    await visits.close(visit, reason="không làm dịch vụ", role="cashier")
    await cashier.get(f"/billing/visits/{visit}")
    assert field(cashier, "amount", f"/billing/visits/{visit}/refunds") == "150.000"
    key = field(cashier, "key", f"/billing/visits/{visit}/refunds")

    async def refund(amount: str, reason: str, method: str = "cash") -> int:
        form = {"key": key, "amount": amount, "reason": reason, "method": method}
        return (await cashier.post(f"/billing/visits/{visit}/refunds", form)).status_code

    assert await refund("150.001", "trả thừa") == 409 and "Chỉ còn 150.000" in cashier.words()
    assert await refund("150.000", " ") == 422 and "lý do hoàn tiền" in cashier.words()
    assert await refund("150.000", "trả thừa", "séc") == 400
    assert await refund("150.000", "trả thừa") == 303
    account = await visits.account(visit)
    assert account.due == 0 and (await slips(visits, visit))[-1].note == "trả thừa"


async def test_a_deposit_that_nothing_used_is_offered_for_refund(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.shift()
    await cashier.get(f"/billing/visits/{visit}")
    form = {"key": field(cashier, "key"), "amount": "100k"}
    assert (await cashier.post(f"/billing/visits/{visit}/deposits", form)).status_code == 303
    await visits.close(visit, role="cashier")
    await cashier.get(f"/billing/visits/{visit}")
    assert "Phải hoàn người bệnh" in cashier.words()
    assert field(cashier, "amount", f"/billing/visits/{visit}/refunds") == "55.000"
    await cashier.get("/billing/visits?view=refund")
    assert "hoàn 55.000 ₫" in cashier.words()


async def test_an_insured_bill_says_why_the_fund_pays_what_it_pays(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1), ("T-RIENG", 1), card="GD4790000000001")
    await visits.close(visit)
    await cashier.get(f"/billing/visits/{visit}")
    words = cashier.words()
    assert "Quỹ trả 80 % phần trong phạm vi: mức hưởng 80 % × tỷ lệ theo đối tượng 100 %" in words
    assert "từ mốc 15 % lương cơ sở" in words and "ngoài phạm vi bảo hiểm" in words
    assert "1. Khám bệnh" in words and "3. Xét nghiệm" in words
    below = await visits.finished(("T-KHAM", 1), card="GD4790000000002")
    await visits.close(below)
    await cashier.get(f"/billing/visits/{below}")
    assert "dưới mốc 15 % lương cơ sở" in cashier.words()


async def test_a_cancelled_or_unknown_visit_has_no_bill(cashier: Browser) -> None:
    assert (await cashier.get("/billing/visits/no-such-visit")).status_code == 404
    assert (await cashier.get("/billing/visits/" + "x" * 80)).status_code == 404


async def test_who_only_reads_sees_no_form_that_moves_money(
    visits: MoneyVisits, browser_at: Callable[..., Browser]
) -> None:
    visit = await to_pay(visits)
    director = browser_at()
    await director.sign_in("director")
    assert (await director.get(f"/billing/visits/{visit}")).status_code == 200
    assert "195.000 ₫" in director.words()
    assert f"/billing/visits/{visit}/" not in director.page.replace(f"/billing/visits/{visit}/requests?stamp", "")
    assert await pay_raw(director, visit, "1.000") == 403
    for role in ("reception", "doctor"):
        browser = browser_at()
        await browser.sign_in(role)
        assert (await browser.get(f"/billing/visits/{visit}")).status_code == 403
