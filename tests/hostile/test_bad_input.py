"""What goes wrong at the desk on any day: each gets a sentence in Vietnamese that helps, and changes nothing."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from day_of_work import Day, begin

from lienmach.app import DEPARTMENTS
from tests.clinic import Clinic
from tests.web.client import Browser, build

OVER = "DN4860012345671|4e677579e1bb856e2056c4836e20c3826e|01/02/1958|1|||01/01/2020|31/12/2020||||4|01/01/2020||"
LETTERS = re.compile(r"[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")


@pytest.fixture
async def day(clinic: Clinic) -> Day:
    return await begin(clinic)


async def test_torn_late_future_and_endless_input_gets_a_sentence_and_changes_nothing(day: Day) -> None:
    desk = Browser(build(day.clinic.store, day.clinic.settings, DEPARTMENTS))
    await desk.sign_in("reception")
    person = await day.clinic.patient()
    future = (date.today() + timedelta(days=400)).strftime("%d/%m/%Y")
    new = "/registration/patients/new"
    arrival = f"/registration/arrivals/{person}"
    room = {"kind": "01", "room": "p-p102"}
    for path, form in (
        ("/registration/arrivals", {"text": "079058000011|0234567"}),
        ("/registration/arrivals", {"text": "||||||"}),
        (arrival, {**room, "card": "DN48600"}),
        (arrival, {**room, "card": "DN4860012345671|torn|x"}),
        (arrival, {**room, "card": OVER}),
        (arrival, {**room, "reason": "ho " * 400}),
        (arrival, {"kind": "01", "room": ""}),
        (arrival, {"kind": "99", "room": "p-p102"}),
        (new, {"step": "save", "name": "Nguyễn Văn Ân", "birth": future, "sex": "male"}),
        (new, {"step": "save", "name": "Nguyễn " * 60, "birth": "01/02/1990", "sex": "male"}),
        (new, {"step": "save", "name": "", "birth": "31/02/1990", "sex": "male"}),
    ):
        await desk.get("/registration/patients/new")
        before = await day.state()
        answer = await desk.post(path, form)
        told = f"{path.replace(person, '…')} {str(form)[:90]}: {answer.status_code}"
        assert answer.status_code < 500, told
        assert answer.status_code in (200, 404, 409, 422), told
        assert LETTERS.search(desk.words().lower()), told
        assert await day.state() == before, f"{told} changed something"
    await desk.client.aclose()
