"""Files against lists: what would be added, changed and retired, and what a visit of another day finds afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO

import openpyxl
import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogue_import, catalogue_set, catalogue_sheets, catalogues
from lienmach.care.catalogues import Row

DIRECTOR = Actor(1, "director", frozenset({"director"}), "HOPERAT")
EDITION = """Mã bệnh,Tên bệnh,Tên tiếng Anh
I10,Tăng huyết áp nguyên phát,Essential hypertension
E11,Đái tháo đường típ 2,Type 2 diabetes mellitus
E11.9,Đái tháo đường típ 2 không biến chứng,Type 2 diabetes mellitus without complications
J00,Viêm mũi họng cấp (cảm thường),Acute nasopharyngitis (common cold)
Z99.9,Mã mới,New code
"""


def today_of(clinic):
    return clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()


def lines_of(text, list_name="icd10"):
    content = text.encode() if isinstance(text, str) else text
    return catalogue_import.read_lines(list_name, catalogue_sheets.read("x", content))


async def compare(clinic, text, starts_on, list_name="icd10", **more):
    lines, faults, ignored = lines_of(text, list_name)
    async with clinic.store.begin(DIRECTOR) as tx:
        return await catalogue_import.preview(tx, list_name, lines, starts_on, faults=faults, ignored=ignored, **more)


async def take(clinic, shown):
    async def work(tx):
        catalogue_import.take(tx, shown)

    await clinic.store.run(DIRECTOR, work)


async def get(clinic, code, on, list_name="icd10"):
    async with clinic.store.begin(DIRECTOR) as tx:
        return await catalogues.get(tx, list_name, code, on=on)


async def test_an_edition_follows_the_day_on_which_the_visit_ends(clinic):
    today = today_of(clinic)
    tomorrow = today + timedelta(days=1)
    shown = await compare(clinic, EDITION, tomorrow, source="TT 06/2026/TT-BYT")
    assert [one.code for one in shown.added] == ["Z99.9"] and not shown.faults
    assert {one.after.code for one in shown.changed} == {"I10", "E11", "E11.9"} and shown.unchanged == 1
    assert len(shown.retired) == 536 - 4 and {one.valid_to for one in shown.retired} == {today}
    await take(clinic, shown)
    async with clinic.store.begin(DIRECTOR) as tx:
        ended_today = await catalogues.find_final_diagnoses(tx, "cao huyet ap", today)
        ends_tomorrow = await catalogues.find_final_diagnoses(tx, "cao huyet ap", tomorrow)
    assert ended_today[0].name == "Tăng huyết áp vô căn (nguyên phát)"
    assert ends_tomorrow[0].name == "Tăng huyết áp nguyên phát" and len(ends_tomorrow) == 1
    assert ends_tomorrow[0].data["lay"] == ended_today[0].data["lay"], "what the file does not speak of is carried over"
    assert (ends_tomorrow[0].state, ends_tomorrow[0].source) == ("approved", "TT 06/2026/TT-BYT")
    assert await get(clinic, "K29.7", today) and await get(clinic, "K29.7", tomorrow) is None
    assert (await get(clinic, "E11", tomorrow)).data["has_finer"] is True
    again = await compare(clinic, EDITION, tomorrow + timedelta(days=1))
    assert again.is_empty and again.unchanged == 5


async def test_a_part_of_a_list_retires_nothing(clinic):
    shown = await compare(clinic, EDITION, today_of(clinic), is_whole=False)
    assert not shown.retired and len(shown.added) == 1


async def test_a_preview_changes_nothing(clinic):
    today = today_of(clinic)
    await compare(clinic, EDITION, today)
    assert await get(clinic, "Z99.9", today) is None and (await get(clinic, "I10", today)).state == "demo"


async def test_differences_say_old_and_new(clinic):
    shown = await compare(
        clinic, "MA_DICH_VU,TEN_DICH_VU,DON_GIA,GIA_TT_BHYT\nXN-GLU,Định lượng glucose máu,26.000,24000\n",
        today_of(clinic), "price", is_whole=False,
    )  # fmt: skip
    assert [one.differences for one in shown.changed] == [(("don_gia_bv", "24000", "26000"),)]
    assert shown.changed[0].after.code == "service:XN-GLU"


async def test_a_price_of_yesterday_stays_when_one_of_today_comes(clinic):
    today = today_of(clinic)
    text = "code,name,don_gia_bv\nservice:XN-GLU,Định lượng glucose máu,26000\n"
    await take(clinic, await compare(clinic, text, today, "price", is_whole=False))
    old, new = [await get(clinic, "service:XN-GLU", day, "price") for day in (today - timedelta(days=1), today)]
    assert (old.data["don_gia_bv"], new.data["don_gia_bv"], new.data["don_gia_bh"]) == (24000, 26000, 24000)


@pytest.mark.parametrize(("days", "is_fault"), [(-1, True), (0, False), (1, False)])
async def test_an_approved_row_changes_from_today_on_and_not_before(clinic, days, is_fault):
    today = today_of(clinic)

    async def work(tx):
        catalogues.put(tx, [Row("ma-khoa", "K97", "Tên cũ", today - timedelta(days=9), None, "approved")])

    await clinic.store.run(DIRECTOR, work)
    text = "code,name\nK97,Tên mới\n"
    shown = await compare(clinic, text, today + timedelta(days=days), "ma-khoa", is_whole=False)
    assert bool(shown.faults) == is_fault and bool(shown.changed) != is_fault
    assert not shown.faults or shown.faults[0].line == 2


async def test_a_code_cannot_be_retired_for_days_that_have_passed(clinic):
    shown = await compare(clinic, "code,name\nK01,Khoa Khám bệnh\n", today_of(clinic) - timedelta(days=1), "ma-khoa")
    assert shown.retired and shown.faults[0].line == 0
    with pytest.raises(errors.Invalid):
        await take(clinic, shown)


async def test_a_last_day_in_the_file_ends_the_row(clinic):
    today = today_of(clinic)
    text = f"code,name,valid_to\nK02,Khoa Hồi sức cấp cứu,{today:%d/%m/%Y}\n"
    shown = await compare(clinic, text, today, "ma-khoa", is_whole=False)
    assert [one.code for one in shown.retired] == ["K02"] and not shown.changed
    await take(clinic, shown)
    assert await get(clinic, "K02", today, "ma-khoa")
    assert await get(clinic, "K02", today + timedelta(days=1), "ma-khoa") is None


async def test_with_faulty_lines_nothing_is_retired_for_being_absent(clinic):
    shown = await compare(clinic, EDITION + "U13/9,Lỗi gõ,\n", today_of(clinic))
    assert [one.line for one in shown.faults] == [7] and not shown.retired


async def test_the_seal_tells_whether_the_list_has_changed(clinic):
    today = today_of(clinic)
    one, same = [await compare(clinic, EDITION, today) for _ in range(2)]
    await take(clinic, await compare(clinic, "code,name\nZ99.9,Mã của người khác\n", today, is_whole=False))
    assert one.seal == same.seal != (await compare(clinic, EDITION, today)).seal


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("code,name\nK1,Một\nK1,Hai\n", 3, "đã có ở dòng 2"),
        ("code,name\n,Một\n", 2, "Thiếu mã"),
        ("code,name\nK1,\n", 2, "thiếu tên"),
        ("code,name\nK1," + "x" * 501 + "\n", 2, "dài hơn 500"),
        ("code,name\nK1," + "x" * 4001 + "\n", 2, "dài hơn 4000"),
        ("code,name,valid_from\nK1,Một,31/02/2026\n", 2, "không phải là ngày"),
        ("code,name,valid_from,valid_to\nK1,Một,02/01/2026,01/01/2026\n", 2, "trước ngày bắt đầu"),
        ('code,name\nK1,"Một\n', 2, "ngoặc kép"),
        ("a,b\n1,2\n", 0, "cột mã"),
        ("chỉ một cột\n", 0, "dòng tiêu đề"),
        ("", 0, "rỗng"),
    ],
)
def test_a_fault_names_its_line_and_says_what_is_wrong(text, line, sentence):
    _, faults, _ = lines_of(text, "ma-khoa")
    assert [(one.line, sentence in one.text) for one in faults] == [(line, True)], faults


@pytest.mark.parametrize(("number", "value"), [("26000", 26000), ("26.000", 26000), ("1,234,567", 1234567), ("0", 0)])
def test_prices_are_read_as_people_write_them(number, value):
    lines, faults, _ = lines_of(f"MA_DICH_VU;TEN_DICH_VU;DON_GIA\nX;Một;{number}\n", "price")
    assert not faults and lines[0].data == {"don_gia_bv": value} and lines[0].code == "service:X"


@pytest.mark.parametrize("number", ["nan", "1e99", "hai", "--1"])
def test_what_is_no_number_is_a_fault(number):
    lines, faults, _ = lines_of(f"MA_DICH_VU;TEN_DICH_VU;DON_GIA\nX;Một;{number}\n", "price")
    assert not lines and faults[0].line == 2


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    packed = BytesIO()
    book.save(packed)
    return packed.getvalue()


def test_a_workbook_is_read_below_its_title():
    content = workbook(["DANH MỤC KHOA"], [], ["MÃ KHOA", "TÊN KHOA", "Ghi chú riêng"], ["K01", "Khoa Khám bệnh", "x"])
    lines, faults, ignored = lines_of(content, "ma-khoa")
    assert [(one.number, one.code, one.name) for one in lines] == [(4, "K01", "Khoa Khám bệnh")]
    assert not faults and ignored == ["Ghi chú riêng"]


def test_a_code_that_excel_made_a_number_is_a_fault():
    lines, faults, _ = lines_of(workbook(["Mã", "Tên"], [1, "Kinh"], ["02", "Tày"]), "dan-toc")
    assert [one.code for one in lines] == ["02"] and faults[0].line == 2 and "Văn bản" in faults[0].text


def test_a_code_system_is_read_with_its_designations_and_children():
    resource = {
        "resourceType": "CodeSystem",
        "concept": [
            {
                "code": "E11",
                "display": "Type 2 diabetes mellitus",
                "designation": [
                    {"language": "vi", "value": "Đái tháo đường típ 2"},
                    {"language": "vi", "value": "Tiểu đường"},
                ],
                "concept": [{"code": "E11.9", "display": "Without complications"}],
            },
            {"code": "E99", "display": "Gone", "property": [{"code": "inactive", "valueBoolean": True}]},
        ],
    }
    lines, faults, _ = lines_of(json.dumps(resource))
    assert not faults and [one.code for one in lines] == ["E11", "E11.9"]
    assert (lines[0].name, lines[0].data["en"], lines[0].data["lay"]) == (
        "Đái tháo đường típ 2", "Type 2 diabetes mellitus", ["Tiểu đường"],
    )  # fmt: skip
    assert [one.data["has_finer"] for one in lines] == [True, False]


def test_a_file_has_limits():
    most = catalogue_sheets.ROWS_MAX
    rows = "code,name\n" + "".join(f"K{number},Một\n" for number in range(most + 1))
    assert catalogue_sheets.read("x", rows.encode()).faults
    assert not catalogue_sheets.read("x", rows.removesuffix(f"K{most},Một\n").encode()).faults
    assert catalogue_sheets.read("x", b"x" * (catalogue_sheets.BYTES_MAX + 1)).faults
    wide = ",".join(f"c{number}" for number in range(catalogue_sheets.COLUMNS_MAX + 1))
    assert catalogue_sheets.read("x", f"{wide}\n".encode()).faults


async def test_the_working_set_loads_once_and_leaves_what_the_facility_changed(clinic, system):
    assert await catalogue_set.load(clinic.store, system, state="demo") == 0
    async with clinic.store.begin(DIRECTOR) as tx:
        assert not await catalogues.all_of(tx, "icd10", states=["draft"])


async def test_an_empty_home_gets_the_working_set_as_drafts(store, system):
    put = await catalogue_set.load(store, system, state="draft")
    async with store.begin(system) as tx:
        assert put > 2500 and await catalogues.all_of(tx, "icd10") == []
        assert len(await catalogues.all_of(tx, "icd10", states=["draft"])) == 536


def test_the_working_set_is_whole_and_says_how_sure_it_is():
    by_list = {}
    for row in catalogue_set.rows("demo"):
        by_list.setdefault(row.list, {}).setdefault(row.code, []).append(row)
        assert row.source, row
        assert row.data.get("confidence") or "memory" in row.source or "invented" in row.source, row
    assert len(by_list["icd10"]) >= 300 and len(by_list["service"]) >= 200 and len(by_list["drug"]) >= 250
    priced = set(by_list["price"])
    assert not {f"service:{code}" for code in by_list["service"]} - priced
    assert not {f"drug:{code}" for code in by_list["drug"]} - priced
    for code, (row,) in by_list["service"].items():
        assert set(row.data.get("indicators", ())) <= set(by_list["indicator"]), code
        assert row.data["kind"] != "lab" or row.data["specimen"]["container"], code
    for code, (row,) in by_list["icd10"].items():
        assert (
            row.data["has_finer"] or len(code) == 5 or not any(one.startswith(code + ".") for one in by_list["icd10"])
        )
    for code, (row,) in by_list["order-set"].items():
        assert set(row.data.get("services", ())) <= set(by_list["service"]), code
        assert {one["code"] for one in row.data.get("drugs", ())} <= set(by_list["drug"]), code
        assert set(row.data["icd10"]) <= set(by_list["icd10"]), code
    for code, (row,) in by_list["specialty"].items():
        assert row.data["exam_service"] in by_list["service"], code
