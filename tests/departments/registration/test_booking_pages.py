"""Booking on a phone without an account, and the bookings of the day at the desk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import date, time, timedelta

import pytest

from lienmach.care import booking, queue, resources
from lienmach.record.transaction import Transaction
from tests.clinic import Clinic
from tests.web.client import Browser

WHO = {"name": "Nguyễn Văn Ân", "phone": "0912 345 678"}


@pytest.fixture
async def tomorrow(clinic: Clinic) -> date:
    """The clinic's endocrinology can be booked tomorrow, 08:00 to 09:00, two times."""
    room = await clinic.room("exam", "P101")

    async def work(tx: Transaction) -> date:
        day = queue.today(tx) + timedelta(days=1)
        plan = booking.Plan((1, 2, 3, 4, 5, 6, 7), ((time(8), time(9)),), 30)
        place = {"reference": f"Location/{room.id}", "display": "P101"}
        own = await resources.create(tx, booking.schedule(("noi-tiet", "Nội tiết"), room=place, plan=plan))
        await booking.make_slots(tx, resources.of(own), day)
        return day

    return await clinic.store.run(clinic.actor("reception"), work)


async def choose(browser: Browser, day: date) -> str:
    """Walk to the form of the first time of the day; returns its slot."""
    await browser.get("/dat-kham")
    link = re.search(r'href="(/dat-kham\?specialty=noi-tiet)"', browser.page)
    assert link is not None and "Nội tiết" in browser.words()
    await browser.get(f"{link[1]}&day={day}")
    slot = re.search(r"/dat-kham\?slot=([^\"]+)", browser.page)
    assert slot is not None
    await browser.get(f"/dat-kham?slot={slot[1]}")
    return slot[1]


def secret_of(browser: Browser) -> str:
    found = re.search(r"/dat-kham/(\d{20})", browser.page)
    assert found is not None
    return found[1]


async def test_a_citizen_books_in_three_steps_and_gets_a_ticket(browser: Browser, tomorrow: date) -> None:
    slot = await choose(browser, tomorrow)
    assert "08:00" in browser.words() and "Ai đến khám?" in browser.words()
    answer = await browser.post("/dat-kham", {"slot": slot, **WHO})
    assert answer.status_code == 201
    assert "Đã đặt lịch" in browser.words() and "<svg" in browser.page and "08:00" in browser.words()
    await browser.get(f"/dat-kham/{secret_of(browser)}")
    assert "Nguyễn Văn Ân" in browser.words()


async def test_a_hundred_posts_of_the_last_slot_give_one_ticket(
    browser_at: Callable[..., Browser], tomorrow: date
) -> None:
    browser = browser_at()
    slot = await choose(browser, tomorrow)
    form = {"csrf": browser.proof(), "slot": slot, "name": WHO["name"]}
    answers = await asyncio.gather(
        *(browser.client.post("/dat-kham", data={**form, "phone": f"09123456{n:02d}"}) for n in range(100))
    )
    assert sorted(one.status_code for one in answers) == [201, *[409] * 99]
    late = next(one for one in answers if one.status_code == 409)
    assert "vừa có người khác đặt" in late.text and "08:30" in late.text and 'type="radio"' in late.text


async def test_a_wrong_name_or_phone_is_said_beside_its_field_and_kept(browser: Browser, tomorrow: date) -> None:
    slot = await choose(browser, tomorrow)
    answer = await browser.post("/dat-kham", {"slot": slot, "name": "A" * 300, "phone": "12"})
    assert answer.status_code == 422 and 'value="12"' in browser.page
    assert "dài quá 100 ký tự" in browser.words() and "10 chữ số" in browser.words()


async def test_a_booking_without_the_pages_proof_is_refused(browser: Browser, tomorrow: date) -> None:
    slot = await choose(browser, tomorrow)
    assert (await browser.client.post("/dat-kham", data={"slot": slot, **WHO})).status_code == 403


async def test_a_ticket_is_changed_and_cancelled_by_its_holder(browser: Browser, tomorrow: date) -> None:
    slot = await choose(browser, tomorrow)
    await browser.post("/dat-kham", {"slot": slot, **WHO})
    secret = secret_of(browser)
    await browser.get(f"/dat-kham/{secret}?day={tomorrow}")
    other = re.search(r'name="slot" value="([^"]+)"', browser.page)
    assert other is not None and "08:30" in browser.words()
    answer = await browser.post(f"/dat-kham/{secret}", {"action": "change", "slot": other[1]})
    assert answer.status_code == 303
    await browser.get(f"/dat-kham/{secret}")
    assert "08:30" in browser.words()
    cancel = {"action": "cancel", "csrf": browser.proof()}
    await browser.post(f"/dat-kham/{secret}", cancel)
    await browser.get(f"/dat-kham/{secret}")
    assert "Lịch hẹn đã huỷ" in browser.words()
    again = await browser.post(f"/dat-kham/{secret}", cancel)
    assert again.status_code == 409 and "không đổi được nữa" in browser.words()


async def test_a_full_day_leads_to_the_waiting_list(browser: Browser, tomorrow: date) -> None:
    for number in range(2):
        slot = await choose(browser, tomorrow)
        await browser.post("/dat-kham", {"slot": slot, "name": "Trần Bưởi", "phone": f"098765432{number}"})
    await browser.get(f"/dat-kham?specialty=noi-tiet&day={tomorrow}")
    assert "không còn giờ trống" in browser.words()
    await browser.get(f"/dat-kham?specialty=noi-tiet&wait={tomorrow}")
    answer = await browser.post("/dat-kham", {"specialty": "noi-tiet", "wait": str(tomorrow), **WHO})
    assert answer.status_code == 201 and "Đang chờ có giờ trống" in browser.words()


async def test_an_unknown_ticket_or_slot_shows_nothing(browser: Browser, tomorrow: date) -> None:
    assert (await browser.get("/dat-kham/00000000000000000000")).status_code == 404
    assert (await browser.get("/dat-kham?slot=none")).status_code == 200


async def test_without_open_hours_the_page_says_what_to_do(clinic: Clinic, browser: Browser) -> None:
    await browser.get("/dat-kham")
    assert "Chưa mở đặt lịch" in browser.words() or "Bạn muốn khám gì?" in browser.words()


# -- the desk ------------------------------------------------------------------------------------------------------


async def test_the_desk_opens_hours_and_sees_who_comes(
    clinic: Clinic, browser_at: Callable[..., Browser], browser: Browser
) -> None:
    desk = browser_at()
    await desk.sign_in("reception")
    await desk.get("/registration/bookings")
    room = await clinic.room("exam", "P101")
    plan = {"action": "plan", "room": room.id, "hours": "08:00-09:00", "minutes": "30", "places": "1", "weekday": "1"}
    assert (await desk.post("/registration/bookings", {**plan, "hours": "tám giờ"})).status_code == 422
    assert "Giờ khám chưa đúng" in desk.words()
    assert (await desk.post("/registration/bookings", plan)).status_code == 303
    async with clinic.store.begin(clinic.actor("reception")) as tx:
        monday = queue.today(tx) + timedelta(days=7 - queue.today(tx).weekday())
    make = {"action": "make", "from": str(monday), "days": "1"}
    for _ in range(2):
        assert (await desk.post("/registration/bookings", make)).status_code == 303
    slot = await choose(browser, monday)
    await browser.post("/dat-kham", {"slot": slot, **WHO})
    await desk.get(f"/registration/bookings?day={monday}")
    assert "Nguyễn Văn Ân" in desk.words() and "1 lịch hẹn, còn 1 giờ trống" in desk.words()
    key = re.search(r'name="appointment" value="([^"]+)"', desk.page)
    assert key is not None
    await desk.post("/registration/bookings", {"action": "cancel", "appointment": key[1], "day": str(monday)})
    await browser.get(f"/dat-kham/{secret_of(browser)}")
    assert "Lịch hẹn đã huỷ" in browser.words()


async def test_a_booking_ticket_at_the_desk_finds_the_person_or_starts_their_registration(
    clinic: Clinic, browser_at: Callable[..., Browser], browser: Browser, tomorrow: date
) -> None:
    slot = await choose(browser, tomorrow)
    await browser.post("/dat-kham", {"slot": slot, **WHO})
    link = f"https://kham.example/dat-kham/{secret_of(browser)}"
    desk = browser_at()
    await desk.sign_in("reception")
    await desk.get("/registration/arrivals")
    await desk.post("/registration/arrivals", {"text": link})
    assert "Phiếu hẹn của Nguyễn Văn Ân" in desk.words() and 'value="0912345678"' in desk.page
    one = await clinic.patient()
    await desk.post("/registration/arrivals", {"text": link})
    assert f"/registration/arrivals/{one}?booking=" in desk.page
    same = await clinic.patient(telecom=[{"system": "phone", "value": "0912 345 678"}])
    answer = await desk.post("/registration/arrivals", {"text": link})
    assert answer.status_code == 303 and answer.headers["location"].startswith(
        f"/registration/arrivals/{same}?booking="
    )
