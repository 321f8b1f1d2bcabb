"""Step 1: a citizen books on the phone; a hundred people want the same last time."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from playwright.sync_api import expect

from tests.browser.story_screens import Screens

NAME, PHONE_NUMBER = "Nguyễn Văn Ân", "0000 123 456"
RACERS = 100
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def book(screens: Screens) -> None:
    """Nội tiết, tomorrow at eight; the ticket has a QR."""
    desk = screens.seat("citizen", phone=True)
    page = desk.page
    desk.go("/dat-kham")
    screens.shoot(page, "citizen-specialty")
    page.get_by_role("link", name="Nội tiết").click()
    tomorrow = datetime.now(ZONE).date() + timedelta(days=1)
    page.locator(f"nav.days a[href$='day={tomorrow}']").click()
    screens.shoot(page, "citizen-times")
    page.get_by_role("link", name=re.compile(r"^0?8:00")).click()
    page.get_by_label("Họ và tên").fill(NAME)
    page.get_by_label("Điện thoại").fill(PHONE_NUMBER)
    screens.shoot(page, "citizen-who")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Đã đặt lịch")).to_be_visible()
    expect(page.get_by_role("img", name="Mã QR của phiếu hẹn")).to_be_visible()
    expect(page.locator("main")).to_contain_text(f"{tomorrow:%d/%m/%Y}")
    screens.shoot(page, "citizen-ticket")
    assert screens.node.resources(f"Appointment?date={tomorrow}"), "the booking stands in the record"


def race(screens: Screens) -> None:
    """The last time of tomorrow's morning: one gets it, the others read which times are free."""
    desk = screens.seat("citizen")
    tomorrow = datetime.now(ZONE).date() + timedelta(days=1)
    desk.go(f"/dat-kham?specialty=noi-tiet&day={tomorrow}")
    slot = desk.page.locator(".times a").last.get_attribute("href") or ""
    answers = _in_a_thread(f"http://{screens.node.address}", slot)
    counts = Counter(status for status, _ in answers)
    assert counts == {201: 1, 409: RACERS - 1}, (counts, answers[:1])
    assert all("vừa có người khác đặt" in text for status, text in answers if status == 409)
    desk.go(slot)
    desk.page.get_by_label("Họ và tên").fill("Lý Thị Muộn")
    desk.page.get_by_label("Điện thoại").fill("0000 123 457")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("alert")).to_contain_text("vừa có người khác đặt")
    screens.shoot(desk.page, "citizen-too-late")


def _in_a_thread(base: str, slot: str) -> list[tuple[int, str]]:
    """Run the race beside playwright's own event loop."""
    found: list[tuple[int, str]] = []
    runner = threading.Thread(target=lambda: found.extend(asyncio.run(_race(base, slot))))
    runner.start()
    runner.join()
    return found


async def _race(base: str, slot: str) -> list[tuple[int, str]]:
    async with httpx.AsyncClient(base_url=base, timeout=60, limits=httpx.Limits(max_connections=RACERS)) as client:
        form = (await client.get(slot)).text
        proof = re.search(r'name="csrf" value="([^"]+)"', form)
        chosen = re.search(r'name="slot" value="([^"]+)"', form)
        assert proof is not None and chosen is not None

        async def post(number: int) -> tuple[int, str]:
            who = {"name": "Lý Thị Thử", "phone": f"0000 200 {number:03d}"}
            answer = await client.post(
                "/dat-kham", data={"csrf": proof[1], "slot": chosen[1], "specialty": "noi-tiet", **who}
            )
            return answer.status_code, answer.text

        return list(await asyncio.gather(*(post(number) for number in range(RACERS))))
