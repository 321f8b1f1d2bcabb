"""The desk: who waits, found by what is in hand, each in its state; and the code that turns to "received" by itself."""

from __future__ import annotations

from typing import Any

from lienmach.care import resources
from lienmach.care.money import transfers
from tests.care import bank_world
from tests.care.money_visits import MoneyVisits
from tests.departments.billing.conftest import field
from tests.web.client import Browser

SELF = {"card": "", "category": "9"}


def row(browser: Browser, visit: str) -> str:
    """What the desk says of a visit, "" if it is not shown."""
    part = browser.page.partition(f'id="bill-{visit}"')[2].partition("</li>")[0]
    return " ".join(part.split())


async def test_each_visit_stands_on_the_desk_in_its_state(visits: MoneyVisits, cashier: Browser) -> None:
    waiting = await visits.finished(("T-KHAM", 1))
    due = await visits.finished(("T-KHAM", 1), **SELF)
    free = await visits.finished(("T-KHAM", 1), card="HT2790000000001")
    for one in (due, free):
        await visits.close(one)
    await cashier.get("/billing/visits")
    assert "Chờ chốt bảng kê" in row(cashier, waiting) and "BHYT" in row(cashier, waiting)
    assert "Chờ thu" in row(cashier, due) and "45.000 ₫" in row(cashier, due) and "Tự trả" in row(cashier, due)
    assert row(cashier, free) == ""
    assert cashier.page.index(f"bill-{waiting}") < cashier.page.index(f"bill-{due}"), "the oldest stands first"
    await cashier.get("/billing/visits?view=paid")
    assert "Không phải trả" in row(cashier, free) and row(cashier, due) == ""
    assert "Bạn chưa mở ca" in cashier.words()
    await visits.shift()
    fragment = await cashier.get("/billing/visits?view=pay", headers={"HX-Request": "true"})
    assert "<html" not in fragment.text and row(cashier, due) and not row(cashier, waiting)
    await cashier.get("/billing/visits")
    assert "Tiền trong két 500.000 ₫" in cashier.words()


async def test_an_empty_desk_says_what_will_come(cashier: Browser) -> None:
    await cashier.get("/billing/visits")
    assert "Không ai đang chờ" in cashier.words()
    await cashier.get("/billing/visits?view=<script>")
    assert "Không ai đang chờ" in cashier.words() and "<script>" not in cashier.page


async def test_a_bill_is_found_by_number_visit_and_name_and_no_name_stands_in_an_address(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    account = await visits.account(visit)
    await cashier.get("/billing/visits")
    for text in (account.bill_number, account.ma_lk.lower(), "nguyen van an", "an 1958"):
        answer = await cashier.post("/billing/visits", {"text": text, "raw": ""})
        assert answer.status_code == 303 and answer.headers["location"] == f"/billing/visits/{visit}", text
    other = await visits.finished(("T-KHAM", 1), **SELF)
    answer = await cashier.post("/billing/visits", {"text": "nguyen van an", "raw": ""})
    assert answer.status_code == 200 and row(cashier, visit) and row(cashier, other)
    assert "hx-get" not in cashier.page.partition('id="desk"')[2].partition(">")[0]
    answer = await cashier.post("/billing/visits", {"text": "khong ai ca", "raw": ""})
    assert "Không thấy hoá đơn nào" in cashier.words() and 'value="khong ai ca"' in cashier.page
    assert (await cashier.post("/billing/visits", {"text": "x" * 5000, "raw": "'; drop table x"})).status_code == 200


async def test_a_code_is_shown_with_its_number_and_turns_to_received_by_itself(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    await cashier.get(f"/billing/visits/{visit}")
    answer = await cashier.post(f"/billing/visits/{visit}/requests", {"kind": "bill", "amount": ""})
    assert answer.status_code == 303
    await cashier.get(f"/billing/visits/{visit}")
    asked = await bank_world.ask(visits.clinic, visit)
    assert "<svg" in cashier.page and asked.number in cashier.words() and "45.000 ₫" in cashier.words()
    path = cashier.page.partition(f'hx-get="/billing/visits/{visit}/requests')[2].partition('"')[0]
    address, htmx = f"/billing/visits/{visit}/requests{path}", {"HX-Request": "true"}
    assert "every 1s" in cashier.page
    assert (await cashier.client.get(address, headers=htmx)).status_code == 204
    await bank_world.tell(visits.clinic, bank_world.notice(asked))
    told = await cashier.client.get(address, headers=htmx)
    target = told.headers["HX-Redirect"]
    await cashier.get(target)
    assert "Đã nhận tiền chuyển khoản" in cashier.words() and "In biên lai" in cashier.words()
    assert "Còn phải trả 0 ₫" in cashier.words() and "<svg" not in cashier.page.partition('id="pay"')[2]
    assert (await cashier.client.get(address)).headers["location"] == target  # without a script, the link says it too


async def test_a_code_for_a_part_and_one_for_more_than_is_due(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    await cashier.get(f"/billing/visits/{visit}")
    answer = await cashier.post(f"/billing/visits/{visit}/requests", {"kind": "bill", "amount": "45.001"})
    assert answer.status_code == 400 and "không quá số còn phải trả" in cashier.words()
    assert field(cashier, "amount", f"/billing/visits/{visit}/requests") == "45.001"
    answer = await cashier.post(f"/billing/visits/{visit}/requests", {"kind": "bill", "amount": "20k"})
    assert answer.status_code == 303
    await cashier.get(f"/billing/visits/{visit}")
    assert "20.000 ₫" in cashier.words()


async def test_when_another_desk_changes_the_bill_the_page_asks_to_load_again(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    await cashier.get(f"/billing/visits/{visit}")
    path = cashier.page.partition(f'hx-get="/billing/visits/{visit}/requests')[2].partition('"')[0]
    await visits.shift()
    await visits.pay(visit, 20_000, "elsewhere")
    answer = await cashier.client.get(f"/billing/visits/{visit}/requests{path}", headers={"HX-Request": "true"})
    assert "Hoá đơn vừa có thay đổi" in answer.text


async def test_a_deposit_is_taken_for_a_running_visit_found_by_name(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.clinic.visit(await visits.clinic.patient())
    await visits.shift()
    await cashier.get("/billing/deposits")
    answer = await cashier.post("/billing/deposits", {"text": "nguyen van an", "raw": ""})
    assert answer.headers["location"] == f"/billing/visits/{visit}#deposit"
    await cashier.get(f"/billing/visits/{visit}")
    form = {"key": field(cashier, "key"), "amount": "200k"}
    answer = await cashier.post(f"/billing/visits/{visit}/deposits", form)
    await cashier.get(answer.headers["location"])
    assert "Đã nhận tạm ứng" in cashier.words() and "Tạm ứng đang giữ 200.000 ₫" in cashier.words()
    await cashier.get("/billing/deposits")
    assert "200.000 ₫" in cashier.words()
    assert (await cashier.post("/billing/deposits", {"text": "khong ai ca", "raw": ""})).status_code == 200
    assert "không có lượt khám đang chạy" in cashier.words()


async def _named(visits: MoneyVisits, visit: str, name: str) -> None:
    async def work(tx: Any) -> None:
        account = await visits.account(visit)
        patient = await resources.read(tx, "Patient", account.patient_id)
        await resources.update(tx, {**patient, "name": [{"text": name}]})

    await visits.run("system", work)


async def test_unmatched_money_names_the_bills_it_may_be_for_and_is_assigned_or_sent_back(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    await _named(visits, visit, "Lê Thị Mẫu Hồng")
    for purpose in ("LE THI MAU HONG tra tien kham", "khong ro"):
        await bank_world.tell(visits.clinic, bank_world.notice(None, amount=45_000, purpose=purpose))
    lost = bank_world.notice(None, amount=9_000, purpose="nham")
    await bank_world.tell(visits.clinic, lost)
    first, _, _ = await bank_world.tray(visits.clinic)
    await cashier.get("/billing/transfers")
    words = cashier.words()
    assert "Lê Thị Mẫu Hồng · 45.000 ₫" in words and "họ tên" in words and "số tiền" in words
    path = f"/billing/transfers/{first.transfer_id}"
    assert (await cashier.post(path, {"step": "bill", "text": "không có"})).status_code == 400
    assert "Không có hoá đơn nào như vậy" in cashier.words() and 'value="không có"' in cashier.page
    answer = await cashier.post(path, {"step": "bill", "visit": visit})
    assert answer.status_code == 303 and (await visits.account(visit)).due == 0
    assert (await cashier.post(path, {"step": "bill", "visit": visit})).status_code == 409
    back = f"/billing/transfers/{lost.transfer_id}"
    assert (await cashier.post(back, {"step": "return", "reason": " "})).status_code == 400
    assert (await cashier.post(back, {"step": "return", "reason": "chuyển nhầm"})).status_code == 303
    await cashier.get("/billing/transfers?done=returned")
    assert "Đã trả lại" in cashier.words() and "chuyển nhầm" in cashier.words()
    assert (await cashier.post(back, {"step": "keep"})).status_code == 400
    async with visits.clinic.store.begin(visits.clinic.actor("cashier")) as tx:
        assert [one.state for one in await transfers.recent(tx)].count("unmatched") == 1
    await bank_world.books(visits.clinic)


async def test_an_invoice_is_asked_for_only_when_all_is_paid(visits: MoneyVisits, cashier: Browser) -> None:
    visit = await visits.finished(("T-KHAM", 1), **SELF)
    await visits.close(visit)
    await visits.shift()
    await cashier.get(f"/billing/visits/{visit}")
    assert "Thu đủ rồi mới lập được hoá đơn" in cashier.words()
    buyer = {"name": "Công ty Mẫu", "tax_code": "0312345678", "address": "", "email": ""}
    assert (await cashier.post(f"/billing/visits/{visit}/invoices", buyer)).status_code in (400, 409)
    await visits.pay(visit, 45_000, "p1")
    assert (await cashier.post(f"/billing/visits/{visit}/invoices", buyer)).status_code == 400
    assert "cần địa chỉ" in cashier.words() and 'value="Công ty Mẫu"' in cashier.page
    full = {**buyer, "address": "Số 1 đường Mẫu"}
    assert (await cashier.post(f"/billing/visits/{visit}/invoices", full)).status_code == 303
    await cashier.get(f"/billing/visits/{visit}")
    assert "Đang chờ gửi" in cashier.words() and "không huỷ được" in cashier.words()
    link = "/billing/invoices/" + cashier.page.partition("/billing/invoices/")[2].partition('"')[0]
    pdf = await cashier.client.get(link)
    assert pdf.headers["content-type"] == "application/pdf" and pdf.content.startswith(b"%PDF")
