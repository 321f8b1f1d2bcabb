"""Every page of a working day, with something on it: axe, size, weight, console, one heading, focus, English, keys."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, sync_playwright

from lienmach.base import postgres
from lienmach.base.settings import Settings
from tests.browser import care_day
from tests.browser.care_day import Day
from tests.browser.conftest import AXE, CHROMIUM, DESK, FLAGS, PHONE, RULES
from tests.browser.story_node import StoryNode

WEIGHT_BYTES_MAX = 150_000
#: The editor of a paper shows a picture of the paper.
PICTURE_BYTES_MAX = 220_000
#: The rules whose answer depends on the size of the window; the others are asked once.
RULES_OF_SIZE = ["target-size", "scrollable-region-focusable", "meta-viewport", "label", "button-name", "link-name"]
_VIETNAMESE = re.compile("[ăâđêôơưạảãấầẩẫắằẳẵặẹẻẽếềểễệỉĩịọỏõốồổỗộớờởỡợụủũứừửữựỳỵỷỹ]", re.IGNORECASE)
#: The words of the frame and of forms; what people and lists are called is data and stays as it is.
_DATA = re.compile(
    "Trẻ dưới|Mẫu|mẫu|Thử |Phòng khám|Nội tiết|Kali máu|Đái tháo đường|Điện giải|Khám bệnh|Khám nội|Không thay đổi|Nặng hơn|Đỡ"
    "|Khỏi|Tử vong|Tiên lượng|Chưa xác định|Huyết|đường|uống"
)
_WORDS = """[...document.querySelectorAll(
  'main h1, main h2, main h3, main label, main legend, main button, main th[scope=col], main thead th, main summary,' +
  'main .hint, main .empty, main .tabs a, main .facts dt, main .tag, nav a, .sheet button, .sheet a, #keys td')]
  .filter(one => one.offsetParent && !one.closest('[lang=vi]'))
  .map(one => one.textContent.replace(/\\s+/g, ' ').trim())"""


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    """A demo node after a small day of work."""
    if not CHROMIUM.exists():
        pytest.skip("These tests need a browser: apt-get install chromium")
    home = Path(tempfile.mkdtemp(prefix="lm-day-"))
    node = StoryNode(home)
    try:
        node.run()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
            one = Day(node, browser)
            care_day.spend(one)
            yield one
            browser.close()
    finally:
        node.stop()
        postgres.destroy(replace(Settings(), home=home))
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class Opened:
    """A page in a browser with an empty cache: what its console complains of, and what it loads."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    loads: list[Request] = field(default_factory=list)
    status: int = 0

    def weight(self) -> int:
        sizes = [one.sizes() for one in self.loads]
        return sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)


def open_page(day: Day, login: str, path: str) -> Opened:
    """Open a page and wait until the parts that it fetches by itself are there."""
    context = day.browser.new_context(viewport=DESK, base_url=day.base)  # type: ignore[arg-type]
    if login:
        context.add_cookies(day.cookies(login))
    one = Opened(context.new_page())
    one.page.set_default_timeout(15_000)
    one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
    one.page.on("console", lambda said: one.complaints.append(said.text) if said.type in ("error", "warning") else None)
    one.page.on("requestfinished", lambda load: one.loads.append(load))
    answer = one.page.goto(path)
    one.status = answer.status if answer else 0
    settle(one.page)
    return one


def settle(page: Page) -> None:
    if page.locator("[hx-trigger*=load]").count():
        page.wait_for_load_state("networkidle")


def outline_of(page: Page) -> list[str]:
    """What is wrong with title, heading and cursor."""
    headings = page.evaluate("[...document.querySelectorAll('h1')].map(one => one.textContent)")
    found = [] if len(headings) == 1 else [f"h1: {headings}"]
    if not page.title().removesuffix("· Liền Mạch").strip():
        found.append("no title")
    where = page.evaluate("(document.activeElement.closest('main') || document.body).tagName")
    if page.locator("main [autofocus]").count() and where != "MAIN":
        found.append("the cursor is outside the page")
    return found


def keys_of(page: Page) -> list[str]:
    """What is wrong with the list of keys."""
    own = page.evaluate(
        "[...document.querySelectorAll('main [data-key], main [data-visit-key]')].filter(one => one.offsetParent)"
        ".map(one => one.dataset.key || one.dataset.visitKey)"
    )
    page.keyboard.press("F1")
    if not page.locator("#keys[open]").count():
        return ["F1 shows no keys"]
    told = page.locator("#keys-own").inner_text() if own else ""
    page.keyboard.press("Escape")
    return [f"{key} is not in the list of keys" for key in own if key not in told]


def axe_of(page: Page, rules: list[str]) -> list[str]:
    """What axe-core and the ruler say at the size of this window."""
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    answer = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", rules)
    found = [f"{over} px too wide"] if over > 0 else []
    return found + [f"{one['id']}: {node['html'][:120]}" for one in answer["violations"] for node in one["nodes"]]


def test_every_page_of_the_day_is_fit(day: Day) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is missing: run the build (`make run`) once")
    axe, wrong = AXE.read_text("utf-8"), []
    for name, (login, path) in day.pages.items():
        one = open_page(day, login, path)
        faults = outline_of(one.page)
        if one.status != 200:
            faults.append(f"{path} answers {one.status}")
        if (weight := one.weight()) > (PICTURE_BYTES_MAX if "paper/" in path else WEIGHT_BYTES_MAX):
            faults.append(f"weighs {weight:,} bytes")
        if {urlsplit(load.url).netloc for load in one.loads if load.url.startswith("http")} - {day.node.address}:
            faults.append("loads from outside")
        if login:
            faults += keys_of(one.page)
        faults += one.complaints
        one.page.evaluate(axe)
        faults += axe_of(one.page, RULES)
        one.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        faults += [f"on a telephone: {fault}" for fault in axe_of(one.page, RULES_OF_SIZE)]
        wrong += [f"{name}: {fault}" for fault in faults]
        one.page.context.close()
    assert not wrong, f"{len(day.pages)} pages\n" + "\n".join(wrong)


def test_an_enter_in_the_moment_in_which_a_list_appears_chooses_from_it(day: Day) -> None:
    """The eye of a machine is faster than a finger, yet under load a finger meets the same moment."""
    page = open_page(day, *day.pages["chart"]).page
    page.evaluate("""new MutationObserver((_, eye) => {
        if (!document.querySelector('#substance-list [role=option]')) return;
        eye.disconnect();
        const key = new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true});
        document.querySelector('#substance').dispatchEvent(key);
    }).observe(document.querySelector('#substance-list'), {childList: true, subtree: true})""")
    page.locator("#substance").press_sequentially("penici")
    page.wait_for_selector(".banner .allergy:has-text('enicil')")
    page.context.close()


def test_an_enter_after_more_was_typed_waits_for_the_list_of_the_whole_word(day: Day) -> None:
    """The first line for "cef" is another drug than the first line for "ceftriaxon"."""
    page = open_page(day, *day.pages["chart"]).page
    page.locator("#substance").press_sequentially("cef")
    first = page.locator("#substance-list [role=option]").first
    assert "eftriaxon" not in first.inner_text()
    page.keyboard.insert_text("triaxon")
    page.keyboard.press("Enter")
    page.wait_for_selector(".banner .allergy:has-text('eftriaxon')")
    page.context.close()


def test_an_enter_before_the_list_appears_chooses_its_first_line(day: Day) -> None:
    page = open_page(day, *day.pages["chart"]).page
    page.locator("#substance").press_sequentially("cephalos")
    page.keyboard.press("Enter")
    page.wait_for_selector(".banner .allergy:has-text('ephalos')")
    page.context.close()


def test_a_page_in_english_has_no_vietnamese_words_of_its_own(day: Day) -> None:
    logins = {login for login, _ in day.pages.values() if login}
    for login in logins:
        switch(day, login, "en")
    day.seat("").context.add_cookies([{"name": "language", "value": "en", "url": day.base}])
    wrong = set()
    for name, (login, path) in day.pages.items():
        page = day.seat(login)
        page.goto(path)
        settle(page)
        assert page.evaluate("document.documentElement.lang") == "en", name
        for text in page.evaluate(_WORDS):
            if _VIETNAMESE.search(text) and not _DATA.search(text):
                wrong.add(f"{name}: {text[:100]}")
    assert not wrong, "\n".join(sorted(wrong))


def switch(day: Day, login: str, language: str) -> None:
    """Change the language of a login by the button of the frame."""
    page = day.seat(login)
    page.goto("/")
    page.locator("details.menu summary").click()
    page.locator(f".sheet button[name=language][value={language}]").click()
    page.wait_for_selector(f"html[lang={language}]")
