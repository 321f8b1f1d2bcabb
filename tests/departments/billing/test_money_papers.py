"""Receipts, slips, statements and invoices as PDF: what they say is what was closed and paid."""

from __future__ import annotations

import io
import unicodedata

import pypdf
import pytest

from lienmach.care.money import einvoices, receipts, sheets, statements
from lienmach.care.money.einvoice_message import Buyer
from tests.care.money_visits import MoneyVisits, cause_of
from tests.web.client import Browser

SELF = {"card": "", "category": "9"}


async def printed(browser: Browser, path: str) -> str:
    answer = await browser.client.get(path)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("inline")
    pdf = pypdf.PdfReader(io.BytesIO(answer.content))
    words = " ".join(page.extract_text() for page in pdf.pages).replace("\u200b", "")
    return " ".join(unicodedata.normalize("NFC", words).split())


async def test_receipt_deposit_and_refund_are_printed_with_their_amount_in_words(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-RIENG", 1), **SELF)
    await visits.shift()
    await visits.deposit(visit, 50_000, "d1")
    await visits.close(visit)
    await visits.pay(visit, 145_000, "p1")
    await visits.give(cause_of(visit, "T-RIENG", 1), 0)
    await visits.close(visit, reason="không làm")
    await visits.refund(visit, 150_000, "r1", reason="không làm dịch vụ")
    async with visits.clinic.store.begin(visits.clinic.actor("cashier")) as tx:
        kinds = {one.kind: one for one in await receipts.of_visit(tx, visit)}
    paid = await printed(cashier, f"/billing/receipts/{kinds['payment'].number}/pdf")
    assert "Biên lai thu tiền".upper() in paid and "145.000 đồng" in paid and kinds["payment"].number in paid
    assert "Một trăm bốn mươi lăm nghìn đồng" in paid and "Nguyễn Văn Ân" in paid
    assert "Còn phải trả sau lần này 0 đồng" in paid
    held = await printed(cashier, f"/billing/receipts/{kinds['deposit'].number}/pdf")
    assert "Năm mươi nghìn đồng" in held and "không phải hoá đơn" in held
    back = await printed(cashier, f"/billing/receipts/{kinds['refund'].number}/pdf")
    assert "Lý do: không làm dịch vụ" in back and "Người nhận tiền" in back and "Đã chi" in back
    await cashier.get(f"/billing/receipts/{kinds['payment'].number}")
    assert "Một trăm bốn mươi lăm nghìn đồng" in cashier.words()
    assert (await cashier.get("/billing/receipts/PT99-0")).status_code == 404


async def test_a_statement_prints_its_blocks_and_an_older_version_says_that_it_is_replaced(
    visits: MoneyVisits, cashier: Browser
) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1), ("T-THUOC", 10), ("T-RIENG", 1), card="GD4790000000001")
    first = await visits.close(visit)
    await visits.give(cause_of(visit, "T-THUOC", 2), 4)
    second = await visits.close(visit, reason="trả lại 6 viên")
    words = await printed(cashier, f"/billing/statements/{second.invoice_id}/pdf")
    assert second.number in words and "Lập lại lần 2" in words and f"thay bảng kê {first.number}" in words
    assert "Thẻ GD4790000000001 · mức hưởng 80 %" in words and "Người bệnh tự trả" in words
    assert "1. Khám bệnh" in words and "3. Xét nghiệm" in words and "8. Thuốc, dịch truyền" in words
    assert "Đã ký số" in words and f"{second.patient_total:,}".replace(",", ".") + " đồng" in words
    old = await printed(cashier, f"/billing/statements/{first.invoice_id}/pdf")
    assert "đã được thay" in old
    assert (await cashier.get("/billing/statements/none/pdf")).status_code == 404


async def test_the_sheet_of_a_statement_adds_up_to_its_totals(visits: MoneyVisits) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-XN", 3), ("T-RIENG", 1), card="DN4790000000001")
    closed = await visits.close(visit)
    async with visits.clinic.store.begin(visits.clinic.actor("cashier")) as tx:
        sheet = await sheets.cost_statement(tx, await statements.read(tx, closed.invoice_id))
    fund = sheet["sums"]["fund"].replace(".", "").replace(",", ".")
    assert float(fund) == float(closed.totals["T_BHTT"])
    lines = [one for block in sheet["blocks"] for section in block["sections"] for one in section["lines"]]
    assert [one["number"] for one in lines] == ["1", "2", "3"]
    assert [len(block["sections"]) for block in sheet["blocks"]] == [2, 1]
    assert sheet["visit"]["days"] == "1" and sheet["kind_code"] == "01"


@pytest.mark.parametrize("back", [0, 45_000])
async def test_an_invoice_and_what_adjusts_it_are_printed(visits: MoneyVisits, cashier: Browser, back: int) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-RIENG", 1), **SELF)
    await visits.shift()
    await visits.close(visit)
    await visits.pay(visit, 195_000, "p1")
    key = str(await visits.run("cashier", lambda tx: einvoices.request(tx, visit, Buyer("Công ty Mẫu"))))
    words = await printed(cashier, f"/billing/invoices/{key}/pdf")
    assert "Công ty Mẫu" in words and "Một trăm chín mươi lăm nghìn đồng" in words and "195.000 đồng" in words
    if back:
        await visits.give(cause_of(visit, "T-RIENG", 1), 0)
        await visits.close(visit, reason="không làm")
        await visits.refund(visit, 150_000, "r1")
        [other] = await visits.run("cashier", lambda tx: einvoices.adjust(tx, visit))
        words = await printed(cashier, f"/billing/invoices/{other}/pdf")
        assert "điều chỉnh giảm" in words and "Giảm một trăm năm mươi nghìn đồng" in words
