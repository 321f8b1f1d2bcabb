"""A real browser at the desk: statements from the keyboard, many under one PIN with script, and every page passes axe."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from lienmach.base import postgres
from tests.clinic import PIN, Clinic
from tests.departments.insurance.claim_visits import ClaimVisits, fault
from tests.web.client import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(postgres.__file__).parents[2] / "node_modules/axe-core/axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = ({"width": 1366, "height": 768}, {"width": 390, "height": 844})
PAGE_BYTES_MAX = 150_000
#: A folder for the screens of this file, to be looked at; "" keeps none.
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
async def desk(app: Any, clinic: Clinic) -> AsyncIterator[Page]:
    """The screen of the insurance desk, signed in."""
    if not CHROMIUM.exists():
        pytest.skip("This test needs a browser: apt-get install chromium")
    await clinic.signer("insurance")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    base = f"http://127.0.0.1:{port}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        context = await browser.new_context(viewport={"width": 1366, "height": 768}, base_url=base)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        await page.goto("/sign-in")
        await page.get_by_label("Tên đăng nhập").fill("insurance")
        await page.get_by_label("Mật khẩu").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(base + "/")
        yield page
        await browser.close()
    server.should_exit = True
    await task


async def fit(page: Page, name: str) -> None:
    """The page passes axe on a desk and on a phone, is small, and nothing is cut off sideways."""
    assert len((await page.content()).encode()) <= PAGE_BYTES_MAX, name
    for size in SIZES:
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("rules => axe.run({runOnly: rules}).then(r => r.violations)", RULES)
        said = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
        assert not said, name + "\n" + "\n".join(said)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} px too wide at {size['width']}"
        if SHOTS:
            await page.screenshot(path=f"{SHOTS}/{name}-{size['width']}.png", full_page=True)
    await page.set_viewport_size(SIZES[0])  # type: ignore[arg-type]


async def test_statements_are_closed_from_the_keyboard(desk: Page, sendings: ClaimVisits) -> None:
    own = [await sendings.opened() for _ in range(8)]
    await desk.goto("/insurance/statements")
    await fit(desk, "statements")
    await desk.keyboard.press("F2")
    await desk.keyboard.press("ArrowDown")
    await desk.keyboard.press("Space")  # leave the first out
    await desk.keyboard.press("Enter")
    await desk.wait_for_url(f"**/insurance/visits/{own[0]}")
    await fit(desk, "statement")
    await desk.get_by_label("PIN ký").fill(PIN)
    await desk.keyboard.press("F9")
    await desk.get_by_text("Đã chốt và ký bảng kê").wait_for()
    await fit(desk, "statement-closed")
    await desk.keyboard.press("F8")
    await desk.wait_for_url(f"**/insurance/visits/{own[1]}")
    await desk.keyboard.press("Escape")
    await desk.wait_for_url("**/insurance/statements")
    await desk.get_by_label("Chọn").last.focus()
    await desk.keyboard.press("Space")
    await desk.keyboard.press("F9")
    await desk.get_by_text("Xong: đã chốt 6 bảng kê, 0 chưa chốt được.").wait_for()
    await fit(desk, "statements-batch")
    states = [(await sendings.visits.account(one)).state for one in own]
    assert states.count("closed") == 7


async def test_claims_rejections_and_lists_are_fit(desk: Page, clinic: Clinic, sendings: ClaimVisits) -> None:
    own = await sendings.sent(("T-KHAM", 1), ("T-LON", 1), ("T-XN", 2))
    await sendings.opened()
    [one] = await sendings.told(
        own, "rejected", fault("XML1", "HO_TEN", 1, kind="appraisal", amount_vnd=Decimal(1000)), accepted=Decimal(1)
    )
    await sendings.built(own, "Đã sửa họ tên")
    other = await sendings.sent(("T-KHAM", 1))
    [returned] = await sendings.told(other, "rejected", fault("XML3", "T_BHTT", 1))
    claim = await sendings.claim(own)
    for name, path in {
        "claims": "/insurance/claims",
        "claims-day": f"/insurance/claims?on={clinic.store.now().date()}",
        "claim": f"/insurance/claims/{own}",
        "rejections": "/insurance/rejections",
        "rejection": f"/insurance/rejections/{returned.id}",
        "rejection-mended": f"/insurance/rejections/{one.id}",
        "catalogues": "/insurance/catalogues",
        "catalogue": "/insurance/catalogues/05",
    }.items():
        await desk.goto(path)
        for details in await desk.locator("main details").all():
            await details.evaluate("one => { one.open = true; }")
        await fit(desk, name)
    await desk.goto("/insurance/reconciliation")
    await desk.get_by_label("Tên danh sách").fill("2026-11/1")
    await desk.get_by_label("Dán danh sách").fill(f"{claim.ma_lk}\t{claim.t_bhtt}\t0\t\nKHONGCO\t5\t0\t")
    await desk.get_by_role("button", name="Xem trước").click()
    await desk.get_by_text("Không có lượt khám nào mang mã này").wait_for()
    await fit(desk, "reconciliation-unknown")
    await desk.get_by_label("Tên danh sách").fill("2026-11/1")
    await desk.get_by_label("Dán danh sách").fill(f"{claim.ma_lk}\t{claim.t_bhtt}\t0\t")
    await desk.get_by_role("button", name="Xem trước").click()
    await desk.get_by_text("Khớp").wait_for()
    await fit(desk, "reconciliation")
    await desk.keyboard.press("F9")
    await desk.get_by_text("Đã ghi sổ 1 dòng").wait_for()
    await desk.goto("/insurance/rejections")
    await desk.keyboard.press("ArrowDown")
    await desk.keyboard.press("Enter")
    await desk.wait_for_url(f"**/insurance/rejections/{returned.id}")
    await desk.keyboard.press("F4")
    await desk.wait_for_url(f"**/insurance/visits/{other}")
