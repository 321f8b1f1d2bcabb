"""Steps 10 and 11: the director on a phone sees the day as it is; the health department sees totals and nobody."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Locator, Page, expect

from tests.browser.story_arrival import CITIZEN_NUMBER, NAME
from tests.browser.story_screens import Screens

BEHIND_SECONDS = 60
#: tile -> what its rows must show
TILES = {
    "visits": NAME,
    "waiting": "Không có dòng nào",
    "prescriptions": NAME,
    "money": NAME,
    "claims": "Không có dòng nào",
    "alerts": "Không có dòng nào",
}


def see_loss(screens: Screens) -> None:
    """While a rejection is open the tile says how much is at stake, and opens the row of it."""
    desk = screens.seat("giamdoc", phone=True)
    page = desk.page
    desk.go("/leaders/day")
    expect(_tile(page, "claims")).to_have_text("1", timeout=BEHIND_SECONDS * 1000)
    expect(page.locator("a[href$='/day/claims']")).not_to_contain_text("liên quan 0 ₫")
    page.locator("a[href$='/day/claims']").click()
    page.wait_for_url("**/leaders/day/claims")
    expect(page.locator("main")).to_contain_text(NAME)
    screens.shoot(page, "director-at-stake")


def look(screens: Screens) -> None:
    """Today's counts are those of the record within 60 seconds; nothing is lost; each tile opens its rows."""
    desk = screens.seat("giamdoc", phone=True)
    page = desk.page
    visits = len(screens.node.resources("Encounter?_count=100"))  # this node is younger than today
    started = time.monotonic()
    desk.go("/leaders/day")
    expect(_tile(page, "visits")).to_have_text(str(visits), timeout=BEHIND_SECONDS * 1000)
    assert time.monotonic() - started < BEHIND_SECONDS
    expect(_tile(page, "claims")).to_have_text("0", timeout=BEHIND_SECONDS * 1000)
    expect(page.locator("a[href$='/day/claims']")).to_contain_text("liên quan 0 ₫")
    expect(page.locator("a[href$='/day/claims']")).to_contain_text("Mất trong tháng: 0 ₫")
    assert int(re.sub(r"\D", "", _tile(page, "money").inner_text())) > 0
    screens.shoot(page, "director-day")
    for name, words in TILES.items():
        desk.go("/leaders/day")
        page.locator(f"a[href$='/day/{name}']").click()
        page.wait_for_url(f"**/leaders/day/{name}")
        expect(page.locator("main")).to_contain_text(words)
        screens.shoot(page, f"director-{name}")


def look_from_outside(screens: Screens, patient_id: str) -> None:
    """The health department: cells under five are hidden, no name, no number; every page of a person is refused."""
    desk = screens.seat("soyte")
    page = desk.page
    desk.go("/leaders/department")
    expect(page.get_by_role("heading", name="Tổng số", exact=True)).to_be_visible()
    expect(page.locator("main")).to_contain_text("không có người bệnh")
    text = page.content()
    assert not [one for one in (NAME, "Nguyễn", CITIZEN_NUMBER, patient_id) if one in text]
    screens.shoot(page, "department-totals")
    for path in (f"/registration/patients/{patient_id}", "/leaders/day", "/billing/visits", "/insurance/claims"):
        assert page.context.request.get(desk.base + path).status in (403, 404), path


def _tile(page: Page, name: str) -> Locator:
    return page.locator(f"a[href$='/day/{name}'] .figure")
