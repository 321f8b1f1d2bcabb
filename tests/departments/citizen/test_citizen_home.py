"""The first page of one's own record: what is next, and the visits; of this person only."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

from lienmach.care import booking, resources
from lienmach.care.booking import Booking
from lienmach.record.transaction import Transaction
from tests.departments.citizen.own_world import OwnRecord

HEART = ("tim-mach", "Tim mạch")


async def slots(own: OwnRecord) -> list[str]:
    """Free times of tomorrow, whatever day that is; their ids."""
    clinic = own.clinic
    tomorrow = clinic.store.now().astimezone().date() + timedelta(days=1)
    room = await clinic.room("exam")

    async def plan(tx: Transaction) -> str:
        place = {"reference": f"Location/{room.id}", "display": room.name}
        hours = booking.Plan(hours=((time(8), time(12)),), minutes=30, weekdays=tuple(range(7)))
        return (await resources.create(tx, booking.schedule(HEART, room=place, plan=hours))).id

    made = await clinic.store.run(clinic.actor("system"), plan)

    async def fill(tx: Transaction) -> None:
        await booking.make_slots(tx, await resources.read(tx, "Schedule", made), tomorrow)

    await clinic.store.run(clinic.actor("system"), fill)
    async with clinic.store.begin(clinic.actor("visitor")) as tx:
        found = await booking.open_slots(tx, specialty=HEART[0], day=tomorrow)
    assert len(found) > 3
    return [one.slot_id for one in found]


async def book(own: OwnRecord, slot_id: str, name: str, phone: str, patient_id: str = "") -> Booking:
    async def work(tx: Transaction) -> Booking:
        return booking.of(await booking.book(tx, slot_id, name=name, phone=phone, patient_id=patient_id))

    return await own.clinic.store.run(own.clinic.actor("reception"), work)


async def test_empty_pages_say_so(own: OwnRecord) -> None:
    await own.person()
    browser = own.browser()
    await own.sign_in(browser)
    await browser.get("/citizen/home")
    assert "Chưa có lịch hẹn nào" in browser.words() and "Chưa có lần khám nào ở đây" in browser.words()
    assert 'href="/dat-kham"' in browser.page


async def test_appointments_lead_to_their_ticket_and_others_stay_away(own: OwnRecord) -> None:
    patient_id = await own.person()
    other_id = await own.person(name="Trần Thị Bích", birth="1990-05-06")
    free = await slots(own)
    named = await book(own, free[0], "Ai Đó", "0911111111", patient_id)
    by_phone = await book(own, free[1], "nguyễn văn ân", "0912345678")
    hidden = [
        await book(own, free[2], "Trần Thị Bích", "0912345678"),  # the same phone, another name
        await book(own, free[3], "Nguyễn Văn Ân", "0911111112"),  # the same name, another phone
        await book(own, free[4], "Nguyễn Văn Ân", "0912345678", other_id),  # somebody else's by now
    ]
    browser = own.browser()
    await own.sign_in(browser)
    await browser.get("/citizen/home")
    for one in (named, by_phone):
        assert f"/dat-kham/{one.secret}" in browser.page
    for one in hidden:
        assert one.secret not in browser.page
    assert "Đổi hoặc huỷ hẹn" in browser.words() and "Trần" not in browser.words()


async def test_a_cancelled_appointment_and_one_of_yesterday_are_gone(own: OwnRecord) -> None:
    patient_id = await own.person()
    free = await slots(own)
    one = await book(own, free[0], "Nguyễn Văn Ân", "0912345678", patient_id)
    clinic = own.clinic

    async def cancel(tx: Transaction) -> None:
        await booking.cancel(tx, one.secret)

    await clinic.store.run(clinic.actor("visitor"), cancel)
    late = await book(own, free[1], "Nguyễn Văn Ân", "0912345678", patient_id)
    now = clinic.store.now
    browser = own.browser()
    await own.sign_in(browser)
    await browser.get("/citizen/home")
    assert late.secret in browser.page and one.secret not in browser.page
    clinic.store.now = lambda: now() + timedelta(days=2)
    await browser.get("/citizen/home")
    assert late.secret not in browser.page


async def test_a_slip_without_ticket_says_whom_to_ask(own: OwnRecord) -> None:
    patient_id = await own.person()
    day = (date.today() + timedelta(days=7)).isoformat()

    async def work(tx: Transaction) -> Any:
        appointment = {
            "resourceType": "Appointment", "status": "booked", "start": f"{day}T08:00:00+07:00", "end": f"{day}T08:15:00+07:00",
            "participant": [{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}],
        }  # fmt: skip
        return await resources.create(tx, appointment)

    await own.clinic.store.run(own.clinic.actor("system"), work)
    browser = own.browser()
    await own.sign_in(browser)
    await browser.get("/citizen/home")
    assert "Muốn đổi ngày? Gọi cơ sở" in browser.words() and "08:00" in browser.words()


async def test_visits_of_this_person_only_and_none_that_was_cancelled(own: OwnRecord) -> None:
    clinic = own.clinic
    patient_id = await own.person()
    mine = await clinic.visit(patient_id)
    other = await clinic.visit(await own.person(name="Trần Thị Bích", birth="1990-05-06"))

    async def cancel(tx: Transaction) -> None:
        encounter = await resources.read(tx, "Encounter", mine)
        await resources.update(tx, {**encounter, "status": "cancelled"})

    browser = own.browser()
    await own.sign_in(browser)
    await browser.get("/citizen/home")
    assert f"/citizen/visits/{mine}" in browser.page and other not in browser.page
    await clinic.store.run(clinic.actor("system"), cancel)
    await browser.get("/citizen/home")
    assert mine not in browser.page
