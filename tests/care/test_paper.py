"""Paper as it leaves the printer: every kind, with the longest data, on the pages it should have."""

from __future__ import annotations

import asyncio
import copy
import io
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest

from lienmach.base import errors
from lienmach.care import paper, paper_codes, paper_templates

NAME_60 = "Công Tằng Tôn Nữ Hoàng Phương Khánh Ngọc Minh Châu Mẫu Đường"
ADDRESS_200 = ("Số 45/12/7B đường Cách Mạng Tháng Tám, khu phố 3, " * 5)[:198] + "ữĐ"
NAME_300 = "Nguyễn " + "Thị Đặng Ngọc Phượng " * 14
MM = 72 / 25.4


def sample(kind: str) -> dict[str, Any]:
    return copy.deepcopy(paper_templates.sample(kind))


async def printed(kind: str, data: dict[str, Any], **more: Any) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(await paper.compile_paper(paper_templates.built_in(kind), data, **more)))


def text_of(pdf: pypdf.PdfReader) -> str:
    """The words of all pages, as a person reads them: one space between, NFC."""
    whole = " ".join(page.extract_text() for page in pdf.pages).replace("\u200b", "")
    return " ".join(unicodedata.normalize("NFC", whole).split())


def size_mm(pdf: pypdf.PdfReader) -> tuple[int, int]:
    box = pdf.pages[0].mediabox
    return round(float(box.width) / MM), round(float(box.height) / MM)


@pytest.mark.parametrize("kind", paper.KINDS)
async def test_the_sample_of_each_kind_fits_on_one_page_with_its_diacritics(kind: str) -> None:
    data = sample(kind)
    pdf = await printed(kind, data)
    assert len(pdf.pages) == 1
    words = text_of(pdf)
    assert "Châu Mẫu" in words
    assert "?" not in words and "\ufffd" not in words


@pytest.mark.parametrize(
    "kind, width, height",
    [
        ("ticket", 80, None),
        ("specimen-label", 50, 25),
        ("prescription", 148, 210),
        ("order", 148, 210),
        ("appointment-slip", 148, 210),
        ("sick-leave", 148, 210),
        ("result", 210, 297),
        ("visit-summary", 210, 297),
        ("referral", 210, 297),
        ("receipt", 148, 210),
        ("deposit-slip", 148, 210),
        ("refund-slip", 148, 210),
        ("invoice", 210, 297),
        ("cost-statement", 297, 210),
    ],
)
async def test_each_kind_has_its_size_of_paper(kind: str, width: int, height: int | None) -> None:
    found = size_mm(await printed(kind, sample(kind)))
    assert found[0] == width and found[1] == (height or found[1])


@pytest.mark.parametrize("kind", paper.KINDS)
async def test_a_kind_prints_with_no_data_at_all(kind: str) -> None:
    assert len((await printed(kind, {})).pages) == 1


@pytest.mark.parametrize("kind", paper.KINDS)
async def test_the_longest_names_and_addresses_stay_on_the_paper(kind: str) -> None:
    data = sample(kind)
    if "patient" in data:
        data["patient"] |= {"name": NAME_60, "address": ADDRESS_200}
    else:
        data["patient_name"] = NAME_60
    pdf = await printed(kind, data)
    assert len(pdf.pages) == 1
    words = text_of(pdf)
    assert "Mẫu Đường" in words
    if "patient" in data:
        assert NAME_60 in words and ADDRESS_200.replace("  ", " ") in words


@pytest.mark.parametrize("kind", paper.KINDS)
async def test_a_name_of_300_letters_is_cut_with_an_ellipsis_and_keeps_its_ends(kind: str) -> None:
    data = sample(kind)
    if "patient" in data:
        data["patient"]["name"] = NAME_300
    else:
        data["patient_name"] = NAME_300
    pdf = await printed(kind, data)
    words = text_of(pdf)
    assert len(pdf.pages) == 1
    assert "Nguyễn …" in words and "Phượng" in words
    assert NAME_300.strip() not in words


@pytest.mark.parametrize("kind", paper.KINDS)
async def test_a_run_of_300_letters_without_a_space_does_not_leave_the_paper(kind: str) -> None:
    data = sample(kind)
    if "patient" in data:
        data["patient"] |= {"name": "Ư" * 300, "address": "Đ" * 300}
    else:
        data["patient_name"] = "Ư" * 300
    pdf = await printed(kind, data)
    width = float(pdf.pages[0].mediabox.width)
    far: list[float] = []
    pdf.pages[0].extract_text(visitor_text=lambda text, cm, tm, *_: far.append(cm[4] + tm[4]) if text.strip() else None)
    assert len(pdf.pages) == 1 and max(far) < width


async def test_fifteen_drugs_take_two_pages_and_the_signature_is_not_alone() -> None:
    data = sample("prescription")
    data["drugs"] = [{**data["drugs"][2], "number": str(number)} for number in range(1, 16)]
    pdf = await printed("prescription", data)
    assert len(pdf.pages) == 2
    last = " ".join(pdf.pages[1].extract_text().split())
    assert "15." in last and "Bác sĩ khám bệnh" in last and "Cộng khoản" in last
    assert "Trang 2/2" in last and "Trang 1/2" in pdf.pages[0].extract_text()


@pytest.mark.parametrize("count", range(8, 16))
async def test_wherever_the_page_ends_the_signature_keeps_company(count: int) -> None:
    data = sample("prescription")
    data["drugs"] = [{**data["drugs"][1], "number": str(number)} for number in range(1, count + 1)]
    pdf = await printed("prescription", data)
    last = " ".join(pdf.pages[-1].extract_text().split())
    assert f"{count}. Amlodipin" in last and "Trần Nguyễn" in last


@pytest.mark.parametrize("count", [1, 9, 12, 14, 40])
async def test_an_order_and_a_result_of_any_length_keep_their_last_line_with_the_signature(count: int) -> None:
    for kind in ("order", "result"):
        data = sample(kind)
        line = {**data["groups"][0]["lines"][0], "name": "Xét nghiệm rất dài tên"}
        data["groups"] = [{**data["groups"][0], "lines": [{**line, "name": f"Dịch vụ {one}"} for one in range(count)]}]
        last = " ".join((await printed(kind, data)).pages[-1].extract_text().split())
        assert f"Dịch vụ {count - 1}" in last and data["signatures"][0]["role"] in last


@pytest.mark.parametrize("letters", [600, 1200, 1800, 2400, 2900])
async def test_a_long_story_takes_the_pages_it_needs_and_ends_with_its_signature(letters: int) -> None:
    data = sample("visit-summary")
    data["history"] = data["findings"] = ("Tỉnh, tiếp xúc tốt, không phù. " * 100)[:letters]
    data["results"] = [data["results"][0]] * 14
    pdf = await printed("visit-summary", data)
    last = " ".join(pdf.pages[-1].extract_text().split())
    assert "Xử trí" in last and "Hẹn khám lại" in last and "Bác sĩ khám bệnh" in last
    assert len(pdf.pages) == 1 or "Châu Mẫu" in pdf.pages[-1].extract_text()


async def test_abnormal_values_are_told_by_letters() -> None:
    words = text_of(await printed("result", sample("result")))
    assert "8,4 H" in words and "6,8 HH" in words and "134 L" in words and "88 µmol/L" in words


async def test_nothing_on_paper_needs_colour() -> None:
    for kind in paper.KINDS:
        pdf = await printed(kind, sample(kind))
        for page in pdf.pages:
            drawn = page.get_contents()
            assert drawn is not None
            operators = {name for _, name in drawn.operations}
            assert not operators & {b"rg", b"RG", b"k", b"K"}, kind


async def test_the_same_data_give_the_same_bytes() -> None:
    template = paper_templates.built_in("prescription")
    first, second = [await paper.compile_paper(template, sample("prescription")) for _ in range(2)]
    other = await paper.compile_paper(template, {**sample("prescription"), "advice": "Khác"})
    assert first == second != other


async def test_a_paper_for_the_archive_says_that_it_is_pdf_a() -> None:
    made = await paper.compile_paper(paper_templates.built_in("result"), sample("result"), archive=True)
    plain = await paper.compile_paper(paper_templates.built_in("result"), sample("result"))
    pdf = pypdf.PdfReader(io.BytesIO(made))
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf.trailer["/Root"]["/Metadata"].get_data()
    assert b"pdfaid:part" not in pypdf.PdfReader(io.BytesIO(plain)).trailer["/Root"]["/Metadata"].get_data()


async def test_many_papers_at_once_are_all_right() -> None:
    names = [f"Nguyễn Mẫu {number}" for number in range(12)]
    found = await asyncio.gather(*(printed("ticket", {**sample("ticket"), "patient_name": name}) for name in names))
    assert all(name in text_of(pdf) for name, pdf in zip(names, found, strict=True))


@pytest.mark.parametrize(
    "data",
    [
        {"patient": {"nmae": "x"}},
        {"unknown": "x"},
        {"patient": "x"},
        {"drugs": {"name": "x"}},
        {"return_on": 5},
        {"drugs": [{"quantity": 5}]},
    ],
)
async def test_data_that_the_kind_does_not_have_are_a_mistake_of_the_caller(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        await printed("prescription", data)


async def test_markup_in_data_is_text() -> None:
    data = {**sample("ticket"), "patient_name": '#panic("x") *đậm* $x$ \\ <nhãn> @ai', "note": "\x00\x07ok"}
    words = text_of(await printed("ticket", data))
    assert '#panic("x") *đậm* $x$ \\ <nhãn> @ai' in words and "ok" in words


async def test_a_kind_that_is_none_is_not_found() -> None:
    with pytest.raises(errors.NotFound):
        paper_templates.built_in("../../secret")


def test_a_qr_code_can_carry_600_letters_and_no_more() -> None:
    assert paper_codes.qr("Đ" * 600).startswith("<svg")
    with pytest.raises(ValueError):
        paper_codes.qr("Đ" * 601)


@pytest.mark.parametrize("text", ["Đ", "1" * 41, "a\nb"])
def test_a_barcode_of_other_than_plain_letters_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        paper_codes.barcode(text)


async def test_a_barcode_that_cannot_be_drawn_is_a_sentence() -> None:
    with pytest.raises(errors.Invalid):
        await printed("specimen-label", {**sample("specimen-label"), "barcode": "Đ"})


def test_fourteen_digits_fit_on_a_label() -> None:
    _, bars = paper_codes.barcode("26112100123401")
    assert bars * 0.25 <= 47


@pytest.mark.parametrize("kind", paper.KINDS)
def test_every_member_of_a_kind_is_in_its_reference(kind: str) -> None:
    page = (Path(paper.__file__).parents[2] / "docs/reference/paper.md").read_text(encoding="utf-8")
    part = page.split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
    missing = [path for path in members(paper_templates.sample(kind)) if f"| `{path}` |" not in part]
    assert not missing, f"docs/reference/paper.md, {kind}, lacks: {missing}"


def members(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from members(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield from members(value[0], f"{path}[]")
    else:
        yield path
