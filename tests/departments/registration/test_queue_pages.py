"""The queue on screen: the caller strip, the line of a place, the board on the wall, the phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lienmach.care import queue
from lienmach.care.queue import Ticket
from lienmach.record.transaction import Transaction
from tests.clinic import Clinic
from tests.web.client import Browser

HTMX = {"hx-request": "true"}


async def join(clinic: Clinic, room: str, name: str, visit: str, **more: int) -> Ticket:
    async def work(tx: Transaction) -> Ticket:
        return await queue.join(tx, room, kind="exam", patient_id="p", encounter_id=visit, name=name, **more)

    return await clinic.store.run(clinic.actor("reception"), work)


@pytest.fixture
async def room(clinic: Clinic) -> str:
    return (await clinic.room("exam", "P101")).id


@pytest.fixture
async def doctor(browser_at: Callable[..., Browser], room: str) -> Browser:
    browser = browser_at()
    await browser.sign_in("doctor")
    await browser.get(f"/registration/queue?place={room}")
    return browser


async def test_a_doctor_calls_recalls_skips_and_finishes(clinic: Clinic, doctor: Browser, room: str) -> None:
    for number, name in enumerate(("Trần Thị Một", "Lê Văn Hai"), 1):
        await join(clinic, room, name, f"e{number}")
    at = f"/registration/places/{room}"
    await doctor.get(f"{at}/caller", headers=HTMX)
    assert "2 người chờ" in doctor.words() and "chưa gọi ai" in doctor.words() and "<html" not in doctor.page
    proof = {"x-csrf-token": doctor.proof(), **HTMX}
    await doctor.post(f"{at}/call", headers=proof)
    assert "đang gọi P101-001 Trần T. Một" in doctor.words()
    ticket = doctor.page.split('name="ticket" value="')[1].split('"')[0]
    await doctor.post(f"{at}/recall", {"ticket": ticket}, headers=proof)
    assert "lần 2" in doctor.words()
    await doctor.post(f"{at}/skip", {"ticket": ticket}, headers=proof)
    assert "chưa gọi ai" in doctor.words() and "2 người chờ" in doctor.words()
    await doctor.post(f"{at}/call", headers=proof)
    assert "P101-002" in doctor.words()
    ticket = doctor.page.split('name="ticket" value="')[1].split('"')[0]
    await doctor.post(f"{at}/finish", {"ticket": ticket}, headers=proof)
    await doctor.post(f"{at}/finish", {"ticket": ticket}, headers=proof)
    assert "1 người chờ" in doctor.words()


async def test_calling_into_an_empty_room_says_so(clinic: Clinic, doctor: Browser, room: str) -> None:
    answer = await doctor.post(f"/registration/places/{room}/call")
    assert answer.status_code == 409 and "Không còn ai đang chờ ở đây" in doctor.words()


async def test_a_person_is_sent_to_another_room_and_the_queue_shows_the_line(
    clinic: Clinic, doctor: Browser, room: str
) -> None:
    made = await join(clinic, room, "Trần Thị Một", "e1", priority=8)
    await doctor.get(f"/registration/queue?place={room}")
    assert "P101-001" in doctor.words() and "ưu tiên" in doctor.words()
    other = (await clinic.room("exam", "P102")).id
    answer = await doctor.post(f"/registration/places/{room}/transfer", {"ticket": made.ticket_id, "to": other})
    assert answer.status_code == 303
    await doctor.get(f"/registration/queue?place={other}")
    assert "P101-001" in doctor.words()
    await doctor.get(f"/registration/queue?place={room}")
    assert "Không có ai đang chờ" in doctor.words()


async def test_the_board_shows_number_room_and_half_a_name_to_everybody(
    clinic: Clinic, browser: Browser, doctor: Browser, room: str
) -> None:
    await browser.get("/bang-goi")
    assert "Chưa có ai được gọi" in browser.words() and 'http-equiv="refresh"' in browser.page
    made = await join(clinic, room, "Trần Thị Một", "e1")
    await doctor.post(f"/registration/places/{room}/call")
    answer = await browser.get("/bang-goi?tieng=1", headers=HTMX)
    assert answer.status_code == 200 and "<html" not in browser.page
    assert "P101-001" in browser.words() and "Trần T. Một" in browser.words() and "Thị" not in browser.words()
    assert made.secret not in browser.page
    await browser.get("/bang-goi?phong=P999")
    assert "P101-001" not in browser.words()


async def test_the_phone_says_how_many_are_ahead_and_when_it_is_ones_turn(
    clinic: Clinic, browser: Browser, doctor: Browser, room: str
) -> None:
    await join(clinic, room, "Trần Thị Một", "e1")
    mine = await join(clinic, room, "Lê Văn Hai", "e2")
    await browser.get(f"/so/{mine.secret}")
    assert "Còn 1 người trước bạn" in browser.words() and "Khoảng 5–20 phút nữa" in browser.words()
    await doctor.post(f"/registration/places/{room}/call")
    await doctor.post(f"/registration/places/{room}/call")
    await browser.get(f"/so/{mine.secret}", headers=HTMX)
    assert "Đến lượt bạn" in browser.words()
    assert (await browser.get("/so/1234")).status_code == 404


async def test_a_slip_prints_as_page_and_as_pdf(clinic: Clinic, browser: Browser, room: str) -> None:
    person = await clinic.patient()

    async def work(tx: Transaction) -> Ticket:
        return await queue.join(tx, room, kind="exam", patient_id=person, encounter_id="e1", name="Nguyễn Văn Ân")

    made = await clinic.store.run(clinic.actor("reception"), work)
    await browser.sign_in("reception")
    await browser.get(f"/registration/tickets/{made.ticket_id}")
    assert "Nguyễn Văn Ân" in browser.words() and "data-print-now" not in browser.page
    answer = await browser.get(f"/registration/tickets/{made.ticket_id}/paper")
    assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF")
    assert (await browser.get("/registration/tickets/none")).status_code == 404
