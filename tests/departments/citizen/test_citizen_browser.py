"""A real browser of the width of a phone, JavaScript off: signing in, a full visit; every page passes axe and fits."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from lienmach.base import postgres
from tests.departments.citizen.own_world import PHONE, OwnRecord
from tests.departments.citizen.test_citizen_visit import PARA, close, finish, measure
from tests.departments.laboratory.lab_world import Lab

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(postgres.__file__).parents[2] / "node_modules/axe-core/axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE_SIZE = {"width": 390, "height": 844}
PAGE_BYTES_MAX = 150 * 1024
#: A folder for the screens of this file, to be looked at; "" keeps none.
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
async def chromium(app: Any) -> AsyncIterator[tuple[Browser, str]]:
    """A browser, and the address of the pages."""
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
        yield browser, f"http://127.0.0.1:{port}"
        await browser.close()
    server.should_exit = True
    await task


async def fit(plain: Page, checked: Page, name: str) -> None:
    """The page where `plain` stands passes axe, is no wider than a phone, and light."""
    wide = await plain.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE_SIZE["width"], f"{name} is {wide} px wide"
    html = await plain.content()
    assert len(html.encode()) < PAGE_BYTES_MAX
    await checked.set_content(html)
    await checked.evaluate(AXE.read_text(encoding="utf-8"))
    found = await checked.evaluate("rules => axe.run({runOnly: rules}).then(r => r.violations)", RULES)
    said = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
    assert not said, "\n".join(said)
    if SHOTS:
        await plain.screenshot(path=f"{SHOTS}/citizen-{name}.png", full_page=True)


async def test_a_person_reads_their_record_on_a_phone(own: OwnRecord, chromium: tuple[Browser, str]) -> None:
    lab, patient_id = Lab(own.clinic), await own.person(name="Nguyễn Thị Phương Khanh Ân (mẫu)")
    await measure(lab, patient_id, "4,1")
    visit = await measure(lab, patient_id, "6,8")
    await finish(own, visit, PARA)
    await close(own, visit)
    browser, url = chromium
    of_phone: Any = {"base_url": url, "viewport": PHONE_SIZE}
    page = await (await browser.new_context(**of_phone, java_script_enabled=False)).new_page()
    checked = await (await browser.new_context(**of_phone, bypass_csp=True)).new_page()
    await checked.goto("/cua-toi")
    await page.goto("/cua-toi")
    await page.get_by_role("button", name="Gửi mã cho tôi").click()
    await fit(page, checked, "faults")
    await page.get_by_label("Số điện thoại đã cho cơ sở").fill(PHONE)
    await page.get_by_label("Ngày sinh").fill("01/02/1958")
    await fit(page, checked, "sign-in")
    await page.get_by_role("button", name="Gửi mã cho tôi").click()
    await own.work()
    await page.get_by_label("Mã 6 chữ số").fill(own.code_in(await own.last_message()))
    await fit(page, checked, "code")
    await page.get_by_role("button", name="Mở hồ sơ").click()
    await page.wait_for_url(f"{url}/citizen/home")
    await fit(page, checked, "home")
    await page.locator(f'a[href="/citizen/visits/{visit}"]').click()
    await page.get_by_role("button", name="Lấy mã QR để trả tiền").click()
    await page.wait_for_url(f"{url}/citizen/visits/{visit}#bill")
    await fit(page, checked, "visit")
    await page.goto("/citizen/access")
    await fit(page, checked, "access")
    await page.get_by_role("button", name="Thoát").click()
    await page.wait_for_url(f"{url}/cua-toi")
    await page.goto("/citizen/home")
    assert page.url == f"{url}/cua-toi"
