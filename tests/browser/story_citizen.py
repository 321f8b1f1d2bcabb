"""Step 11: the person on a phone: a code by message, then result, prescription, bill, papers, and who opened the record."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.browser.story_arrival import NAME, PHONE_NUMBER
from tests.browser.story_node import StoryNode
from tests.browser.story_screens import Screens

BIRTH = "01/02/1958"
MESSAGE_SECONDS = 60


def sign_in(screens: Screens) -> None:
    """Phone number and birth date; the code of the message opens the record, a wrong one does not."""
    desk = screens.seat("citizen", phone=True)
    page = desk.page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # it was the board of the waiting room
    desk.go("/cua-toi")
    page.get_by_label("Số điện thoại đã cho cơ sở").fill(PHONE_NUMBER)
    page.get_by_label("Ngày sinh của người có hồ sơ").fill(BIRTH)
    screens.shoot(page, "citizen-signs-in")
    page.get_by_role("button", name="Gửi mã cho tôi").click()
    page.wait_for_url("**/cua-toi/ma")
    code = _code(screens.node)
    page.get_by_label("Mã 6 chữ số").fill("000000" if code != "000000" else "111111")
    page.get_by_role("button", name="Mở hồ sơ").click()
    expect(page.get_by_role("alert")).to_contain_text("Mã chưa đúng")
    page.get_by_label("Mã 6 chữ số").fill(code)
    screens.shoot(page, "citizen-code")
    page.get_by_role("button", name="Mở hồ sơ").click()
    page.wait_for_url("**/citizen/home")


def read(screens: Screens, encounter_id: str, code: str) -> None:
    """The visit in plain words, all of it, and nothing to pay any more."""
    desk = screens.seat("citizen", phone=True)
    page = desk.page
    expect(page.locator("header")).to_contain_text(NAME)
    screens.shoot(page, "citizen-home")
    page.locator("a.open").first.click()
    page.wait_for_url(re.compile(encounter_id))
    main = page.locator("main")
    for words in ("Kali máu", "6,8", "Đái tháo đường", "Metformin 850 mg", code, "Đã xong, không còn phải trả"):
        expect(main).to_contain_text(words)
    expect(main).not_to_contain_text("Metformin 500 mg")
    screens.shoot(page, "citizen-visit")
    for heading, what in (("Kết quả", "results"), ("Thuốc", "medicines"), ("Tiền khám", "bill"), ("Giấy tờ", "papers")):
        page.get_by_role("heading", name=heading, exact=True).evaluate("one => one.scrollIntoView()")
        screens.shoot(page, f"citizen-{what}")


def see_who_opened(screens: Screens) -> None:
    """Everybody who saw something of it, by name, role and reason; and a way to say that it looks wrong."""
    page = screens.seat("citizen", phone=True).page
    page.get_by_role("link", name=re.compile("Trang đầu")).click()
    page.get_by_role("link", name="Ai đã mở hồ sơ của tôi").click()
    main = page.locator("main")
    seen = main.inner_text()
    while page.get_by_role("link", name="Xem cũ hơn").count():
        page.get_by_role("link", name="Xem cũ hơn").click()
        page.wait_for_load_state()
        seen += main.inner_text()
    for name in ("BS Mẫu Khám Bệnh", "DS Mẫu Cấp Thuốc", "Mẫu Giám Định", "Mẫu Thu Ngân", "Lễ tân Mẫu Tiếp Đón"):
        assert name in seen, (name, seen)
    page.evaluate("scrollTo(0, 0)")
    screens.shoot(page, "citizen-who-opened")


def _code(node: StoryNode) -> str:
    """The code in the newest message to this phone."""
    deadline = time.monotonic() + MESSAGE_SECONDS
    while True:
        inbox = node.ask_simulator("sms", f"/inbox?to={PHONE_NUMBER}")
        found = [one for each in inbox for one in re.findall(r"\b(\d{6}) la ma xem ho so", each["text"])]
        if found:
            return str(found[-1])
        assert time.monotonic() < deadline, inbox
        time.sleep(0.3)
