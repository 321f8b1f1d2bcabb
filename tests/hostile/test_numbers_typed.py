"""Text where a whole number belongs: digits that are none, thousands of them, a day behind the last one. Never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from day_of_work import Day, begin

from lienmach.app import DEPARTMENTS
from lienmach.care import facility
from tests.clinic import Clinic
from tests.web.client import Browser, build

NUMBERS = ("²", "³¼", "٣", "9" * 5000, "-1", "0x10", "1_000", "1e5", "", " ")


@pytest.fixture
async def day(clinic: Clinic) -> Day:
    return await begin(clinic)


async def _browser(day: Day, login: str) -> Browser:
    browser = Browser(build(day.clinic.store, day.clinic.settings, DEPARTMENTS))
    assert (await browser.sign_in(login)).status_code == 303
    await browser.get("/password")
    return browser


async def _running(day: Day) -> str:
    """A visit of the doctor that is open."""
    return await day.clinic.visit(await day.clinic.patient())


def _line(number: str) -> dict[str, Any]:
    typed = {"drug_code": "PARA500", "per_time": "1", "times": "2", "days": "3", "quantity": "6", "every": "1"}
    return {f"{name}:0": number if name != "drug_code" else value for name, value in typed.items()}


async def test_a_text_that_is_no_number_never_breaks_a_page(day: Day) -> None:
    visit = await _running(day)
    browsers = {login: await _browser(day, login) for login in ("doctor", "reception", "pharmacist", "admin")}
    pages = {login: one.page for login, one in browsers.items()}
    for number in NUMBERS:
        for login, asks in (await _asks(day, visit, number)).items():
            browser = browsers[login]
            for method, path, form in asks:
                browser.page = pages[login]
                answer = await (browser.post(path, form) if method == "POST" else browser.get(path))
                told = {name: str(value)[:20] for name, value in form.items()}
                assert answer.status_code < 500, f"{method} {path[:90]} {told}"


async def _asks(day: Day, visit: str, number: str) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """By login: requests with this text where a whole number belongs."""
    at = f"/outpatient/visits/{visit}"
    room = await day.clinic.room("exam")

    async def sit(tx: Any) -> None:
        facility.set_workplace(tx, room.id)

    await day.run("doctor", sit)
    return {
        "doctor": [
            ("POST", f"{at}/orders", {"step": f"drop:{number}", "line": "XN-DIEN-GIAI"}),
            ("POST", f"{at}/orders", {"step": "keep", "line": "XN-DIEN-GIAI", "quantity": number}),
            ("POST", f"{at}/prescription", {"step": f"drop:{number}", **_line("1")}),
            ("POST", f"{at}/prescription", {"step": "keep", **_line(number)}),
            ("POST", f"{at}/prescription", {"step": "keep", **_line(f"{number}/{number}")}),
            ("POST", f"{at}/vitals", dict.fromkeys(("pulse", "weight", "height", "temperature"), number)),
            ("POST", f"{at}/papers", {"kind": "sick-leave", "step": "keep", "days": number, "loss_weeks": number}),
            ("POST", f"{at}/papers", {"kind": "appointment-slip", "step": "keep", "return_on": f"+{number}"}),
            ("POST", f"{at}/papers", {"kind": "appointment-slip", "step": "keep", "return_on": "31/12/9999"}),
            ("GET", f"/registration/patients/{day.ids['Patient'][0]}?year={number[:400]}", {}),
            ("GET", f"/outpatient/visits?back={number[:400]}", {}),
        ],
        "reception": [
            ("POST", "/registration/bookings", {"action": "make", "from": "2026-12-01", "days": number}),
            ("POST", "/registration/bookings", {"action": "make", "from": "9999-12-31", "days": "62"}),
            ("POST", "/registration/bookings", _plan(room.id, minutes=number)),
            ("POST", "/registration/bookings", _plan(room.id, places=number)),
            ("POST", "/registration/bookings", _plan(room.id, hours="07:00+07:00-09:00")),
        ],
        "pharmacist": [
            ("POST", "/pharmacy/stock", {"quantity": number}),
            ("POST", "/pharmacy/stock", _lot(price=number)),
            ("POST", "/pharmacy/stock", _lot(quantity=number)),
            ("POST", "/pharmacy/stock", _lot(expires="31/12/9999")),
            ("POST", "/pharmacy/stock/PARA500", {"lot": "L1", "counted": number, "note": "đếm"}),
        ],
        "admin": [
            ("POST", "/administration/catalogues/drug", {"step": "approve", "row_id": number[:15]}),
            ("GET", f"/administration/catalogues/drug?page={number[:4]}", {}),
        ],
    }


def _plan(room: str, **more: str) -> dict[str, str]:
    return {
        "action": "plan",
        "room": room,
        "hours": "07:00-09:00",
        "minutes": "10",
        "places": "1",
        "weekday": "1",
        **more,
    }


def _lot(**more: str) -> dict[str, str]:
    return {
        "drug": "PARA500",
        "lot": "L9",
        "expires": "31/12/2030",
        "quantity": "10",
        "price": "100",
        "note": "",
        **more,
    }
