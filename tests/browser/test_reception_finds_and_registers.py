"""Reception with the keyboard: find, scan, register."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk

Sit = Callable[..., Desk]
CARD = "079158004521||Dang Thi Duong|01021958|Nu|Thon Mau|01012022"


@pytest.mark.parametrize("text", ["dang thi duong", "dtd 1958", "4521", "079158004521"])
def test_a_person_is_found_and_opened_by_keyboard_alone(at: Sit, text: str) -> None:
    desk = at("reception")
    desk.find(text)
    expect(desk.page.get_by_role("link", name="Đặng Thị Đường")).to_be_visible()
    desk.page.keyboard.press("ArrowDown")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", level=1)).to_have_text("Đặng Thị Đường")
    assert not desk.complaints


def test_exact_letters_come_before_similar_ones(at: Sit) -> None:
    desk = at("reception")
    desk.find("Nguyễn Văn Ân")
    expect(desk.page.locator("#hits a").first).to_contain_text("Nguyễn Văn Ân")
    desk.find("nguyễn văn an")
    expect(desk.page.locator("#hits a").first).to_contain_text("Nguyễn Văn An ")


def test_slow_typing_never_loses_the_chosen_row(at: Sit) -> None:
    desk = at("reception")
    desk.find("")
    desk.page.get_by_label("Tìm người bệnh").press_sequentially("nguyen van", delay=120)
    expect(desk.page.locator("#hits a")).to_have_count(2)
    desk.page.keyboard.press("ArrowDown")
    expect(desk.page.locator("#hits a").first).to_be_focused()
    desk.page.keyboard.press("ArrowUp")
    expect(desk.page.get_by_label("Tìm người bệnh")).to_be_focused()


def test_a_scan_outside_any_field_opens_the_person(at: Sit) -> None:
    desk = at("reception")
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.keyboard.type(CARD)
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("link", name="Đặng Thị Đường")).to_be_visible()
    assert "0791" not in desk.page.url


def test_a_scan_that_an_input_method_spoilt_is_read_from_the_raw_keys(at: Sit) -> None:
    desk = at("reception")
    desk.find("")
    box = desk.page.get_by_label("Tìm người bệnh")
    box.focus()
    # An input method changes the text of the field while the keys themselves stay what they are.
    desk.page.evaluate("""document.querySelector('#text').addEventListener('input', event => {
        event.target.value = event.target.value.replace('Dang', 'Đẩng').replace('01021958', '01?21958') })""")
    desk.page.keyboard.type(CARD)
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("link", name="Đặng Thị Đường")).to_be_visible()


def test_a_new_person_is_registered_and_a_similar_one_is_shown_while_typing(at: Sit) -> None:
    desk = at("reception")
    desk.page.keyboard.press("F4")
    desk.page.get_by_label("Họ và tên").fill("Đặng Thị Đường")
    desk.page.get_by_label("Nữ").check()
    desk.page.get_by_label("Ngày sinh").fill("01021958")
    expect(desk.page.get_by_role("alert")).to_contain_text("Có thể người này đã có hồ sơ")
    desk.page.get_by_label("Họ và tên").fill("Lý Thị Mới Toanh")
    expect(desk.page.get_by_text("Có thể người này đã có hồ sơ")).to_have_count(0)
    desk.page.get_by_role("button", name="Lưu hồ sơ mới").click()
    expect(desk.page.get_by_role("heading", level=1)).to_have_text("Lý Thị Mới Toanh")
    desk.find("ly thi moi toanh")
    expect(desk.page.get_by_role("link", name="Lý Thị Mới Toanh")).to_be_visible()


def test_a_commune_is_chosen_from_those_of_the_province(at: Sit) -> None:
    desk = at("reception")
    desk.go("/registration/patients/new")
    desk.page.get_by_label("Tỉnh, thành phố").select_option(label="Hà Nội")
    desk.page.get_by_label("Phường, xã").press_sequentially("ba dinh", delay=60)
    expect(desk.page.locator("#communes option[value='Phường Ba Đình']")).to_have_count(1)


def test_keys_are_told_and_escape_goes_back(at: Sit) -> None:
    desk = at("reception")
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.keyboard.press("?")
    expect(desk.page.get_by_role("dialog")).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(desk.page.get_by_role("dialog")).to_have_count(0)
