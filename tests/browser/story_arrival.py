"""Step 2: reception scans the identity card; the person gets a number, and is found by whatever is typed."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.story_screens import Screens

NAME = "Nguyễn Văn Ân"
PHONE_NUMBER = "0000123456"  # no phone of anybody: he gives it at the desk, and a code comes there later
CITIZEN_NUMBER = "079058000011"
CARD = (
    f"{CITIZEN_NUMBER}|023456789|{NAME}|01021958|Nam|"
    "12 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh|15042021"
)  # fmt: skip
SEARCHES = ("nguyen van an", "an 1958", "0011")


def receive(screens: Screens) -> str:
    """F2, paste, three Enters: registered, insurance checked, visit open, ticket. Returns the Patient's id."""
    desk = screens.seat("tiepdon")
    page = desk.page
    screens.shoot(page, "reception-home")
    desk.go("/registration/arrivals")
    page.keyboard.press("F2")
    paste(page, CARD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Đăng ký từ thẻ vừa quét").wait_for()
    screens.shoot(page, "reception-scanned")
    page.get_by_role("button", name="Đăng ký từ thẻ vừa quét").click()
    expect(page.get_by_label("Họ và tên")).to_have_value(NAME)
    expect(page.get_by_label("Số căn cước")).to_have_value(CITIZEN_NUMBER)
    expect(page.get_by_label("Phường, xã")).to_have_value("Phường Sài Gòn")
    expect(page.locator("#person")).to_contain_text("cũ: Phường Bến Nghé, Quận 1")
    page.get_by_label("Điện thoại", exact=True).fill(PHONE_NUMBER)
    screens.shoot(page, "reception-registers")
    page.get_by_label("Họ và tên").press("Enter")
    page.wait_for_url(re.compile(r"/registration/arrivals/[^/]+$"))
    patient_id = page.url.split("?")[0].rsplit("/", 1)[1]
    banner = page.get_by_role("region", name="Người bệnh", exact=True)
    expect(banner).to_contain_text(NAME)
    expect(banner).to_contain_text("01/02/1958")
    card = page.get_by_role("complementary", name="Thẻ BHYT")
    expect(card).to_contain_text("Còn giá trị", timeout=30_000)
    page.get_by_label("Lý do đến khám").fill("Tái khám tiểu đường, hay khát nước")
    page.get_by_label("Phòng khám").select_option("p-p101")
    screens.shoot(page, "reception-arrival")
    page.get_by_label("Lý do đến khám").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/registration/tickets/"))
    expect(page.locator(".slip80")).to_contain_text(NAME)
    screens.shoot(page, "reception-ticket")
    return patient_id


def address(screens: Screens, patient_id: str) -> None:
    """The address of today with the old form beside it."""
    desk = screens.seat("tiepdon")
    desk.go(f"/registration/patients/{patient_id}/entries/Patient/{patient_id}")
    expect(desk.page.locator("main")).to_contain_text("Phường Sài Gòn")
    expect(desk.page.locator("main")).to_contain_text("Phường Bến Nghé, Quận 1")
    desk.page.get_by_text("Phường Sài Gòn").first.scroll_into_view_if_needed()
    screens.shoot(desk.page, "reception-person")


def board(screens: Screens) -> None:
    """The television of the waiting room: numbers, and names half hidden."""
    desk = screens.seat("citizen")
    desk.page.set_viewport_size({"width": 1366, "height": 768})
    desk.go("/bang-goi")
    expect(desk.page.locator("#lines")).to_contain_text(re.compile(r"\d{2,}"))
    expect(desk.page.locator("#lines")).not_to_contain_text(NAME)
    screens.shoot(desk.page, "waiting-room-board", waits=False)


def search(screens: Screens) -> None:
    """No accents, a word and the year of birth, the last four digits: each finds him first."""
    desk = screens.seat("tiepdon")
    for text in SEARCHES:
        desk.go("/registration/queue")
        desk.page.keyboard.press("F2")
        desk.page.wait_for_url(desk.base + "/registration/patients")
        expect(desk.page.get_by_label("Tìm người bệnh")).to_be_focused()
        desk.page.keyboard.type(text)
        expect(desk.page.locator("#hits a").first).to_contain_text(NAME)
    screens.shoot(desk.page, "reception-search")


def register_again(screens: Screens) -> None:
    """Typed without a scan, the same man is seen before he is stored a second time."""
    desk = screens.seat("tiepdon")
    page = desk.page
    page.keyboard.press("F4")
    page.get_by_label("Họ và tên").fill("nguyễn văn ân")
    page.get_by_label("Nam", exact=True).check()
    page.get_by_label("Ngày sinh").fill("01021958")
    expect(page.get_by_role("alert")).to_contain_text("Có thể người này đã có hồ sơ")
    screens.shoot(page, "reception-duplicate")
    page.get_by_role("button", name="Lưu hồ sơ mới").click()
    expect(page.get_by_label("Vì sao vẫn đăng ký mới?")).to_be_visible()
    assert len(screens.node.resources(f"Patient?identifier={CITIZEN_NUMBER}")) == 1


def paste(page: Page, text: str) -> None:
    """As a scanner or a person does."""
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+V")
