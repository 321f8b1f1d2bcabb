"""Step 4: tubes, an analyser with a dangerous potassium, and the doctor who must know within seconds."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.browser.story_node import ANALYSER
from tests.browser.story_screens import Screens

MEASURED = {"K": "6.8", "NA": "138", "CL": "101", "CREA": "96"}
GLYCATED = {"HBA1C": "8.1"}
TYPED = {"TSH": "2,1", "FT3": "4,8", "FT4": "15,2"}  # from a bench without a line to this system
UNKNOWN_TUBE = "9900000017"


def collect(screens: Screens) -> dict[str, str]:
    """The nurse takes the blood and labels the tubes. Returns the number of each tube by its container."""
    desk = screens.seat("dieuduong")
    page = desk.page
    desk.go("/laboratory/collections")
    expect(page.locator("form.card", has_text="Nguyễn Văn Ân")).to_contain_text("Điện giải đồ")
    screens.shoot(page, "nurse-collects")
    page.get_by_role("button", name="Đã lấy mẫu, tạo ống").click()
    expect(page.get_by_role("heading", name=re.compile("dán nhãn"))).to_be_visible()
    screens.shoot(page, "nurse-labels")
    rows = page.locator("section[aria-labelledby=done-title] li").all()
    tubes = {row.inner_text(): row.locator("b.num").inner_text() for row in rows}
    label = page.context.request.get(desk.base + str(page.locator("a[data-key=F10]").get_attribute("href")))
    screens.shoot_paper(label.body(), "nurse-label-paper")
    return {("serum" if "serum" in text else "edta"): number for text, number in tubes.items()}


def show_analyser(screens: Screens) -> None:
    """The machine of the demo clinic with its codes; the simulator is its own process."""
    desk = screens.seat("xetnghiem")
    desk.go("/laboratory/analysers")
    desk.page.get_by_role("row", name=re.compile(ANALYSER)).get_by_role("link").click()
    for code in MEASURED:
        expect(desk.page.get_by_role("cell", name=code, exact=True)).to_be_visible()
    screens.shoot(desk.page, "laboratory-analyser")
    screens.node.start_analyser()


def measure(screens: Screens, tube: str) -> None:
    """The tube is scanned at the bench; the analyser sends; the doctor's chart says so by itself."""
    desk = screens.seat("xetnghiem")
    page = desk.page
    desk.go("/laboratory/orders")
    screens.shoot(page, "laboratory-work-list")
    page.keyboard.type(tube)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/laboratory/specimens/"))
    doctor = screens.seat("bacsi").page
    sent_at = time.monotonic()
    assert screens.node.measure(tube, MEASURED).startswith("AA")
    strip = doctor.locator(".notice-strip[hx-get='/laboratory/alerts']")
    expect(strip).to_contain_text("6,8", timeout=60_000)
    assert time.monotonic() - sent_at < 60
    screens.shoot(doctor, "doctor-alert")


def acknowledge(screens: Screens, patient_id: str) -> None:
    """Opened, answered with what is done about it; the hour is kept."""
    page = screens.seat("bacsi").page
    page.locator(".notice-strip a[href*='/laboratory/alerts']").click()
    expect(page.locator("main")).to_contain_text("6,8")
    page.get_by_label(re.compile("Đã xử trí")).fill("Cho làm lại kali, làm điện tim ngay, theo dõi tại phòng khám")
    screens.shoot(page, "doctor-acknowledges")
    page.keyboard.press("Enter")
    expect(page.locator(".notice-strip[hx-get='/laboratory/alerts'] .note")).to_have_count(0)
    tasks = screens.node.resources(f"Task?patient=Patient/{patient_id}")
    critical = [one for one in tasks if "critical-result" in str(one.get("code"))]
    assert len(critical) == 1 and critical[0]["status"] in ("accepted", "completed"), critical
    assert critical[0]["executionPeriod"]["end"] >= critical[0]["authoredOn"]


def release(screens: Screens) -> None:
    """Technical validation by F7, then the head of the laboratory signs; the doctor reads it in the chart."""
    page = screens.seat("xetnghiem").page
    page.reload()
    expect(page.locator("tr", has_text="Kali máu").locator("input[type=text]")).to_have_value("6,8")
    screens.shoot(page, "laboratory-results")
    for name, value in TYPED.items():
        page.get_by_label(f"Giá trị {name}").fill(value)
    page.get_by_role("button", name="Lưu giá trị").click()
    expect(page.get_by_label("Duyệt kỹ thuật TSH")).to_be_checked()  # what has a value is ticked
    page.keyboard.press("F7")
    expect(page.locator("tr", has_text="FT4")).to_contain_text("Chờ trả")
    _sign(screens, page.url, "laboratory-release")


def release_glycated(screens: Screens, tube: str) -> None:
    """The other tube the same way, so that nothing of the visit is late."""
    page = screens.seat("xetnghiem").page
    assert screens.node.measure(tube, GLYCATED).startswith("AA")
    page.goto(screens.seat("xetnghiem").base + "/laboratory/orders")
    page.keyboard.type(tube)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/laboratory/specimens/"))
    expect(page.locator("tr", has_text="HbA1c").locator("input[type=text]")).to_have_value("8,1")
    page.keyboard.press("F7")
    expect(page.locator("main")).to_contain_text("Chờ trả")
    _sign(screens, page.url, "")


def _sign(screens: Screens, url: str, picture: str) -> None:
    """The head of the laboratory signs what was validated."""
    head = screens.seat("truongxn")
    head.go(url.replace(head.base, ""))
    pin = head.page.get_by_label("PIN ký")
    expect(head.page.locator("[data-key=F9]")).to_be_visible()
    if pin.count():  # the key stays open for a while
        pin.fill(screens.node.pin)
    if picture:
        screens.shoot(head.page, picture)
    head.page.keyboard.press("F9")
    expect(head.page.locator("main")).to_contain_text("Đã trả")


def unknown_tube(screens: Screens) -> None:
    """A result of a tube that nobody knows waits for a human."""
    assert screens.node.measure(UNKNOWN_TUBE, {"K": "4.1"}).startswith("AA")
    desk = screens.seat("xetnghiem")
    desk.go("/laboratory/unmatched")
    expect(desk.page.locator("main")).to_contain_text(UNKNOWN_TUBE)
    screens.shoot(desk.page, "laboratory-tray")
