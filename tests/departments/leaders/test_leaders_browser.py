"""A real browser at the director's and the department's pages: axe at three widths, nothing wider than a phone."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from lienmach.base import postgres
from lienmach.departments.leaders import case_steps, day_figures, measures, thresholds
from tests.clinic import Clinic
from tests.departments.leaders import made_visits
from tests.departments.leaders.made_visits import OUTLIER
from tests.web.client import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(postgres.__file__).parents[2] / "node_modules/axe-core/axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = ({"width": 360, "height": 740}, {"width": 390, "height": 844}, {"width": 1366, "height": 768})
#: A folder for the screens of this file, to be looked at; "" keeps none.
SHOTS = os.environ.get("SHOTS", "")
At = Callable[[str], Awaitable[Page]]


@pytest.fixture
async def at(app: Any) -> AsyncIterator[At]:
    """Opens the pages as somebody of a role."""
    if not CHROMIUM.exists():
        pytest.skip("This test needs a browser: apt-get install chromium")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)

        async def open_as(login: str) -> Page:
            page = await (await browser.new_context(base_url=f"http://127.0.0.1:{port}")).new_page()
            page.set_default_timeout(10_000)
            await page.goto("/sign-in")
            await page.get_by_label("Tên đăng nhập").fill(login)
            await page.get_by_label("Mật khẩu").fill(PASSWORD)
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"http://127.0.0.1:{port}/")
            return page

        yield open_as
        await browser.close()
    server.should_exit = True
    await task


async def fit(page: Page, path: str) -> None:
    """The page passes axe at each width and is no wider than the window."""
    await page.goto(path)
    for size in SIZES:
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("rules => axe.run({runOnly: rules}).then(r => r.violations)", RULES)
        said = [f"{path}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
        assert not said, "\n".join(said)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px wider than {size['width']}"
        if SHOTS:
            name = path.strip("/").replace("/", "-").partition("?")[0]
            await page.screenshot(path=f"{SHOTS}/{name}-{size['width']}.png", full_page=True)


async def test_the_pages_of_leaders_are_fit(clinic: Clinic, at: At) -> None:
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    await made_visits.store(clinic, made_visits.visits(2000, until=today))
    await clinic.visit(await clinic.patient(), started=False)

    async def work(tx: Any) -> None:
        thresholds.approve(tx, Decimal("1.5"), 30, "Họp hội đồng thuốc")

    async def case(tx: Any) -> str:
        to_on = day_figures.today_of(tx)
        found = await measures.read(tx, "injections", to_on - timedelta(days=59), to_on)
        return await case_steps.open_case(tx, found, OUTLIER, "Xin bác sĩ giải trình số liệu này")

    await clinic.store.run(clinic.actor("director"), work)
    case_id = await clinic.store.run(clinic.actor("director"), case)
    director = await at("director")
    for path in (
        "/leaders/day",
        "/leaders/day/visits",
        "/leaders/day/alerts",
        "/leaders/prescribing",
        "/leaders/prescribing?measure=cost",
        f"/leaders/prescribing/{OUTLIER}",
        "/leaders/cases",
        f"/leaders/cases/{case_id}",
        f"/leaders/cases/{case_id}/file",
    ):
        await fit(director, path)
    await fit(await at("doctor"), f"/leaders/cases/{case_id}")
    await fit(await at("department"), "/leaders/department")


async def test_the_day_renews_itself_and_works_without_a_mouse(clinic: Clinic, at: At) -> None:
    page = await at("director")
    await page.goto("/leaders/day")
    await page.evaluate("htmx.trigger('#live', 'every'); htmx.ajax('GET', '/leaders/day', '#live')")
    await page.wait_for_selector("#live .cockpit")
    await page.locator(".cockpit a").first.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/leaders/day/visits")
    assert await page.locator("h1").inner_text() == "Lượt khám hôm nay"
