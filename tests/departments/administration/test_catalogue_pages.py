"""The pages of code lists: search, approve, retire, import with a preview."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from io import BytesIO

import openpyxl
import pytest

from lienmach.base.actor import Actor
from lienmach.care import catalogues
from lienmach.care.catalogues import Row
from lienmach.departments import administration, registration
from lienmach.web import headers
from tests.web.client import build

DIRECTOR = Actor(1, "director", frozenset({"director"}), "HOPERAT")
LISTS = "/administration/catalogues"


@pytest.fixture
def app(clinic):
    return build(clinic.store, clinic.settings, (registration.DEPARTMENT, administration.DEPARTMENT))


def day_of(clinic, days=0):
    now = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone)
    return now.date() + timedelta(days=days)


def shown(day):
    return day.strftime("%d/%m/%Y")


async def get(clinic, list_name, code, on):
    async with clinic.store.begin(DIRECTOR) as tx:
        return await catalogues.get(tx, list_name, code, on=on)


async def put(clinic, *rows):
    async def work(tx):
        catalogues.put(tx, rows)

    await clinic.store.run(DIRECTOR, work)


async def hand_in(browser, list_name, content, name="tep.csv", **fields):
    await browser.get(f"{LISTS}/{list_name}/import")
    data = {"step": "preview", **fields}
    return await browser.post(f"{LISTS}/{list_name}/import", data, files={"file": (name, content)})


async def take(browser, list_name, **fields):
    hidden = dict(re.findall(r'name="(upload_id|seal)" value="([^"]+)"', browser.page))
    return await browser.post(f"{LISTS}/{list_name}/import", {"step": "take", **hidden, **fields})


async def test_the_lists_are_shown_with_their_counts(browser):
    await browser.sign_in("director")
    await browser.get(LISTS)
    assert "Mã bệnh ICD-10" in browser.words() and "Bộ chỉ định" in browser.words() and "536" in browser.words()


async def test_a_list_is_searched_without_marks_and_as_a_fragment(browser):
    await browser.sign_in("doctor")
    await browser.get(f"{LISTS}/icd10?q=cao+huyet+ap")
    assert browser.words().index("I10") and "Nhập từ tệp" not in browser.words()
    await browser.get(f"{LISTS}/icd10?q=cao+huyet+ap", headers={"HX-Request": "true"})
    assert "<html" not in browser.page and "Tăng huyết áp vô căn" in browser.words()


async def test_a_list_is_read_page_by_page(browser):
    await browser.sign_in("director")
    await browser.get(f"{LISTS}/icd10?page=2")
    assert "Trang 2" in browser.words() and "Trang trước" in browser.words() and "Trang sau" in browser.words()
    assert len(browser.page) < 150_000


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=99999999", "state=nonsense", "q=%00%27--"])
async def test_strange_addresses_get_a_page(browser, query):
    await browser.sign_in("director")
    assert (await browser.get(f"{LISTS}/icd10?{query}")).status_code == 200


async def test_an_unknown_list_is_not_found(browser):
    await browser.sign_in("director")
    assert (await browser.get(f"{LISTS}/nonsense")).status_code == 404


async def test_a_doctor_reads_lists_and_changes_none(browser):
    await browser.sign_in("doctor")
    await browser.get(f"{LISTS}/icd10")
    assert (await browser.post(f"{LISTS}/icd10", {"step": "approve", "row_id": "1"})).status_code == 403
    assert (await browser.get(f"{LISTS}/icd10/import")).status_code == 403


async def test_a_chosen_draft_is_approved_in_the_name_of_who_did_it(browser, clinic):
    today = day_of(clinic)
    await put(clinic, Row("ma-khoa", "K99", "Khoa mới", today))
    await browser.sign_in("director")
    await browser.get(f"{LISTS}/ma-khoa?state=draft")
    row_id = re.search(r'name="row_id" value="(\d+)" aria-label="Chọn K99"', browser.page)[1]
    answer = await browser.post(f"{LISTS}/ma-khoa", {"step": "approve", "row_id": row_id})
    assert answer.status_code == 303
    assert (await get(clinic, "ma-khoa", "K99", today)).approved_by == "director"


async def test_all_drafts_of_a_list_are_approved_and_no_other_list(browser, clinic):
    today = day_of(clinic)
    await put(
        clinic,
        Row("ma-khoa", "K98", "Một", today),
        Row("ma-khoa", "K99", "Hai", today),
        Row("supply", "VT", "Ba", today),
    )
    await browser.sign_in("director")
    await browser.get(f"{LISTS}/ma-khoa?state=draft")
    await browser.post(f"{LISTS}/ma-khoa", {"step": "approve-all", "state": "draft"})
    assert {(await get(clinic, "ma-khoa", code, today)).state for code in ("K98", "K99")} == {"approved"}
    assert await get(clinic, "supply", "VT", today) is None
    assert (await get(clinic, "ma-khoa", "K01", today)).state == "demo"


async def test_a_retired_row_holds_to_its_last_day_and_no_longer(browser, clinic):
    today = day_of(clinic)
    await browser.sign_in("director")
    await browser.get(f"{LISTS}/ma-khoa")
    row_id = re.search(r'name="row_id" value="(\d+)" aria-label="Chọn K03"', browser.page)[1]
    answer = await browser.post(f"{LISTS}/ma-khoa", {"step": "retire", "row_id": row_id, "last_on": shown(today)})
    assert answer.status_code == 303
    assert await get(clinic, "ma-khoa", "K03", today) and await get(clinic, "ma-khoa", "K03", day_of(clinic, 1)) is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"step": "approve"}, "Chưa chọn dòng nào"),
        ({"step": "retire", "row_id": "1", "last_on": "hôm nay"}, "Ngày chưa đúng"),
        ({"step": "retire", "row_id": "1", "last_on": "2026"}, "Ngày chưa đúng"),
        ({"step": "retire", "row_id": "1", "last_on": "01/01/2020"}, "từ hôm qua trở đi"),
    ],
)
async def test_bad_input_gets_a_sentence_and_changes_nothing(browser, fields, sentence):
    await browser.sign_in("director")
    await browser.get(f"{LISTS}/ma-khoa")
    answer = await browser.post(f"{LISTS}/ma-khoa", fields)
    assert answer.status_code == 422 and sentence in browser.words()


async def test_an_import_is_shown_first_and_taken_after(browser, clinic):
    tomorrow = day_of(clinic, 1)
    await browser.sign_in("director")
    answer = await hand_in(
        browser, "ma-khoa", "Mã khoa,Tên khoa\nK01,Khoa Khám bệnh và Cấp cứu\nK60,Khoa mới\n".encode(),
        first_day=shown(tomorrow), scope="part", document="QĐ 12/QĐ-TTYT",
    )  # fmt: skip
    assert answer.status_code == 200, browser.words()
    assert "Khoa Khám bệnh và Cấp cứu" in browser.words() and "K60 Khoa mới" in browser.words()
    assert await get(clinic, "ma-khoa", "K60", tomorrow) is None
    assert (await take(browser, "ma-khoa")).status_code == 303
    assert (await get(clinic, "ma-khoa", "K01", day_of(clinic))).name == "Khoa Khám bệnh"
    row = await get(clinic, "ma-khoa", "K01", tomorrow)
    assert (row.name, row.state, row.source) == ("Khoa Khám bệnh và Cấp cứu", "approved", "QĐ 12/QĐ-TTYT")
    assert (await get(clinic, "ma-khoa", "K02", tomorrow)).name == "Khoa Hồi sức cấp cứu"
    assert (await take(browser, "ma-khoa")).status_code == 422, "a file is taken once"


async def test_a_preview_that_is_out_of_date_is_shown_again_and_not_taken(browser, clinic):
    tomorrow = day_of(clinic, 1)
    await browser.sign_in("director")
    await hand_in(browser, "ma-khoa", b"code,name\nK60,Khoa moi\n", first_day=shown(tomorrow), scope="part")
    await put(clinic, Row("ma-khoa", "K60", "Tên của người khác", day_of(clinic), None, "approved"))
    answer = await take(browser, "ma-khoa")
    assert answer.status_code == 409 and "danh mục vừa thay đổi" in browser.words()
    assert (await get(clinic, "ma-khoa", "K60", tomorrow)).name == "Tên của người khác"


async def test_faulty_lines_are_named_and_left_out_only_on_demand(browser, clinic):
    tomorrow = day_of(clinic, 1)
    await browser.sign_in("director")
    content = "Mã bệnh,Tên bệnh\nA00.0,Bệnh tả\nU13/9,Sai mã\n,Không mã\n".encode()
    answer = await hand_in(browser, "icd10", content, first_day=shown(tomorrow), scope="part")
    assert answer.status_code == 422 and "Dòng 3:" in browser.words() and "Dòng 4:" in browser.words()
    assert (await take(browser, "icd10")).status_code == 409
    assert (await take(browser, "icd10", without_faults="1")).status_code == 303
    assert (await get(clinic, "icd10", "A00.0", tomorrow)).name == "Bệnh tả"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Chưa chọn tệp|Tệp rỗng"),
        (b"PK\x03\x04nonsense", "Không đọc được bảng tính"),
        (b"\xd0\xcf\x11\xe0", "Excel đời cũ"),
        (b'{"resourceType": "Patient"}', "CodeSystem"),
        (b"ten\xff\xfe,b\n", "UTF-8"),
        (b"one,two\n1,2\n", "một cột mã và một cột tên"),
    ],
)
async def test_a_file_that_cannot_be_read_gets_a_sentence(browser, clinic, content, sentence):
    await browser.sign_in("director")
    answer = await hand_in(browser, "ma-khoa", content, first_day=shown(day_of(clinic, 1)))
    assert answer.status_code == 422 and re.search(sentence, browser.words()), browser.words()


async def test_a_workbook_larger_than_a_usual_form_is_read(browser, clinic):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["MÃ BỆNH", "TÊN BỆNH", "TÊN TIẾNG ANH"])
    for number in range(1000):
        letter, rest = "PQ"[number // 500], number % 500
        sheet.append([f"{letter}{rest // 10:02}.{rest % 10}", f"Bệnh số {number}", secrets.token_hex(1500)])
    packed = BytesIO()
    book.save(packed)
    assert len(packed.getvalue()) > headers.FORM_BYTES_MAX
    await browser.sign_in("director")
    answer = await hand_in(
        browser, "icd10", packed.getvalue(), "icd.xlsx", first_day=shown(day_of(clinic, 1)), scope="part"
    )
    assert answer.status_code == 200 and re.search(r"Thêm mới 1.?000 ", browser.words()) and len(browser.page) < 150_000


async def test_pages_are_said_in_english_too(browser):
    await browser.sign_in("director")
    await browser.get(LISTS)
    await browser.post("/preferences", {"language": "en", "next": LISTS})
    await browser.get(LISTS)
    assert "ICD-10 diagnoses" in browser.words()
