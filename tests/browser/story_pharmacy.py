"""Step 8: the hospital's dispensary gives out what the fund pays; an outside pharmacy sells the rest, once."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.story_arrival import NAME
from tests.browser.story_screens import Screens

RETURNED = "10"
_TOO_EARLY = "Chưa cấp được: người bệnh cần qua bàn bảo hiểm và quầy thu ngân trước."


def refuse(screens: Screens, code: str) -> None:
    """Before statement and payment the list says what is missing; there is no button, and a form sent all the same
    gets the sentence and nothing else."""
    desk = screens.seat("duocsi")
    page = desk.page
    desk.go("/pharmacy/prescriptions")
    expect(page.locator("#waiting a", has_text=NAME)).to_contain_text("Chờ chốt bảng kê")
    screens.shoot(page, "pharmacist-too-early")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(_TOO_EARLY)
    expect(page.locator("button[data-key=F9]")).to_have_count(0)
    screens.shoot(page, "pharmacist-refuses")
    names = page.locator("input[name^=quantity]").evaluate_all("all => all.map(one => one.name)")
    form: dict[str, str | float | bool] = dict.fromkeys(names, "1")
    form["csrf"] = page.locator("input[name=csrf]").first.input_value()
    answer = page.context.request.post(page.url, form=form)
    assert len(names) == 2 and answer.status == 409 and "chốt bảng kê" in answer.text(), (answer.status, names)
    assert not screens.node.resources("MedicationDispense?status=completed")


def give(screens: Screens, code: str) -> None:
    """Both insured lines at once; the same form sent a second time is refused in words."""
    desk = screens.seat("duocsi")
    page = desk.page
    desk.go("/pharmacy/prescriptions")
    expect(page.locator("#waiting")).to_contain_text(code)
    screens.shoot(page, "pharmacist-waiting")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Thuốc BHYT cấp tại đây")).to_be_visible()
    expect(page.locator("input[name^=quantity]")).to_have_count(2)
    expect(page.locator("main .tag.good").first).to_contain_text("Sẵn sàng cấp")
    screens.shoot(page, "pharmacist-prescription")
    second = page.context.new_page()
    second.goto(page.url)  # the same prescription at another counter
    page.keyboard.press("F9")
    expect(page.locator("main")).to_contain_text("Đã cấp và trừ kho")
    expect(page.get_by_text("Đã cấp đủ")).to_have_count(2)
    screens.shoot(page, "pharmacist-given")
    second.keyboard.press("F9")
    expect(second.get_by_role("alert")).to_be_visible()
    screens.shoot(second, "pharmacist-refused")
    second.close()
    assert len(screens.node.resources("MedicationDispense?status=completed")) == 2


def take_back(screens: Screens, code: str) -> None:
    """Ten tablets come back with a reason: stock and charge follow."""
    desk = screens.seat("duocsi")
    page = desk.page
    desk.go(f"/pharmacy/prescriptions/{code}")
    back = page.locator("details.card", has_text="Amlodipin 5 mg")
    back.locator("summary").click()
    back.get_by_label("Số lượng trả lại").fill(RETURNED)
    back.get_by_label("Lý do").fill("Người bệnh còn thuốc ở nhà")
    back.get_by_label("Lý do").scroll_into_view_if_needed()
    screens.shoot(page, "pharmacist-takes-back")
    back.get_by_role("button", name="Nhận lại vào kho").click()
    expect(page.locator("main")).to_contain_text("Đã nhận lại thuốc vào kho")


def sell(screens: Screens, code: str) -> None:
    """By the code alone: only the line that nobody else pays; part of it, then the rest."""
    desk = screens.seat("nhathuoc")
    page = desk.page
    screens.shoot(page, "outside-pharmacy-home")
    desk.go("/pharmacy/sales")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator("table.stack tbody tr")).to_have_count(1)
    expect(page.locator("main")).to_contain_text("Glucosamin")
    expect(page.locator("main")).not_to_contain_text("Metformin")
    page.get_by_label("Số lượng bán").fill("40")
    screens.shoot(page, "outside-pharmacy-sells")
    page.keyboard.press("F9")
    expect(page.locator("main .tag").first).to_contain_text("một phần")
    screens.shoot(page, "outside-pharmacy-partly")
    page.keyboard.press("F9")
    expect(page.locator("main .tag").first).to_contain_text("đã mua đủ")
    expect(page.locator("input[name^=quantity]")).to_have_count(0)
    screens.shoot(page, "outside-pharmacy-sold")
