"""What the insurer has accepted: shown with its days, what is used without it, a row closed and another one opened."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from html import unescape

import asyncpg
import pytest

from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care import catalogues
from lienmach.care.catalogues import Row
from lienmach.departments import insurance
from lienmach.departments.insurance import accepted_columns
from lienmach.record.transaction import Store
from tests.care import insured_visit
from tests.clinic import Clinic
from tests.web.client import Browser, add_user, build

Officer = Callable[..., Awaitable[Browser]]
SERVICES, PAGE = "accepted-service", "/insurance/catalogues/05"


async def rows(clinic: Clinic, code: str) -> list[Row]:
    async with clinic.store.begin(clinic.actor("insurance")) as tx:
        return [one for one in await catalogues.all_of(tx, SERVICES, limit=20_000) if one.code == code]


async def put(clinic: Clinic, *listed: Row) -> None:
    async with clinic.store.begin(clinic.actor("system")) as tx:
        catalogues.put(tx, listed)


def today(clinic: Clinic) -> date:
    return clinic.store.now().date()


def row(clinic: Clinic, code: str, price: int, *, days: int = 30) -> Row:
    data = {"MA_DICH_VU": code, "TEN_DICH_VU": f"Dịch vụ {code}", "DON_GIA": price}
    return Row(SERVICES, code, f"Dịch vụ {code}", today(clinic) - timedelta(days=days), None, "approved", data)


async def preview(desk: Browser, text: str, first_day: date) -> dict[str, str]:
    """Hand in a file; returns what the form of the preview carries."""
    answer = await desk.client.post(
        PAGE, data={"csrf": desk.proof(), "step": "preview", "first_day": f"{first_day:%d/%m/%Y}", "document": "CV 1"},
        files={"file": ("05.csv", text.encode(), "text/csv")},
    )  # fmt: skip
    desk.page = answer.text
    return {name: unescape(value) for name, value in re.findall(r'name="(seal|kept)" value="([^"]*)"', answer.text)}


async def test_what_is_used_and_not_accepted_today_is_named(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()
    await desk.get("/insurance/catalogues")
    assert "mẫu 05/DM" in desk.words() and "XN-CREA" not in desk.words()
    async with clinic.store.begin(clinic.actor("system")) as tx:
        catalogues.close(tx, SERVICES, "XN-CREA", last_on=catalogues.yesterday(catalogues.today(tx)))
    await desk.get("/insurance/catalogues")
    assert "1 đang dùng mà chưa được chấp nhận" in desk.words() and "XN-CREA" in desk.words()


async def test_a_list_that_was_never_brought_is_said_and_nothing_is_named(
    store: Store, system: Actor, settings: Settings, pool: asyncpg.Pool
) -> None:
    await insured_visit.make(store, system)
    await add_user(pool, "baohiem", "insurance")
    desk = Browser(build(store, settings, (insurance.DEPARTMENT,)))
    await desk.sign_in("baohiem")
    await desk.get("/insurance/catalogues")
    assert desk.words().count("Chưa nhập danh mục này") == 4 and "chưa được chấp nhận hôm nay" not in desk.words()
    await desk.client.aclose()


async def test_a_file_is_shown_before_it_is_taken_and_then_opens_new_rows(clinic: Clinic, officer: Officer) -> None:
    await put(clinic, row(clinic, "Z.1", 100))
    desk, tomorrow = await officer(), today(clinic) + timedelta(days=1)
    await desk.get(PAGE)
    text = "MA_DICH_VU;TEN_DICH_VU;DON_GIA\nZ.1;Dịch vụ Z.1;120\nZ.2;Dịch vụ Z.2;50\n"
    carried = await preview(desk, text, tomorrow)
    assert "1 dòng mới, 1 dòng thay" in desk.words() and "100 → 120" in desk.words()
    assert [one.valid_to for one in await rows(clinic, "Z.1")] == [None], "a preview changes nothing"
    answer = await desk.post(PAGE, {"step": "take", **carried})
    assert answer.status_code == 303, desk.words()
    before, after = await rows(clinic, "Z.1")
    assert (before.valid_to, before.data["DON_GIA"]) == (today(clinic), 100), "the row that was sent keeps its values"
    assert (after.valid_from, after.data["DON_GIA"], after.approved_by) == (tomorrow, 120, "insurance")
    [new] = await rows(clinic, "Z.2")
    assert (new.valid_from, new.source) == (tomorrow, "CV 1")


async def test_a_row_that_was_sent_is_not_replaced_on_its_own_days(clinic: Clinic, officer: Officer) -> None:
    await put(clinic, row(clinic, "Z.1", 100))
    desk = await officer()
    await desk.get(PAGE)
    text = "MA_DICH_VU;TEN_DICH_VU;DON_GIA\nZ.1;Dịch vụ Z.1;120\n"
    for first in (today(clinic) - timedelta(days=30), today(clinic) - timedelta(days=1)):
        carried = await preview(desk, text, first)
        assert not carried and "hãy sửa tệp" in desk.words()
    assert [(one.data["DON_GIA"], one.valid_to) for one in await rows(clinic, "Z.1")] == [(100, None)]


async def test_a_faulty_file_says_which_line_and_is_not_taken(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()
    await desk.get(PAGE)
    text = "MA_DICH_VU;TEN_DICH_VU;DON_GIA\nZ.1;;1\nZ.2;Hai;một\nZ.3;Ba;3\nZ.3;Ba;3\n"
    assert not await preview(desk, text, today(clinic))
    said = desk.words()
    assert "Dòng 2" in said and "thiếu tên" in said and "Dòng 3" in said and "Mã Z.3 đã có ở dòng 4" in said
    assert not await rows(clinic, "Z.3")
    await preview(desk, "A;B\n1;2\n", today(clinic))
    assert "Cần các cột MA_DICH_VU, TEN_DICH_VU" in desk.words()


async def test_a_preview_that_was_changed_on_its_way_takes_nothing(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()
    await desk.get(PAGE)
    carried = await preview(desk, "MA_DICH_VU;TEN_DICH_VU;DON_GIA\nZ.9;Chín;9\n", today(clinic))
    kept = json.loads(carried["kept"])
    kept["lines"][0][1][2] = "900"
    for other in (json.dumps(kept), "[]", "{", json.dumps({**kept, "starts_on": "x"})):
        answer = await desk.post(PAGE, {"step": "take", "seal": carried["seal"], "kept": other})
        assert answer.status_code in (200, 422), desk.words()
    assert not await rows(clinic, "Z.9")


async def test_a_row_is_closed_and_not_before_yesterday(clinic: Clinic, officer: Officer) -> None:
    await put(clinic, row(clinic, "Z.1", 100))
    desk = await officer()
    await desk.get(PAGE, params={"q": "Z.1"})
    form = {"step": "close", "code": "Z.1"}
    early = today(clinic) - timedelta(days=2)
    assert (await desk.post(PAGE, {**form, "last_on": f"{early:%d/%m/%Y}"})).status_code == 422
    assert (await desk.post(PAGE, {**form, "last_on": "hôm qua"})).status_code == 422
    assert (await rows(clinic, "Z.1"))[0].valid_to is None
    assert (await desk.post(PAGE, {**form, "last_on": f"{today(clinic):%d/%m/%Y}"})).status_code == 303
    assert (await rows(clinic, "Z.1"))[0].valid_to == today(clinic)
    later = today(clinic) + timedelta(days=9)
    assert (await desk.post(PAGE, {**form, "code": "no-such", "last_on": f"{later:%d/%m/%Y}"})).status_code == 409


async def test_a_director_reads_and_changes_nothing(clinic: Clinic, officer: Officer) -> None:
    desk = await officer("director")
    assert (await desk.get(PAGE)).status_code == 200 and "Nhập từ tệp" not in desk.words()
    assert (await desk.post(PAGE, {"step": "close", "code": "XN-CREA"})).status_code == 403
    assert (await desk.get("/insurance/catalogues/04")).status_code == 404


@pytest.mark.parametrize("form", sorted(accepted_columns.TITLES))
async def test_every_form_has_its_page(clinic: Clinic, officer: Officer, form: str) -> None:
    desk = await officer()
    assert (await desk.get(f"/insurance/catalogues/{form}")).status_code == 200
    assert accepted_columns.TITLES[form].split(" (")[0] in desk.words()
