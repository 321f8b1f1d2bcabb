"""Step 3: the doctor calls, asks about allergies, and orders with the money of the whole visit in sight."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.browser.story_node import StoryNode
from tests.browser.story_screens import Screens, settle

STATION = "tyt"
LINE = "379.500"  # 15 % of the base salary of 2,530,000 đ, in force since July 2026
HBA1C = "8.4"


def seed_earlier_result(node: StoryNode, patient_id: str) -> None:
    """What the commune station measured ten days ago, as its software sends it by the FHIR API."""
    at = (datetime.now(UTC) - timedelta(days=10)).isoformat(timespec="seconds")
    node.fhir(
        "POST",
        "Observation",
        {
            "resourceType": "Observation",
            "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]},
            "status": "final",
            "category": [
                {
                    "coding": [
                        {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
                    ]
                }
            ],
            "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}], "text": "HbA1c"},
            "subject": {"reference": f"Patient/{patient_id}"},
            "effectiveDateTime": at,
            "issued": at,
            "performer": [{"reference": f"Organization/{STATION}"}],
            "valueQuantity": {"value": float(HBA1C), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
        },
    )


def call(screens: Screens) -> str:
    """Choose the room once, then F9: the chart of who is next. Returns the Encounter's id."""
    desk = screens.seat("bacsi")
    page = desk.page
    page.keyboard.press("F3")
    page.get_by_role("button", name=re.compile("P101")).wait_for()
    screens.shoot(page, "doctor-room")
    page.get_by_role("button", name=re.compile("P101")).click()
    expect(page.locator("#work-list")).to_contain_text("Nguyễn Văn Ân")
    screens.shoot(page, "doctor-work-list")
    page.keyboard.press("F9")
    page.wait_for_url(re.compile(r"/outpatient/visits/[^/?]+\?started=1"))
    expect(page.locator(".banner .allergy")).to_contain_text("Chưa hỏi")
    expect(page.locator("#reason")).to_have_value(re.compile("khát nước"))  # what reception typed is not asked again
    screens.shoot(page, "doctor-chart")
    return page.url.split("?")[0].rsplit("/", 1)[1]


def weigh(screens: Screens) -> None:
    """The nurse chooses the room once and takes the vital signs; the chart of the doctor has them."""
    desk = screens.seat("dieuduong")
    page = desk.page
    desk.go("/outpatient/visits/rooms")
    page.get_by_role("button", name=re.compile("P101")).click()
    page.locator("#work-list a", has_text="Nguyễn Văn Ân").click()
    page.wait_for_url(re.compile(r"/outpatient/visits/[^/?]+$"))
    settle(page)
    page.locator("#vitals summary").click()
    for name, value in (("systolic", "135/80"), ("pulse", "82"), ("weight", "62,5"), ("height", "165")):
        page.fill(f"#vital-{name}", value)
    screens.shoot(page, "nurse-vitals")
    page.get_by_role("button", name="Lưu sinh hiệu").click()
    expect(page.locator("#vitals")).to_contain_text("62,5")


def set_allergy(screens: Screens) -> None:
    """Typed without a care for spelling, chosen by Enter; the banner says it from then on."""
    page = screens.seat("bacsi").page
    page.locator("#substance").click()
    page.keyboard.type("penici")
    page.locator("#substance-list [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    expect(page.locator(".banner .allergy")).to_contain_text(re.compile("penicil", re.IGNORECASE))


def order(screens: Screens) -> None:
    """The set by F4; the earlier HbA1c wants a reason; the Doppler lifts the visit over the line.

    Without the two images, which are never made, the thyroid tests keep it above: there is something to pay.
    """
    page = screens.seat("bacsi").page
    settle(page)  # the panels have taken the allergy in
    page.keyboard.press("F4")
    _add(page, "tieu duong tai kham", 3)
    repeat = page.locator("#orders .note", has_text="Trạm Y tế Phường Mẫu")
    expect(repeat).to_contain_text("8,4 %")
    screens.shoot(page, "doctor-order-set")
    expect(page.locator("#orders")).not_to_contain_text(LINE)
    page.get_by_label(re.compile("Vì sao làm lại")).fill("Đường huyết dao động nhiều, cần chỉnh thuốc")
    page.keyboard.press("Enter")
    settle(page)
    page.locator("#order-find").click()
    _add(page, "dien giai do", 4)
    expect(page.locator("#orders tbody tr .num").first).to_contain_text("→")
    settle(page)
    page.locator("#order-find").click()
    _add(page, "doppler mach mau chi duoi", 5)
    warning = page.locator("#orders .note", has_text=LINE)
    expect(warning).to_contain_text("mạch máu chi dưới")
    warning.scroll_into_view_if_needed()
    screens.shoot(page, "doctor-order-over-the-line")
    page.get_by_role("button", name=re.compile("người bệnh đồng ý")).click()
    settle(page)
    page.locator("#order-find").click()
    _add(page, "chuc nang tuyen giap", 6)
    settle(page)
    page.get_by_role("button", name=re.compile(r"Đặt 6 chỉ định")).click()
    expect(page.locator("#orders")).to_contain_text("Chụp X-quang ngực thẳng")
    expect(page.get_by_role("button", name=re.compile(r"Đặt \d+ chỉ định"))).to_have_count(0)
    screens.shoot(page, "doctor-ordered")


def _add(page: Page, text: str, count: int) -> None:
    page.keyboard.type(text)
    page.locator("#order-found [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    expect(page.locator("#orders input[name=line]")).to_have_count(count)
