"""An id that is right elsewhere: of another prescription, another visit, another person. Refused in words, unchanged."""

from __future__ import annotations

from decimal import Decimal

import pytest
from day_of_work import Day, begin

from lienmach.app import DEPARTMENTS
from lienmach.care import prescriptions, resources
from lienmach.care.prescriptions import RxLine
from tests.clinic import Clinic
from tests.web.client import Browser, build


@pytest.fixture
async def day(clinic: Clinic) -> Day:
    return await begin(clinic)


async def browser(day: Day, login: str) -> Browser:
    one = Browser(build(day.clinic.store, day.clinic.settings, DEPARTMENTS))
    assert (await one.sign_in(login)).status_code == 303
    await one.get("/password")
    return one


async def prescription(day: Day) -> tuple[str, str]:
    """(code, id of the line) of another person's prescription."""
    visit = await day.clinic.visit(await day.clinic.patient())
    lines = [RxLine("PARA500", Decimal(1), 2, 3, payer="bhyt")]
    [stored] = await day.run("doctor", lambda tx: prescriptions.write(tx, visit, lines, reasons={}))
    return resources.of(stored)["groupIdentifier"]["value"], stored.id


async def test_a_hand_over_of_another_prescription_is_not_taken_back_here(day: Day) -> None:
    code, _ = await prescription(day)
    [elsewhere] = day.ids["MedicationDispense"]
    window, before = await browser(day, "pharmacist"), await day.state()
    answer = await window.post(
        f"/pharmacy/prescriptions/{code}/returns", {"dispense": elsewhere, "quantity": "1", "reason": "trả lại"}
    )
    assert answer.status_code == 404 and "không thuộc đơn" in window.words()
    assert await day.state() == before


async def test_a_line_of_another_prescription_is_not_given_out_here(day: Day) -> None:
    code, _ = await prescription(day)
    _, elsewhere = await prescription(day)
    window, before = await browser(day, "pharmacist"), await day.state()
    answer = await window.post(f"/pharmacy/prescriptions/{code}", {f"quantity-{elsewhere}": "1"})
    assert answer.status_code == 404, window.words()
    assert await day.state() == before


async def test_a_signed_diagnosis_is_no_problem_that_the_list_may_close(day: Day) -> None:
    """The problem list shows problems; a Condition that a signature covers is not changed from there."""
    async with day.clinic.store.begin(day.clinic.actor("doctor")) as tx:
        signed, *_ = [
            one
            for one in await resources.find(tx, "Condition")
            if resources.code_of(one.get("code"), "http://hl7.org/fhir/sid/icd-10") == "J00" or one.get("encounter")
        ]
    person = resources.id_of(signed["subject"], "Patient")
    visit = await day.clinic.visit(person)
    doctor, before = await browser(day, "doctor"), await day.state()
    answer = await doctor.post(f"/outpatient/visits/{visit}/problems", {"verb": "resolve", "problem": signed["id"]})
    assert answer.status_code in (404, 409, 422), answer.status_code
    assert await day.state() == before


async def test_an_order_of_another_visit_is_not_cancelled_here(day: Day) -> None:
    visit = await day.clinic.visit(await day.clinic.patient())
    elsewhere = list(day.ids["ServiceRequest"])
    doctor, before = await browser(day, "doctor"), await day.state()
    for own in elsewhere:
        form = {"step": f"cancel:{own}", f"reason:{own}": "Nhầm"}
        await doctor.post(f"/outpatient/visits/{visit}/orders", form)
    assert await day.state() == before
