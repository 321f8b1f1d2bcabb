"""A result that comes after the visit has ended stands on its doctor's work list until they have looked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from lienmach.care import late_results, orders
from tests.clinic import Clinic
from tests.departments.outpatient.test_visit_signature import END, shown, typed
from tests.web.client import Browser

Seat = Callable[..., Awaitable[str]]


async def pending(clinic: Clinic, doctor: Browser, *, is_ended: bool = True) -> tuple[str, str]:
    """A visit with a laboratory order that waits for its result; ended or not. Returns (visit, order)."""
    visit = await typed(clinic, doctor)

    async def place(tx: Any) -> str:
        [lab] = await orders.place(tx, visit, [orders.OrderLine("XN-CREA", has_consent=True)])
        return lab.id

    order = await clinic.store.run(clinic.actor("doctor"), place)
    if is_ended:
        await doctor.get(f"/outpatient/visits/{visit}/signature")
        assert "1 xét nghiệm chờ kết quả" in doctor.words()
        answer = await doctor.post(f"/outpatient/visits/{visit}/signature", {**END, "shown": shown(doctor)})
        assert answer.status_code == 303, doctor.words()
    return visit, order


async def complete(clinic: Clinic, order: str) -> None:
    await clinic.store.run(clinic.actor("lab"), lambda tx: orders.complete(tx, order))


async def test_a_result_after_the_end_is_on_the_list_of_its_doctor_until_they_have_looked(
    clinic: Clinic, doctor: Browser, seat: Seat, browser_at: Callable[..., Browser]
) -> None:
    await seat()
    visit, order = await pending(clinic, doctor)
    await doctor.get("/outpatient/visits")
    assert "Đã có kết quả sau khám" not in doctor.words()
    await complete(clinic, order)
    await doctor.get("/outpatient/visits")
    assert "Đã có kết quả sau khám (1)" in doctor.words() and f'href="/outpatient/visits/{visit}"' in doctor.page
    task = re.search(r'name="task" value="([^"]+)"', doctor.page)
    assert task is not None
    await seat("doctor2")
    other = browser_at()
    await other.sign_in("doctor2")
    await other.get("/outpatient/visits")
    assert "Đã có kết quả sau khám" not in other.words()
    assert (await other.post("/outpatient/visits/results", {"task": task[1]})).status_code == 404
    for _ in range(2):
        assert (await doctor.post("/outpatient/visits/results", {"task": task[1]})).status_code == 303
    await doctor.get("/outpatient/visits")
    assert "Đã có kết quả sau khám" not in doctor.words()
    assert (await doctor.post("/outpatient/visits/results", {"task": "nothing"})).status_code == 404


async def test_a_nurse_closes_no_result(clinic: Clinic, doctor: Browser, nurse: Browser) -> None:
    _, order = await pending(clinic, doctor)
    await complete(clinic, order)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        [one] = await late_results.waiting(tx)
    await nurse.get("/")
    assert (await nurse.post("/outpatient/visits/results", {"task": one.task_id})).status_code == 403


async def test_a_result_within_the_visit_makes_no_task(clinic: Clinic, doctor: Browser) -> None:
    _, order = await pending(clinic, doctor, is_ended=False)
    await complete(clinic, order)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await late_results.waiting(tx) == []
