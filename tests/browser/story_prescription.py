"""Step 6: what it is, what helps, what is missing before it is signed; a signature; a paper; the national system."""

from __future__ import annotations

import io
import re
import time

import pypdf
from playwright.sync_api import Page, expect

from tests.browser.story_screens import Screens, settle

DISEASE, CODE = "dai thao duong", "E11.9"
FORBIDDEN = "amox"  # of the penicillin group
TWICE, RULE = "metformin 500", "COD-14"  # the same substance a second time, in another strength
INSURED = ("metformin 850", "amlodipin 5")
UNCOVERED = "glucosamin"
A5_POINTS = (419.5, 595.3)


def diagnose(screens: Screens, encounter_id: str) -> None:
    """Typed as people say it; the code that has finer ones is not offered."""
    desk = screens.seat("bacsi")
    page = desk.page
    desk.go(f"/outpatient/visits/{encounter_id}")  # back from the critical result
    settle(page)
    page.locator("#history").click()
    page.keyboard.type("Uống thuốc đều, hay khát nước, tiểu đêm hai lần.")
    page.locator("#examination").click()
    page.keyboard.type("Tim đều, phổi trong, bàn chân không loét.")
    page.locator("#icd").click()
    page.keyboard.type(DISEASE)
    offered = page.locator("#icd-list [role=option] b")
    expect(offered.filter(has_text=CODE)).to_be_visible()
    codes = offered.all_inner_texts()
    assert "E11" not in codes and all("." in code for code in codes), codes
    screens.shoot(page, "doctor-diagnosis")
    for _ in range(codes.index(CODE) + 1):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#codes input[name=main]")).to_have_value(CODE)
    settle(page)


def prescribe(screens: Screens) -> None:
    """Amoxicillin is blocked; what the set brought stays; a second insured drug and one that is not covered."""
    page = screens.seat("bacsi").page
    page.keyboard.press("F6")
    settle(page)
    _add(page, FORBIDDEN)
    blocked = page.locator("#prescription .note.bad", has_text="CHẶN")
    expect(blocked).to_contain_text(re.compile("penicil", re.IGNORECASE))
    expect(page.get_by_role("button", name="Lưu đơn thuốc")).to_be_disabled()
    blocked.scroll_into_view_if_needed()
    screens.shoot(page, "doctor-blocked")
    page.locator("#prescription li.blocked").get_by_role("button", name=re.compile("^Bỏ")).click()
    expect(blocked).to_have_count(0)
    for text in (*INSURED, UNCOVERED):
        if page.locator("#prescription ol.rx h3", has_text=re.compile(text, re.IGNORECASE)).count() == 0:
            page.locator("#drug-find").click()
            _add(page, text)
            settle(page)
    expect(page.locator("#prescription ol.rx > li")).to_have_count(3)
    _give_reasons(page)
    expect(page.locator("#prescription")).to_contain_text("chưa kể 1 thuốc tự trả")
    page.get_by_role("button", name="Lưu đơn thuốc").scroll_into_view_if_needed()
    screens.shoot(page, "doctor-prescription")


def mend_finding(screens: Screens, encounter_id: str) -> None:
    """A slip that the insurer would find weeks later stands beside the chart at once; mended there, it is gone.

    Metformin is prescribed a second time, with a reason to the warning, as happens when a copied prescription grows.
    """
    desk = screens.seat("bacsi")
    page = desk.page
    findings = page.locator("#findings")
    expect(findings).to_contain_text("Không có gì phải sửa")
    page.locator("#drug-find").click()
    _add(page, TWICE)
    settle(page)
    _give_reasons(page)
    page.get_by_role("button", name="Lưu đơn thuốc").click()
    expect(page.locator("#prescription")).to_contain_text("Đã lưu đơn thuốc, 4 dòng")
    finding = findings.locator("li", has_text=RULE)
    expect(finding).to_contain_text("cùng hoạt chất")
    expect(finding).to_contain_text("XML2.MA_THUOC")
    findings.scroll_into_view_if_needed()
    screens.shoot(page, "doctor-finding")
    finding.get_by_role("link").click()
    page.wait_for_url(re.compile(r"/prescription"))
    settle(page)
    page.locator("summary", has_text="Metformin 500 mg").filter(has_text="Ngừng").click()
    page.get_by_label("Lý do ngừng").locator("visible=true").fill("Trùng metformin, dùng loại 850 mg")
    screens.shoot(page, "doctor-mends")
    page.get_by_role("button", name="Ngừng thuốc").locator("visible=true").click()
    expect(page.locator("#prescription tr", has_text="Metformin 500 mg").locator("summary")).to_have_count(0)
    settle(page)
    desk.go(f"/outpatient/visits/{encounter_id}?draft=use")
    expect(findings).to_contain_text("Không có gì phải sửa")
    expect(findings).not_to_contain_text(RULE)
    findings.scroll_into_view_if_needed()
    screens.shoot(page, "doctor-finding-gone")


def sign(screens: Screens) -> None:
    """F9: what will be signed, and what should be looked at first with its rule and a link; PIN; done."""
    page = screens.seat("bacsi").page
    page.keyboard.press("F9")
    expect(page.get_by_role("heading", name="Nội dung sẽ ký")).to_be_visible()
    missing = page.locator("ul.missing li", has_text="TIM-08")  # two images are still to come
    expect(missing.get_by_role("link")).to_be_visible()
    screens.shoot(page, "doctor-preview")
    page.get_by_label("Đỡ", exact=True).check()
    page.get_by_label("PIN ký").fill(screens.node.pin)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Đã ký và kết thúc khám")
    expect(page.locator("main")).to_contain_text("hợp lệ")
    screens.shoot(page, "doctor-signed")


def print_and_send(screens: Screens, encounter_id: str) -> str:
    """One A5 page; a code of fourteen characters that the national system has taken. Returns the code."""
    desk = screens.seat("bacsi")
    desk.go(f"/outpatient/visits/{encounter_id}/prescription")
    _until(desk.page, lambda: desk.page.get_by_text("đã gửi", exact=False).count() > 0)
    screens.shoot(desk.page, "doctor-sent")
    heading = desk.page.get_by_role("heading", name=re.compile(r"^Đơn \S{14}")).first.inner_text()
    found = re.search(r"\b([0-9a-z]{12}-[nhcty])\b", heading.lower())
    assert found is not None, heading
    code = found[1]
    assert len(code) == 14 and code in screens.node.simulator("prescription")["prescriptions"]
    link = desk.page.get_by_role("link", name=re.compile("In A5")).first.get_attribute("href")
    body = desk.page.context.request.get(desk.base + str(link)).body()
    pages = pypdf.PdfReader(io.BytesIO(body)).pages
    size = tuple(round(float(side), 0) for side in pages[0].mediabox[2:])
    assert len(pages) == 1 and all(abs(a - b) < 2 for a, b in zip(size, A5_POINTS, strict=True)), (len(pages), size)
    assert code in pages[0].extract_text().lower()
    screens.shoot_paper(body, "prescription-paper")
    return code


def _add(page: Page, text: str) -> None:
    before = page.locator("#prescription ol.rx > li").count()
    page.keyboard.type(text)
    page.locator("#drug-found [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    expect(page.locator("#prescription ol.rx > li")).to_have_count(before + 1)


def _give_reasons(page: Page) -> None:
    """Why a drug is given all the same, wherever the page asks."""
    for reason in page.locator("#prescription ol.rx input[name^='reason:']").all():
        reason.fill("Đã cân nhắc, theo dõi sát")
        reason.press("Enter")
    settle(page)


def _until(page: Page, is_so: object) -> None:
    """Look again until the gateway has answered."""
    deadline = time.monotonic() + 60
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        page.wait_for_timeout(1000)
        page.reload()
