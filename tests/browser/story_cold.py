"""A common cold from "next, please" to signed, counted: a key or a click is one, typing a field is one.

What desk and cashier do afterwards (story_money.py) is their work and not counted: the twelve are of the doctor's hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.browser import story_arrival
from tests.browser.story_screens import Screens, settle

INTERACTIONS_MAX = 12
NAME = "Trần Thị Mẫu Cúc"
SELF_PAYING = "Lê Thị Mẫu Thu"
INSURED = "Phạm Thị Mẫu Bình"
INSURED_CARD = (
    f"079190000010|023456780|{INSURED}|01051990|Nữ|15 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh|15042021"
)


@dataclass
class Hand:
    """What the doctor's hand does."""

    page: Page
    count: int = 0

    def press(self, key: str) -> None:
        self.count += 1
        self.page.keyboard.press(key)

    def click(self, text: str) -> None:
        self.count += 1
        self.page.get_by_text(text, exact=True).first.click()

    def go_to(self, label: str) -> None:
        self.count += 1
        self.page.get_by_label(label, exact=True).click()

    def type(self, text: str) -> None:
        self.count += 1
        self.page.keyboard.type(text)


def receive(screens: Screens, name: str = NAME, card: str = "") -> None:
    """Somebody takes a number of room P102: typed in without a card, or with what the identity card says."""
    desk = screens.seat("tiepdon")
    page = desk.page
    desk.go("/registration/arrivals")
    if card:
        page.keyboard.press("F2")
        story_arrival.paste(page, card)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Đăng ký từ thẻ vừa quét").click()
    else:
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Đăng ký người mới").click()
        page.get_by_label("Họ và tên").fill(name)
        page.get_by_label("Nữ", exact=True).check()
        page.get_by_label("Ngày sinh").fill("1/5/90")
    page.get_by_label("Họ và tên").press("Enter")
    page.wait_for_url(re.compile(r"/registration/arrivals/[^/]+$"))
    if card:
        expect(page.get_by_role("complementary", name="Thẻ BHYT")).to_contain_text("Còn giá trị", timeout=30_000)
    page.get_by_label("Lý do đến khám").fill("Sổ mũi, ho hai ngày")
    page.get_by_label("Phòng khám").select_option("p-p102")
    page.get_by_label("Lý do đến khám").press("Enter")
    page.wait_for_url(re.compile(r"/registration/tickets/"))


def treat(screens: Screens, name: str = NAME, picture: str = "cold") -> Hand:
    """Call, ask, a snippet that fills note, code and medicine, look, sign. picture: "" for none."""
    desk = screens.seat("bacsi2")
    page = desk.page
    desk.go("/outpatient/visits")
    if page.get_by_role("button", name=re.compile("P102")).count():
        page.get_by_role("button", name=re.compile("P102")).click()
    expect(page.locator("#work-list")).to_contain_text(name)
    hand = Hand(page)
    hand.press("F9")
    page.wait_for_url(re.compile(r"started=1"))
    settle(page)
    hand.click("Đã hỏi: không có")
    page.locator("#allergies .tag.good").wait_for()
    hand.go_to("Bệnh sử")
    hand.type(".cam ")
    expect(page.locator("#codes input[name=main]")).to_have_value("J00")
    expect(page.locator("#prescription-panel")).to_contain_text("Paracetamol")
    if picture:
        screens.shoot(page, f"{picture}-filled")
    hand.press("F9")
    expect(page.get_by_role("heading", name="Nội dung sẽ ký")).to_be_visible()
    hand.click("Đỡ")
    if page.get_by_label("PIN ký").count():  # the key stays open for a while
        hand.go_to("PIN ký")
        hand.type(screens.node.pin)
    if picture:
        screens.shoot(page, f"{picture}-preview")
    hand.press("F9")
    expect(page.locator("main")).to_contain_text("Đã ký và kết thúc khám")
    return hand
