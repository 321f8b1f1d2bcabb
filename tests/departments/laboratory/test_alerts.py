"""Critical values: who is told, how it is acknowledged, when everybody of the place is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from lienmach.base.jobs import Taken
from lienmach.care import resources
from lienmach.departments.laboratory import critical, results

HTMX = {"hx-request": "true"}


async def critical_value(lab: Any, value: str = "6.8") -> dict[str, Any]:
    """Enter a potassium by hand and pass it technically; the Task that came about."""
    tube = await lab.tube("XN-DIEN-GIAI")

    async def enter(tx: Any) -> None:
        found = await of_tube(tx, tube)
        await results.enter(tx, found, found.named("K")[0], value)

    async def pass_it(tx: Any) -> None:
        found = await of_tube(tx, tube)
        await results.pass_technically(tx, found.tests)

    await lab.run(enter)
    await lab.run(pass_it)
    tasks = await lab.find("Task", ("code", critical.KIND))
    return tasks[0] if tasks else {}


async def of_tube(tx: Any, tube: str) -> Any:
    from lienmach.departments.laboratory import panel, tubes

    specimen = await tubes.of_number(tx, tube)
    assert specimen is not None
    return await panel.of_specimen(tx, specimen)


@pytest.mark.parametrize(("value", "is_told"), [("6.4", False), ("6.5", True), ("2.8", True), ("2.9", False)])
async def test_only_a_value_at_or_beyond_the_critical_limit_is_told(lab: Any, value: str, is_told: bool) -> None:
    assert bool(await critical_value(lab, value)) is is_told


async def test_the_strip_says_test_and_value_but_no_person(lab: Any, as_role: Any) -> None:
    doctor = await as_role("doctor")
    await doctor.get("/laboratory/alerts", headers=HTMX)
    assert doctor.page.strip() == ""
    await critical_value(lab)
    await doctor.get("/laboratory/alerts", headers=HTMX)
    assert "Kali máu 6,8 mmol/L ↑↑" in doctor.words() and "Ân" not in doctor.words()
    await doctor.get("/laboratory/alerts")
    assert "Nguyễn Văn Ân" in doctor.words() and 'hx-get="/laboratory/alerts"' in doctor.page


async def test_a_strip_without_anything_to_say_is_not_written_to_the_audit(lab: Any, as_role: Any) -> None:
    doctor = await as_role("doctor")
    before = len(await lab.rows("select 1 from version"))
    await doctor.get("/laboratory/alerts", headers=HTMX)
    assert len(await lab.rows("select 1 from version")) == before


async def test_an_acknowledgement_says_who_when_and_what_and_closes_it(lab: Any, as_role: Any) -> None:
    task = await critical_value(lab)
    doctor = await as_role("doctor")
    address = f"/laboratory/alerts/{task['id']}"
    assert (await doctor.post(address, {"action": " "})).status_code == 422
    assert "việc đã xử trí" in doctor.words()
    assert (await doctor.post(address, {"action": "Đã gọi người bệnh quay lại"})).status_code == 303
    after = (await lab.find("Task", ("_id", task["id"])))[0]
    assert after["status"] == "completed" and after["executionPeriod"]["end"] >= after["authoredOn"]
    assert after["note"][-1]["authorReference"]["reference"] == "Practitioner/nv-bacsi"
    await doctor.get("/laboratory/alerts")
    assert "Không có kết quả nguy kịch nào chờ bạn" in doctor.words()
    assert "Đã gọi người bệnh quay lại" in doctor.words()


async def test_a_second_acknowledgement_keeps_the_first(lab: Any) -> None:
    task = await critical_value(lab)

    async def acknowledge(tx: Any) -> Any:
        return await critical.acknowledge(tx, task["id"], tx.actor.user)

    store, clinic = lab.clinic.store, lab.clinic
    await store.run(clinic.actor("doctor"), acknowledge)
    after = await store.run(clinic.actor("doctor", "doctor2"), acknowledge)
    assert [one["text"] for one in after["note"]] == ["doctor"]


async def test_another_doctor_of_the_place_is_told_after_ten_minutes_not_before(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await critical_value(lab)
    store, other = lab.clinic.store, lab.clinic.actor("doctor", "doctor2")
    start = store.now()
    for minutes, count in ((9, 0), (11, 1)):
        monkeypatch.setattr(store, "now", lambda minutes=minutes: start + timedelta(minutes=minutes))
        async with store.begin(other) as tx:
            assert len(await critical.waiting(tx)) == count


async def test_escalation_is_written_once_and_not_for_what_is_acknowledged(lab: Any) -> None:
    task = await critical_value(lab)
    job = await lab.rows("select payload, run_at from job where kind = 'laboratory.escalate'")
    assert [json.loads(row["payload"]) for row in job] == [{"task": task["id"]}]
    taken = Taken(1, 1, "laboratory.escalate", {"task": task["id"]}, 1, 10)
    for _ in range(2):
        await critical.escalate(lab.clinic.store, taken)
    after = (await lab.find("Task", ("_id", task["id"])))[0]
    assert after["meta"]["versionId"] == "2" and after["extension"][0]["url"] == critical.ESCALATED
    async with lab.clinic.store.begin(lab.clinic.actor("doctor", "doctor2")) as tx:
        assert len(await critical.waiting(tx)) == 1


async def test_the_same_critical_value_is_told_once_another_one_again(lab: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    for value in ("6.8", "6.8", "7.1"):

        async def enter(tx: Any, value: str = value) -> None:
            found = await of_tube(tx, tube)
            await results.enter(tx, found, found.named("K")[0], value)

        await lab.run(enter)
    tasks = await lab.find("Task", ("code", critical.KIND))
    assert sorted(one["description"] for one in tasks) == ["Kali máu 6,8 mmol/L ↑↑", "Kali máu 7,1 mmol/L ↑↑"]
    assert all(resources.id_of(one["for"], "Patient") for one in tasks)
