"""Papers of money as they leave the printer: the largest amounts, the most lines, nothing out of its column."""

from __future__ import annotations

import io
from typing import Any

import pypdf
import pytest

from lienmach.care import paper, paper_templates
from tests.care.test_paper import ADDRESS_200, MM, NAME_60, sample, text_of

LARGEST = "999.999.999.999"
LARGEST_PARTS = "999.999.999.999,99"
WORDS = (
    "Chín trăm chín mươi chín tỷ chín trăm chín mươi chín triệu chín trăm chín mươi chín nghìn "
    "chín trăm chín mươi chín đồng"
)
SLIPS = ("receipt", "deposit-slip", "refund-slip")


async def printed(kind: str, data: dict[str, Any]) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(await paper.compile_paper(paper_templates.built_in(kind), data)))


def statement(lines: int, amount: str) -> dict[str, Any]:
    """A cost statement of one block with this many lines in two sections, every amount the same."""
    data = sample("cost-statement")
    columns = ("price", "insured_price", "amount", "insured_amount", "fund", "copay", "other", "own")
    line = {**data["blocks"][0]["sections"][0]["lines"][0], **dict.fromkeys(columns, amount)}
    sums = dict.fromkeys(data["sums"], amount)
    half = lines // 2
    made = [{**line, "number": str(one), "name": f"Dịch vụ kỹ thuật số {one}"} for one in range(1, lines + 1)]
    sections = [
        {"number": "3", "name": "Xét nghiệm", "lines": made[:half], "sums": sums},
        {"number": "8", "name": "Thuốc, dịch truyền", "lines": made[half:], "sums": sums},
    ]
    data["blocks"] = [{"title": data["blocks"][0]["title"], "sections": sections, "sums": sums}]
    return {**data, "sums": sums, "patient_total": LARGEST, "total_words": WORDS, "patient_words": WORDS}


DIGIT = 0.59  # of the size of the letters: the width of a regular digit or point on average, measured


def amounts_of(page: pypdf.PageObject, amount: str) -> list[tuple[float, float, float]]:
    """(left end, right end, height) of this amount wherever it stands alone in a cell."""
    found: list[tuple[float, float, float]] = []

    def note(text: str, cm: Any, tm: Any, font: Any, size: float) -> None:
        if text.strip() == amount:
            left = cm[4] + tm[4]
            found.append((left, left + size * len(amount) * DIGIT, cm[5] + tm[5]))

    page.extract_text(visitor_text=note)
    return found


@pytest.mark.parametrize("kind", SLIPS)
async def test_a_slip_takes_the_longest_person_and_the_largest_amount_on_one_a5(kind: str) -> None:
    data = sample(kind)
    data["patient"] |= {"name": NAME_60, "address": ADDRESS_200}
    data |= {"amount": LARGEST, "amount_words": WORDS}
    data["facts"] = [{"label": "Còn phải trả sau lần này, kể cả phần đã cho nợ", "value": LARGEST}] * 6
    pdf = await printed(kind, data)
    words = text_of(pdf)
    assert len(pdf.pages) == 1
    assert f"{LARGEST} đồng" in words and WORDS in words and NAME_60 in words
    assert data["signatures"][1]["role"] in words


async def test_a_refund_says_why() -> None:
    assert "Lý do: Người bệnh trả lại 20 viên thuốc" in text_of(await printed("refund-slip", sample("refund-slip")))


async def test_an_invoice_of_sixty_lines_ends_with_its_total_in_words_and_its_signatures() -> None:
    data = sample("invoice")
    data["patient"] |= {"name": NAME_60, "address": ADDRESS_200}
    line = {**data["lines"][0], "price": LARGEST, "amount": LARGEST}
    data["lines"] = [{**line, "number": str(one)} for one in range(1, 61)]
    data |= {"total": LARGEST, "total_words": WORDS}
    pdf = await printed("invoice", data)
    last = text_of_page(pdf, -1)
    assert len(pdf.pages) > 1
    assert WORDS in last and "Người bán hàng" in last and "Thành tiền" in text_of_page(pdf, 1)


def text_of_page(pdf: pypdf.PdfReader, number: int) -> str:
    return " ".join(pdf.pages[number].extract_text().replace("\u200b", "").split())


@pytest.mark.parametrize("lines", [1, 7, 18, 19, 20, 21, 22, 23, 24, 25, 40, 60])
async def test_a_cost_statement_of_any_length_repeats_its_head_and_signs_beside_its_total(lines: int) -> None:
    data = statement(lines, "45.000")
    data["patient"] |= {"name": NAME_60, "address": ADDRESS_200}
    pdf = await printed("cost-statement", data)
    last = text_of_page(pdf, -1)
    assert "Tổng cộng" in last and WORDS in last and "Người lập bảng kê" in last and "Kế toán viện phí" in last
    whole = text_of(pdf)
    assert all(f"{one}. Dịch vụ kỹ thuật số {one}" in whole for one in range(1, lines + 1))
    pages_with_lines = [one for one in range(len(pdf.pages)) if "Dịch vụ kỹ thuật số" in text_of_page(pdf, one)]
    assert all("Thành tiền BV" in text_of_page(pdf, one) for one in pages_with_lines)
    assert NAME_60 in whole and ADDRESS_200.replace("  ", " ") in whole


@pytest.mark.parametrize("amount", ["45.000", LARGEST, LARGEST_PARTS])
async def test_no_amount_of_a_cost_statement_touches_the_next_one(amount: str) -> None:
    pdf = await printed("cost-statement", statement(60, amount))
    right = float(pdf.pages[0].mediabox.width) - 11 * MM
    count = 0
    for page in pdf.pages:
        cells = sorted(amounts_of(page, amount))
        count += len(cells)
        for index, (_, end, height) in enumerate(cells):
            assert end <= right
            assert all(abs(other - height) > 4 or end <= left for left, _, other in cells[index + 1 :])
    assert count >= 60 * 8


async def test_a_cost_statement_leaves_out_nothing_that_the_form_asks() -> None:
    words = text_of(await printed("cost-statement", sample("cost-statement")))
    for said in (
        "Mẫu số 01/KBCB", "79099.26.0001234", "BN-26-0012345", "Nữ (2)", "1 Ra viện", "1.1 Đúng cơ sở", "GD4797912345678",
        "Đã tra cứu 21/11/2026 08:06", "E11.9", "I10; E78.2", "mức hưởng 80 %", "1. Khám bệnh", "12. Dịch vụ khác",
        "155.780 đồng", "Lập lại lần 2", "Chưa thực hiện, không tính: X-quang",
    ):  # fmt: skip
        assert said in words, said
    assert "2. Ngày giường" not in words
