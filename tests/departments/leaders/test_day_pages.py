"""The director's page: figures of today with their age, every tile opens its rows, small enough for a phone."""

from __future__ import annotations

import re
from datetime import timedelta
from random import Random

import pytest

from lienmach.base.jobs import Taken
from lienmach.departments.leaders import day_rows, following, projection
from tests.clinic import Clinic
from tests.departments.leaders import made_visits
from tests.web.client import Browser

FOLLOW = Taken(1, 1, projection.FOLLOW, {}, 1, 10)


async def test_the_visit_of_a_minute_ago_is_counted_and_its_tile_opens_it(clinic: Clinic, browser: Browser) -> None:
    person = await clinic.patient()
    await clinic.visit(person, started=False)
    await clinic.visit(await clinic.patient(birthDate="1990-05-05"))
    await following.follow(clinic.store, FOLLOW)
    await browser.sign_in("director")
    answer = await browser.get("/leaders/day")
    words = browser.words()
    assert answer.status_code == 200 and "Cập nhật lúc" in words
    assert re.search(r"Lượt khám\s+2 ", words) and re.search(r"Đang chờ khám\s+1 ", words)
    assert len(browser.page) < 150_000
    await browser.get("/leaders/day/waiting")
    assert browser.page.count('class="hit"') == 1 and f"/registration/patients/{person}" in browser.page
    await browser.get("/leaders/day/visits")
    assert browser.page.count('class="hit"') == 2


async def test_every_tile_of_the_page_opens_and_no_other_does(clinic: Clinic, browser: Browser) -> None:
    await browser.sign_in("director")
    await browser.get("/leaders/day")
    tiles = set(re.findall(r'href="/leaders/day/(\w+)"', browser.page))
    assert tiles == set(day_rows.TILES)
    for tile in tiles:
        assert (await browser.get(f"/leaders/day/{tile}")).status_code == 200
        assert "Không có dòng nào" in browser.words()
    assert (await browser.get("/leaders/day/other")).status_code == 404


async def test_before_the_first_look_the_page_says_so_and_a_stopped_worker_is_told(
    clinic: Clinic, browser: Browser
) -> None:
    await browser.sign_in("director")
    await browser.get("/leaders/day")
    assert "hệ thống đang đếm lần đầu" in browser.words()
    await following.follow(clinic.store, FOLLOW)
    await browser.get("/leaders/day")
    assert "chậm hơn 60 giây" not in browser.words()
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        await connection.execute("update leaders_progress set followed_at = now() - interval '61 seconds'")
    await browser.get("/leaders/day")
    assert "chậm hơn 60 giây" in browser.words()


async def test_the_trend_has_thirty_days_as_a_drawing_and_as_a_table(clinic: Clinic, browser: Browser) -> None:
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    chance = Random(3)
    rows = [
        made_visits.row(
            f"t-{at}-{number}", today - timedelta(days=at), doctor="Practitioner/a", icd="J00", chance=chance
        )
        for at in range(40)
        for number in range(at % 4)
    ]
    await made_visits.store(clinic, rows)
    await browser.sign_in("director")
    await browser.get("/leaders/day", headers={"hx-request": "true"})
    drawing, _, table = browser.page.partition("</svg>")
    assert drawing.count("<rect") == 30 and 'role="img"' in drawing
    assert table.split("</table>")[0].count("<tr>") == 31
    yesterday = f"{today - timedelta(days=1):%d/%m/%Y}"
    assert re.search(rf"{yesterday}</td><td class=\"num right\">1</td>", table)


@pytest.mark.parametrize("role", ["doctor", "pharmacist", "cashier", "department", "admin"])
async def test_only_leaders_see_the_day(clinic: Clinic, browser: Browser, role: str) -> None:
    await browser.sign_in(role)
    for path in ("/leaders/day", "/leaders/day/visits", "/leaders/day/money"):
        assert (await browser.get(path)).status_code == 403


async def test_a_recount_is_queued_by_the_button(clinic: Clinic, browser: Browser) -> None:
    await browser.sign_in("director")
    await browser.get("/leaders/day")
    assert (await browser.post("/leaders/day/recount")).status_code == 303
    rows = await clinic.pool.fetch("select * from job_claim($1, 5, 300, 42)", [following.REBUILD])
    assert len(rows) == 1
