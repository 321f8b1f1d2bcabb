"""Story 4: of 2,000 visits one doctor with three times the injections in colds is marked, a sicker mix is not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.departments.leaders import case_steps, day_figures, measures, thresholds
from tests.clinic import Clinic
from tests.departments.leaders import made_visits
from tests.departments.leaders.made_visits import OUTLIER, SICKER
from tests.web.client import Browser


async def approve(clinic: Clinic, ratio: str = "2.0", visits: int = 30) -> None:
    async def work(tx: Any) -> None:
        thresholds.approve(tx, Decimal(ratio), visits, "Họp hội đồng thuốc")

    await clinic.store.run(clinic.actor("director"), work)


async def monitor(clinic: Clinic, measure: str = "injections", days: int = 60) -> measures.Monitor:
    async with clinic.store.begin(clinic.actor("director")) as tx:
        to_on = day_figures.today_of(tx)
        return await measures.read(tx, measure, to_on - timedelta(days=days - 1), to_on)


@pytest.fixture
async def seeded(clinic: Clinic) -> Clinic:
    """Two thousand visits of the last sixty days."""
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    await made_visits.store(clinic, made_visits.visits(2000, until=today))
    return clinic


async def test_without_an_approved_threshold_nobody_is_marked(seeded: Clinic) -> None:
    found = await monitor(seeded)
    one = found.of(OUTLIER)
    assert found.threshold is None and one is not None and (one.low or 0) > 1
    assert not any(found.is_marked(one) for one in found.found)


async def test_the_outlier_is_marked_and_the_doctor_with_the_sicker_mix_is_not(seeded: Clinic) -> None:
    await approve(seeded, "1.5")
    found = await monitor(seeded)
    one, sicker = found.of(OUTLIER), found.of(SICKER)
    assert one is not None and sicker is not None and one.ratio is not None and sicker.ratio is not None
    assert found.is_marked(one) and one.low is not None and one.low > 1.5
    assert sicker.average > one.average  # crude figures would have marked the other one
    assert not found.is_marked(sicker) and 0.8 < sicker.ratio < 1.2
    assert [own.doctor for own in found.found if found.is_marked(own)] == [OUTLIER]
    for name in ("items", "cost"):
        other = await monitor(seeded, name)
        assert len(other.found) == 5 and not any(other.is_marked(own) for own in other.found)


async def test_a_threshold_needs_sense_a_reason_and_a_name(clinic: Clinic) -> None:
    for ratio, visits in (("1.0", 30), ("11", 30), ("2", 29)):
        with pytest.raises(errors.Unprocessable):
            await approve(clinic, ratio, visits)
    await approve(clinic, "1.1", 30)
    await approve(clinic, "3", 50)
    async with clinic.store.begin(clinic.actor("director")) as tx:
        all_of = await thresholds.listed(tx)
    assert [(str(one.ratio), one.approved_by) for one in all_of] == [("3", "director"), ("1.1", "director")]


async def test_nobody_may_rewrite_a_threshold_or_a_step(clinic: Clinic) -> None:
    for table in ("leaders_threshold", "leaders_case", "leaders_case_step"):
        async with clinic.pool.acquire() as connection:
            for verb in ("update", "delete"):
                assert not await connection.fetchval(f"select has_table_privilege('{table}', '{verb}')"), (table, verb)


async def test_the_page_shows_the_mark_and_the_form_sets_the_threshold(seeded: Clinic, browser: Browser) -> None:
    await browser.sign_in("director")
    assert (await browser.get("/leaders/prescribing")).status_code == 200
    assert "Chưa có ngưỡng nào được duyệt" in browser.words() and "Vượt ngưỡng" not in browser.words()
    said = {"ratio": "0,5", "visits_min": "30", "reason": "thử xem"}
    assert (await browser.post("/leaders/prescribing/threshold", said)).status_code == 422
    assert "Tỷ số phải từ 1,1 đến 10." in browser.words() and 'value="0,5"' in browser.page
    for name, word in (("ratio", "nan"), ("ratio", "1e9"), ("ratio", "٢"), ("visits_min", "-0"), ("visits_min", "3.0")):
        answer = await browser.post("/leaders/prescribing/threshold", {**said, "ratio": "1,5", name: word})
        assert answer.status_code == 422 and "phải là số" in answer.text, word
    answer = await browser.post("/leaders/prescribing/threshold", {**said, "ratio": "1,5"})
    assert answer.status_code == 303
    await browser.get("/leaders/prescribing?days=90")
    assert browser.words().count("Vượt ngưỡng") == 1 and len(browser.page) < 150_000
    await browser.get(f"/leaders/prescribing/{OUTLIER}?days=90&measure=injections")
    assert "J00-J06" in browser.words() and "Mở vụ việc" in browser.words()
    await browser.get(f"/leaders/prescribing/{SICKER}?days=90&measure=injections")
    assert "Điều cần làm rõ" not in browser.words()


async def test_a_pharmacist_reads_the_monitor_and_decides_nothing(seeded: Clinic, browser: Browser) -> None:
    await browser.sign_in("pharmacist")
    assert (await browser.get("/leaders/prescribing")).status_code == 200
    assert "Đặt ngưỡng" not in browser.words()
    said = {"ratio": "2", "visits_min": "30", "reason": "thử xem"}
    assert (await browser.post("/leaders/prescribing/threshold", said)).status_code == 403


async def test_a_doctor_without_visits_is_not_found(seeded: Clinic, browser: Browser) -> None:
    await browser.sign_in("director")
    assert (await browser.get("/leaders/prescribing/Practitioner/nobody")).status_code == 404


async def test_opening_a_case_on_what_is_not_marked_is_refused(seeded: Clinic) -> None:
    await approve(seeded, "1.5")
    found = await monitor(seeded)

    async def work(tx: Any) -> str:
        return await case_steps.open_case(tx, found, SICKER, "Xin làm rõ số liệu này")

    with pytest.raises(errors.Conflict):
        await seeded.store.run(seeded.actor("director"), work)
