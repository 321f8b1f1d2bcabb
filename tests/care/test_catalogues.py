"""Search and dates of the code lists, on the working set that comes with the project."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, timedelta

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogue_words, catalogues
from lienmach.care.catalogues import Row

DIRECTOR = Actor(1, "director", frozenset({"director"}), "HOPERAT")
DAY = date(2026, 11, 22)

#: list, what is typed, the code that comes first
FOUND_FIRST = [
    ("icd10", "I10", "I10"),
    ("icd10", "i10", "I10"),
    ("icd10", "E11.9", "E11.9"),
    ("icd10", "e119", "E11.9"),
    ("icd10", "J00", "J00"),
    ("icd10", "cao huyết áp", "I10"),
    ("icd10", "cao huyet ap", "I10"),
    ("icd10", "tang huyet ap", "I10"),
    ("icd10", "HUYẾT ÁP CAO", "I10"),
    ("icd10", "tiểu đường", "E11.9"),
    ("icd10", "tieu duong", "E11.9"),
    ("icd10", "dai thao duong tip 2", "E11.9"),
    ("icd10", "tiểu đường thai kỳ", "O24.4"),
    ("icd10", "cảm lạnh", "J00"),
    ("icd10", "cam lanh", "J00"),
    ("icd10", "cam lan", "J00"),
    ("icd10", "so mui", "J00"),
    ("icd10", "common cold", "J00"),
    ("icd10", "viem hong", "J02.9"),
    ("icd10", "viêm phế quản cấp", "J20.9"),
    ("icd10", "viem phoi", "J18.9"),
    ("icd10", "hen suyen", "J45.9"),
    ("icd10", "copd", "J44.9"),
    ("icd10", "viem xoang", "J32.9"),
    ("icd10", "dau bao tu", "K29.7"),
    ("icd10", "trao nguoc", "K21.9"),
    ("icd10", "gan nhiem mo", "K76.0"),
    ("icd10", "tao bon", "K59.0"),
    ("icd10", "tieu chay", "A09.9"),
    ("icd10", "sốt xuất huyết", "A90"),
    ("icd10", "tay chan mieng", "B08.4"),
    ("icd10", "gioi leo", "B02.9"),
    ("icd10", "mo mau cao", "E78.5"),
    ("icd10", "gout", "M10.9"),
    ("icd10", "dau lung", "M54.5"),
    ("icd10", "lung dau", "M54.5"),
    ("icd10", "than kinh toa", "M54.3"),
    ("icd10", "thoat vi dia dem", "M51.2"),
    ("icd10", "roi loan tien dinh", "H81.9"),
    ("icd10", "dau mat do", "H10.9"),
    ("icd10", "noi me day", "L50.9"),
    ("icd10", "ho", "R05"),
    ("icd10", "sot", "R50.9"),
    ("icd10", "dau dau", "R51"),
    ("icd10", "dot quy", "I64"),
    ("icd10", "asthma", "J45.9"),
    ("icd10", "bong gan co chan", "S93.4"),
    ("icd10", "trĩ", "I84.9"),
    ("service", "hba1c", "XN-HBA1C"),
    ("service", "XN-HBA1C", "XN-HBA1C"),
    ("service", "duong huyet", "XN-GLU"),
    ("service", "creatinin", "XN-CREA"),
    ("service", "cong thuc mau", "XN-CTM"),
    ("service", "sieu am bung", "CDHA-SA-BUNG"),
    ("service", "x quang phoi", "CDHA-XQ-NGUC"),
    ("service", "chup phoi", "CDHA-XQ-NGUC"),
    ("service", "dien tim", "TDCN-DIENTIM"),
    ("service", "ecg", "TDCN-DIENTIM"),
    ("service", "kham noi", "KB-NOI"),
    ("service", "chau cuu", None),
    ("service", "châm cứu", "TT-DIENCHAM"),
    ("indicator", "kali", "K"),
    ("snippet", ".cam", ".cam"),
    ("order-set", "dai thao duong", "dtd-tai-kham"),
    ("order-set", "cảm lạnh", "cam-lanh"),
    ("drug", "para 500", "PARA500"),
    ("ma-khoa", "kham benh", "K01"),
    ("dan-toc", "kho me", "05"),
]


@pytest.mark.parametrize(("list_name", "text", "code"), FOUND_FIRST)
async def test_what_is_typed_finds_what_is_meant_first(clinic, list_name, text, code):
    async with clinic.store.begin(DIRECTOR) as tx:
        where = {"has_finer": False} if list_name == "icd10" else None
        found = await catalogues.find(tx, list_name, text, on=DAY, where=where)
    assert (found[0].code if found else None) == code, [one.code for one in found[:5]]


async def put(clinic, *rows):
    async def work(tx):
        catalogues.put(tx, rows)

    await clinic.store.run(DIRECTOR, work)


async def found(clinic, code, on, list_name="ma-khoa"):
    async with clinic.store.begin(DIRECTOR) as tx:
        return await catalogues.get(tx, list_name, code, on=on)


def today_of(clinic):
    return clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()


@pytest.mark.parametrize("text", ["", "   ", "…", "-", "không có mã nào như thế"])
async def test_a_text_without_words_or_matches_finds_nothing(clinic, text):
    async with clinic.store.begin(DIRECTOR) as tx:
        assert await catalogues.find(tx, "icd10", text, on=DAY) == []


async def test_every_word_narrows_the_search(clinic):
    async with clinic.store.begin(DIRECTOR) as tx:
        few = await catalogues.find(tx, "icd10", "viêm phổi virus", on=DAY)
        many = await catalogues.find(tx, "icd10", "viêm", on=DAY, limit=100)
    assert {"J12.9", "J12"} <= {one.code for one in few} and len(few) < 5 < len(many)


async def test_a_code_with_finer_ones_is_never_final(clinic):
    async with clinic.store.begin(DIRECTOR) as tx:
        final = await catalogues.find_final_diagnoses(tx, "đái tháo đường không phụ thuộc insulin", DAY)
        every = await catalogues.find(tx, "icd10", "E11", on=DAY)
        alone = await catalogues.find_final_diagnoses(tx, "I10", DAY)
    assert "E11" in {one.code for one in every} and "E11" not in {one.code for one in final}
    assert final and [one.code for one in alone] == ["I10"]


async def test_a_code_valid_until_yesterday_is_not_found_today(clinic):
    today = today_of(clinic)
    await put(clinic, Row("ma-khoa", "K01.D01", "Khoa Khám bệnh cơ sở hai", date(2020, 1, 1), None, "approved"))

    async def work(tx):
        catalogues.close(tx, "ma-khoa", "K01.D01", last_on=catalogues.yesterday(today))

    await clinic.store.run(DIRECTOR, work)
    assert await found(clinic, "K01.D01", today) is None
    assert (await found(clinic, "K01.D01", catalogues.yesterday(today))).name == "Khoa Khám bệnh cơ sở hai"
    async with clinic.store.begin(DIRECTOR) as tx:
        assert await catalogues.find(tx, "ma-khoa", "co so hai", on=today) == []
        assert await catalogues.find(tx, "ma-khoa", "co so hai", on=catalogues.yesterday(today))


async def test_a_draft_is_not_offered_until_it_is_approved(clinic):
    today = today_of(clinic)
    await put(clinic, Row("ma-khoa", "K99", "Khoa mới thành lập", date(2020, 1, 1)))
    assert await found(clinic, "K99", today) is None
    async with clinic.store.begin(DIRECTOR) as tx:
        assert await catalogues.find(tx, "ma-khoa", "thanh lap", on=today) == []
        draft = (await catalogues.find(tx, "ma-khoa", "thanh lap", on=today, states=["draft"]))[0]

    async def work(tx):
        catalogues.approve(tx, [draft.row_id])

    await clinic.store.run(DIRECTOR, work)
    row = await found(clinic, "K99", today)
    assert (row.state, row.approved_by) == ("approved", "director")


async def test_a_draft_ends_the_row_in_use_only_when_it_is_approved(clinic):
    today = today_of(clinic)
    tomorrow = today + timedelta(days=1)
    await put(clinic, Row("ma-khoa", "K98", "Tên cũ", date(2020, 1, 1), None, "approved"))
    await put(clinic, Row("ma-khoa", "K98", "Tên mới", tomorrow))
    assert (await found(clinic, "K98", tomorrow)).name == "Tên cũ"
    async with clinic.store.begin(DIRECTOR) as tx:
        draft = (await catalogues.all_of(tx, "ma-khoa", on=tomorrow, states=["draft"]))[0]

    async def work(tx):
        catalogues.approve(tx, [draft.row_id])

    await clinic.store.run(DIRECTOR, work)
    old, new = await found(clinic, "K98", today), await found(clinic, "K98", tomorrow)
    assert (old.name, old.valid_to, new.name, new.valid_to) == ("Tên cũ", today, "Tên mới", None)


async def test_rows_of_one_code_follow_one_another_whatever_the_order_they_come_in(clinic):
    await put(
        clinic,
        Row("base-salary", "XX", "Ba", date(2026, 1, 1), None, "demo"),
        Row("base-salary", "XX", "Một", date(2020, 1, 1), None, "demo"),
    )
    await put(clinic, Row("base-salary", "XX", "Hai", date(2023, 1, 1), None, "demo"))
    names = [
        (await found(clinic, "XX", day, "base-salary")).name
        for day in (date(2022, 12, 31), date(2023, 1, 1), date(2025, 12, 31), date(2026, 1, 1))
    ]
    assert names == ["Một", "Hai", "Hai", "Ba"]


async def test_an_approved_row_keeps_the_days_that_have_passed(clinic):
    today = today_of(clinic)
    first = Row("ma-khoa", "K97", "Tên cũ", date(2020, 1, 1), None, "approved")
    await put(clinic, first)
    for begins, refused in ((today - timedelta(days=1), True), (today, False)):
        new = dataclasses.replace(first, name="Tên mới", valid_from=begins)
        if refused:
            with pytest.raises(errors.Conflict):
                await put(clinic, new)
        else:
            await put(clinic, new)
    assert (await found(clinic, "K97", today - timedelta(days=1))).name == "Tên cũ"
    assert (await found(clinic, "K97", today)).name == "Tên mới"


async def test_an_approved_row_of_the_same_day_is_not_replaced_and_a_demo_row_is(clinic):
    row = Row("ma-khoa", "K96", "Một", date(2020, 1, 1), None, "demo", source="a")
    await put(clinic, row)
    await put(clinic, dataclasses.replace(row, name="Hai", state="approved"))
    with pytest.raises(errors.Conflict):
        await put(clinic, dataclasses.replace(row, name="Ba", state="approved"))
    stored = await found(clinic, "K96", DAY)
    assert (stored.name, stored.state, stored.approved_by) == ("Hai", "approved", "director")
    async with clinic.store.begin(DIRECTOR) as tx:
        assert await catalogues.find(tx, "ma-khoa", "mot", on=DAY) == []


async def test_a_row_that_stands_twice_in_one_go_is_refused(clinic):
    row = Row("ma-khoa", "K95", "Một", date(2020, 1, 1))
    with pytest.raises(errors.Invalid):
        await put(clinic, row, row)


async def test_a_row_cannot_end_before_yesterday(clinic):
    today = today_of(clinic)

    async def close(days):
        async def work(tx):
            catalogues.close(tx, "ma-khoa", "K02", last_on=today - timedelta(days=days))

        await clinic.store.run(DIRECTOR, work)

    with pytest.raises(errors.Invalid):
        await close(2)
    await close(1)
    with pytest.raises(errors.NotFound):
        await close(1)


async def test_numbers_keep_their_decimals(clinic):
    row = await found(clinic, "K", DAY, "indicator")
    limits = row.data["ranges"][1]
    assert (str(limits["low"]), str(limits["high"]), str(limits["critical_high"])) == ("3.5", "5.0", "6.5")


async def test_another_tenant_sees_nothing_of_it(clinic, stranger):
    async with clinic.store.begin(stranger) as tx:
        assert await catalogues.find(tx, "icd10", "cam lanh", on=DAY) == []
        assert await catalogues.all_of(tx, "icd10") == []


LETTERS = "ABCDEFGHIJKLMNO"


@pytest.fixture
async def large(clinic):
    """A connection of the application in tenant 1, whose ICD-10 has 15,000 codes more."""

    async def work(tx):
        catalogues.put(
            tx,
            (
                Row("icd10", f"{letter}{number // 10:02}.{number % 10}{letter}",
                    f"Viêm phổi thứ {number}, nhóm {letter}", date(2020, 1, 1), None, "demo", {"has_finer": False})
                for letter in LETTERS
                for number in range(1000)
            ),
        )  # fmt: skip

    await clinic.store.run(DIRECTOR, work)
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        yield connection


async def test_search_among_15000_codes_reads_the_indexes_and_no_whole_table(clinic, large):
    words = ["viem", "phoi", "77"]
    plan = await large.fetchval(
        "explain (format json) " + catalogues.FIND, 1, "icd10", words, [catalogue_words.after(one) for one in words],
        DAY, ["demo"], "{}", catalogue_words.phrase(words), catalogue_words.after(catalogue_words.phrase(words)),
    )  # fmt: skip
    steps = list(_steps(json.loads(plan)[0]["Plan"]))
    indexes = {one["Index Name"] for one in steps if "Index Name" in one}
    whole = [one["Relation Name"] for one in steps if one["Node Type"] == "Seq Scan"]
    assert {"catalogue_word_find", "catalogue_row"} <= indexes and not whole, steps
    async with clinic.store.begin(DIRECTOR) as tx:
        found = await catalogues.find(tx, "icd10", "viêm phổi 77", on=DAY)
        assert found[0].code == "A07.7A" and len(found) == 20
        assert (await catalogues.find(tx, "icd10", "viem phoi", on=DAY))[0].code == "J18.9"


def _steps(plan):
    yield plan
    for one in plan.get("Plans", ()):
        yield from _steps(one)
