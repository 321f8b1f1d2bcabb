"""A real browser at the cashier's desk: keys alone, a code that turns by itself, axe at both sizes, light pages."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright, expect

from lienmach.base import postgres
from tests.care import bank_world
from tests.care.money_visits import MoneyVisits
from tests.clinic import PIN
from tests.web.client import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(postgres.__file__).parents[2] / "node_modules/axe-core/axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = ({"width": 1366, "height": 768}, {"width": 390, "height": 844})
PAGE_BYTES_MAX = 150 * 1024
SELF = {"card": "", "category": "9"}
#: A folder for the screens of this file, to be looked at; "" keeps none.
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
async def desk(app: Any, visits: MoneyVisits) -> AsyncIterator[Page]:
    """The cashier's desk, signed in, with a signing key."""
    if not CHROMIUM.exists():
        pytest.skip("This test needs a browser: apt-get install chromium")
    await visits.clinic.signer("cashier")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await (await browser.new_context(base_url=f"http://127.0.0.1:{port}")).new_page()
        page.set_default_timeout(15_000)
        await page.goto("/sign-in")
        await page.get_by_label("Tên đăng nhập").fill("cashier")
        await page.get_by_label("Mật khẩu").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"http://127.0.0.1:{port}/")
        yield page
        await browser.close()
    server.should_exit = True
    await task


async def fit(page: Page, name: str) -> None:
    """The page is light, passes axe on a desk and on a phone, and does not run off the side of either."""
    assert len((await page.content()).encode()) <= PAGE_BYTES_MAX
    for size in SIZES:
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("rules => axe.run({runOnly: rules}).then(r => r.violations)", RULES)
        said = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
        assert not said, f"{name} at {size['width']}: {said}"
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name} is {width} wide at {size['width']}"
        if SHOTS:
            await page.screenshot(path=f"{SHOTS}/{name}-{size['width']}.png", full_page=size["width"] < 1000)
    await page.set_viewport_size(SIZES[0])  # type: ignore[arg-type]


async def test_a_day_at_the_desk_goes_by_keys(desk: Page, visits: MoneyVisits) -> None:
    insured = await visits.finished(("T-KHAM", 1), ("T-LON", 1), ("T-THUOC", 10), card="GD4790000000001")
    own = await visits.finished(("T-KHAM", 1), ("T-RIENG", 1), **SELF)
    await visits.add(own, "T-XN", 1, 9, is_done=False)
    await visits.close(insured)
    await desk.keyboard.press("F7")
    await desk.wait_for_url("**/billing/visits")
    await fit(desk, "desk")
    await desk.keyboard.press("F8")
    await desk.get_by_label("Tiền đầu ca trong két").fill("500k")
    await desk.keyboard.press("F9")
    await expect(desk.locator("main")).to_contain_text("Đã mở ca")
    await fit(desk, "shift-open")
    await desk.goto(f"/billing/visits/{own}")
    await fit(desk, "bill-to-close")
    await desk.get_by_label("PIN ký").fill(PIN)
    await desk.keyboard.press("F9")
    await expect(desk.locator("main")).to_contain_text("Đã chốt và ký bảng kê")
    await desk.get_by_label("Khách đưa").fill("200k")
    await expect(desk.locator("[data-change]")).to_contain_text("5.000 ₫")
    await fit(desk, "bill-to-pay")
    await desk.keyboard.press("F9")
    await expect(desk.locator("main")).to_contain_text("Trả lại khách 5.000 ₫")
    await fit(desk, "bill-paid")
    await desk.goto(f"/billing/visits/{insured}")
    await desk.keyboard.press("F8")
    await expect(desk.locator("#code svg")).to_be_visible()
    await fit(desk, "bill-code")
    await bank_world.tell(visits.clinic, bank_world.notice(await bank_world.ask(visits.clinic, insured)))
    await expect(desk.locator("main")).to_contain_text("Đã nhận tiền chuyển khoản")
    await fit(desk, "bill-received")


async def test_the_other_pages_are_fit(desk: Page, visits: MoneyVisits) -> None:
    shift = await visits.shift()
    visit = await visits.finished(("T-KHAM", 1), ("T-THUOC", 10), **SELF)
    await visits.deposit(visit, 100_000, "d1")
    await visits.close(visit)
    await visits.give(f"MedicationRequest/{visit}-1", 4)
    await bank_world.tell(visits.clinic, bank_world.notice(None, amount=45_000, purpose="khong ro"))
    running = await visits.clinic.visit(await visits.clinic.patient())
    for name, path in {
        "bill-stale": f"/billing/visits/{visit}",
        "bill-running": f"/billing/visits/{running}",
        "shift": "/billing/shifts",
        "shift-slip": f"/billing/shifts/{shift}",
        "transfers": "/billing/transfers",
        "ledger": "/billing/ledger",
        "deposits": "/billing/deposits",
        "desk-refund": "/billing/visits?view=stale",
    }.items():
        await desk.goto(path)
        await fit(desk, name)
