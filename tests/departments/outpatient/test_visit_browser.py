"""A real browser at the chart: a common cold from "next, please" to signed in at most twelve interactions."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from lienmach.base import postgres
from lienmach.care import coverages, drafts, prescriptions, queue, signing, visits
from lienmach.care.coverages import InsuredCard
from tests.clinic import Clinic
from tests.departments.outpatient.conftest import PIN
from tests.web.client import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(postgres.__file__).parents[2] / "node_modules/axe-core/axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
INTERACTIONS_MAX = 12
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
#: A folder for the screens of this file, to be looked at; "" keeps none.
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
async def base(app: Any) -> AsyncIterator[str]:
    """The pages on a port of this machine."""
    if not CHROMIUM.exists():
        pytest.skip("This test needs a browser: apt-get install chromium")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


@pytest.fixture
async def desk(base: str) -> AsyncIterator[Page]:
    """The screen of a doctor, 1366 by 768, signed in."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        context = await browser.new_context(viewport={"width": 1366, "height": 768}, base_url=base)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        await page.goto("/sign-in")
        await page.get_by_label("Tên đăng nhập").fill("doctor")
        await page.get_by_label("Mật khẩu").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(base + "/")
        yield page
        await browser.close()


class Hand:
    """Counts what a doctor does: a key or a click is one, typing a field is one."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    async def press(self, key: str) -> None:
        self.count += 1
        await self.page.keyboard.press(key)

    async def click(self, selector: str) -> None:
        self.count += 1
        await self.page.click(selector)

    async def type(self, text: str) -> None:
        self.count += 1
        await self.page.keyboard.type(text)


async def waiting(clinic: Clinic) -> str:
    """Somebody with a number in the doctor's room, some minutes ago."""
    from datetime import timedelta

    from lienmach.care import facility

    await signing.ensure(clinic.store, clinic.actor("doctor"), PIN)
    room = await clinic.room("exam")
    patient = await clinic.patient()
    now = clinic.store.now
    clinic.store.now = lambda: now() - timedelta(minutes=20)
    visit = await clinic.visit(patient, started=False, reason="Ho, sổ mũi", category="9")

    async def join(tx: Any) -> None:
        await queue.join(tx, room.id, kind="exam", patient_id=patient, encounter_id=visit, name="Nguyễn Văn Ân")

    async def sit(tx: Any) -> None:
        facility.set_workplace(tx, room.id)

    await clinic.store.run(clinic.actor("reception"), join)
    await clinic.store.run(clinic.actor("doctor"), sit)
    clinic.store.now = now
    return visit


async def shoot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png")


async def faults(page: Page) -> list[str]:
    """What axe-core finds wrong by WCAG 2.2 AA."""
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]


async def test_a_common_cold_takes_at_most_twelve_interactions(clinic: Clinic, desk: Page) -> None:
    visit = await waiting(clinic)
    said: list[str] = []
    desk.on("pageerror", lambda error: said.append(str(error)))
    await desk.goto("/outpatient/visits")
    await shoot(desk, "work-list")
    hand = Hand(desk)
    await hand.press("F9")  # next, please
    await desk.wait_for_selector("#history")
    await desk.wait_for_selector("#orders")
    await shoot(desk, "chart")
    await hand.click("text=Đã hỏi: không có")
    await desk.wait_for_selector("#allergies .tag.good")
    await hand.click("#history")
    await hand.type(".cam ")
    await desk.wait_for_selector('#codes input[name=main][value="J00"]', state="attached")
    await desk.wait_for_selector("#prescription-panel >> text=Paracetamol")
    await shoot(desk, "chart-filled")
    await hand.press("F9")
    await desk.wait_for_selector("text=Nội dung sẽ ký")
    await shoot(desk, "preview")
    await hand.click("text=Đỡ")
    await hand.click("#pin")
    await hand.type(PIN)
    await hand.press("Enter")
    await desk.wait_for_selector("text=Đã ký và kết thúc khám")
    await shoot(desk, "signed")
    assert hand.count <= INTERACTIONS_MAX and not said
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await visits.is_signed(tx, visit)
        assert len(await prescriptions.of_visit(tx, visit)) == 2


async def test_the_chart_fits_one_screen_and_passes_axe(clinic: Clinic, desk: Page) -> None:
    visit = await waiting(clinic)
    wrong = []
    for path in ("/outpatient/visits", "/outpatient/visits/rooms", f"/outpatient/visits/{visit}"):
        await desk.goto(path)
        wrong += [f"{path}: {one}" for one in await faults(desk)]
    await clinic.store.run(clinic.actor("doctor"), lambda tx: visits.start(tx, visit))
    for path in (
        f"/outpatient/visits/{visit}",
        f"/outpatient/visits/{visit}/signature",
        f"/outpatient/visits/{visit}/addenda",
    ):
        await desk.goto(path)
        await desk.wait_for_load_state("networkidle")
        wrong += [f"{path}: {one}" for one in await faults(desk)]
        for size in ((1366, 768), (390, 844), (683, 384)):
            await desk.set_viewport_size({"width": size[0], "height": size[1]})
            over = await desk.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            wrong += [f"{path}: {over} px too wide at {size}"] if over > 0 else []
        await desk.set_viewport_size({"width": 1366, "height": 768})
    await desk.goto(f"/outpatient/visits/{visit}")
    await desk.wait_for_load_state("networkidle")
    tall = await desk.evaluate("document.documentElement.scrollHeight")
    assert not wrong, "\n".join(wrong)
    assert tall <= 768 + 8, tall


async def test_a_second_tab_only_reads_until_it_claims_the_visit(clinic: Clinic, desk: Page) -> None:
    visit = await waiting(clinic)
    await clinic.store.run(clinic.actor("doctor"), lambda tx: visits.start(tx, visit))
    await desk.goto(f"/outpatient/visits/{visit}")
    second = await desk.context.new_page()
    await second.goto(f"/outpatient/visits/{visit}")
    await second.wait_for_selector("text=đang mở để ghi ở thẻ khác")
    assert await second.evaluate("document.querySelector('#note-form').inert")
    await second.click("text=Ghi ở thẻ này")
    await desk.wait_for_selector("text=đang mở để ghi ở thẻ khác")
    await second.wait_for_selector("#note-form:not([inert])")


async def test_a_disease_is_chosen_by_typing_and_a_draft_survives_leaving(clinic: Clinic, desk: Page) -> None:
    visit = await waiting(clinic)
    await clinic.store.run(clinic.actor("doctor"), lambda tx: visits.start(tx, visit))
    await desk.goto(f"/outpatient/visits/{visit}")
    await desk.wait_for_load_state("networkidle")
    await desk.click("#icd")
    await desk.keyboard.type("dai thao duong")
    await desk.wait_for_selector("#icd-list [role=option]")
    await desk.keyboard.press("ArrowDown")
    await desk.keyboard.press("Enter")
    await desk.wait_for_selector("#codes input[name=main]", state="attached")
    chosen = await desk.input_value("#codes input[name=main]")
    assert chosen.startswith("E1") and chosen != "E11"
    await desk.click("#history")
    await desk.keyboard.type("Khát nước")
    await desk.keyboard.press("Escape")
    await desk.goto("/outpatient/visits")
    await desk.wait_for_selector("text=có bản nháp")
    await desk.goto(f"/outpatient/visits/{visit}")
    await desk.wait_for_selector("text=Dùng lại bản nháp")
    await desk.keyboard.press("Enter")
    await desk.wait_for_selector("#history")
    assert await desk.input_value("#history") == "Khát nước"


async def test_the_button_to_sign_an_insured_visit_opens_with_its_second_minute(clinic: Clinic, desk: Page) -> None:
    real = clinic.store.now
    ahead = timedelta(seconds=(52 - real().second) % 60)  # the visit begins eight seconds before its minute is over
    clinic.store.now = lambda: real() + ahead
    await signing.ensure(clinic.store, clinic.actor("doctor"), PIN)
    patient_id = await clinic.patient()
    card = InsuredCard("", "GD4860000000001", "GD", "4", initial_facility="86991", result_code="000")
    coverage = await clinic.store.run(clinic.actor("reception"), lambda tx: coverages.keep(tx, patient_id, card))
    visit = await clinic.visit(patient_id, category="1.1", coverage_id=coverage, reason="Ho")

    async def write(tx: Any) -> None:
        texts = {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ"}
        drafts.save(tx, "note", visit, {"texts": texts, "main": "J00", "others": []})

    await clinic.store.run(clinic.actor("doctor"), write)
    await desk.goto(f"/outpatient/visits/{visit}/signature")
    sign = desk.locator("button[data-visit-key=F9]")
    assert await sign.is_disabled() and "có thể kết thúc từ" in await desk.inner_text("#wait")
    await desk.click("text=Đỡ")
    await desk.fill("#pin", PIN)
    await desk.wait_for_selector("button[data-visit-key=F9]:not([disabled])")
    assert await desk.locator("#wait").count() == 0
    await desk.keyboard.press("F9")
    await desk.wait_for_selector("text=Đã ký và kết thúc khám")
