"""A doctor reads a life: timeline, card, JSON, versions, who opened it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Desk
from tests.browser.people import DUONG

Sit = Callable[..., Desk]
PERSON = f"/registration/patients/{DUONG}"


def test_the_banner_never_leaves_a_blank(at: Sit) -> None:
    desk = at("doctor")
    desk.go(PERSON)
    banner = desk.page.get_by_label("Người bệnh", exact=True)
    for words in ("Đặng Thị Đường", "Nữ", "01/02/1958", "079158004521", "Penicillin", "Dữ liệu thử"):
        expect(banner).to_contain_text(words)
    desk.go("/registration/patients/an2")
    expect(banner).to_contain_text("Chưa hỏi")


def test_the_timeline_grows_by_key_and_filters(at: Sit) -> None:
    desk = at("doctor")
    desk.go(PERSON)
    expect(desk.page.locator(".line a")).to_have_count(40)
    desk.page.get_by_role("link", name="Xem thêm").click()
    expect(desk.page.locator(".line a")).to_have_count(52)
    desk.page.get_by_label("Loại").select_option("vaccines")
    expect(desk.page.locator(".line a")).to_have_count(1)
    expect(desk.page.locator(".line a")).to_contain_text("Cúm mùa")
    desk.page.get_by_role("link", name="Bỏ lọc").click()
    desk.page.get_by_label("Năm").select_option("2010")
    expect(desk.page.locator(".line a")).to_have_count(4)


def test_an_entry_opens_beside_the_timeline_by_keyboard(at: Sit) -> None:
    desk = at("doctor")
    desk.go(PERSON + "?kind=problems")
    desk.page.locator(".line a").first.focus()
    desk.page.keyboard.press("Enter")
    card = desk.page.get_by_role("article")
    expect(card).to_contain_text("Tăng huyết áp")
    expect(card).to_contain_text("I10 · ICD-10")
    card.get_by_text("Xem dạng FHIR JSON").click()
    expect(card.locator("pre")).to_contain_text('"resourceType": "Condition"')
    assert desk.page.url.endswith("kind=problems") and not desk.complaints


def test_on_a_phone_an_entry_is_a_page(at: Sit) -> None:
    desk = at("doctor", PHONE)
    desk.go(PERSON + "?kind=problems")
    desk.page.locator(".line a").first.click()
    desk.page.wait_for_url("**/entries/Condition/tha")
    expect(desk.page.get_by_role("article")).to_contain_text("Tăng huyết áp")


def test_two_versions_show_what_changed(at: Sit) -> None:
    desk = at("doctor")
    desk.go(f"{PERSON}/entries/Patient/{DUONG}")
    desk.page.get_by_role("link", name="Các phiên bản").click()
    row = desk.page.get_by_role("row").filter(has_text="Đã kết hôn")
    expect(row).to_contain_text("thêm")


def test_who_opened_the_record_names_this_look(at: Sit) -> None:
    desk = at("doctor")
    desk.go(PERSON)
    desk.page.get_by_role("link", name="Ai đã mở hồ sơ").click()
    expect(desk.page.get_by_role("row").nth(1)).to_contain_text("doctor Thử")
    expect(desk.page.get_by_role("row").nth(1)).to_contain_text("Mở hồ sơ")


def test_english_and_larger_letters(at: Sit) -> None:
    desk = at("dpo")
    desk.page.locator("summary").first.click()
    desk.page.get_by_role("button", name="English").click()
    expect(desk.page.get_by_role("heading", level=1)).to_have_text("Hello, dpo Thử")
    desk.page.locator("summary").first.click()
    desk.page.get_by_role("button", name="Larger letters").click()
    assert desk.page.evaluate("getComputedStyle(document.body).fontSize") == "18px"
