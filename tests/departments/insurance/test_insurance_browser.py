"""A real browser at the card and the outbox: the fragment renews itself, and every page passes axe at both sizes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from lienmach.base import postgres
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care import outbox
from lienmach.departments import insurance
from lienmach.record.transaction import Store, Transaction
from lienmach.simulators import insurance as portal_simulator
from tests.care import insured_visit, outbox_work
from tests.simulators import running
from tests.web.client import PASSWORD, add_user, build

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(postgres.__file__).parents[2] / "node_modules/axe-core/axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = ({"width": 1366, "height": 768}, {"width": 390, "height": 844})
#: A folder for the screens of this file, to be looked at; "" keeps none.
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
async def desk(store: Store, settings: Settings, pool: asyncpg.Pool) -> AsyncIterator[Page]:
    """The insurance desk, signed in."""
    if not CHROMIUM.exists():
        pytest.skip("This test needs a browser: apt-get install chromium")
    await add_user(pool, "baohiem", "insurance")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    app = build(store, settings, (insurance.DEPARTMENT,))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await (await browser.new_context(base_url=f"http://127.0.0.1:{port}")).new_page()
        page.set_default_timeout(10_000)
        await page.goto("/sign-in")
        await page.get_by_label("Tên đăng nhập").fill("baohiem")
        await page.get_by_label("Mật khẩu").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"http://127.0.0.1:{port}/")
        yield page
        await browser.close()
    server.should_exit = True
    await task


async def fit(page: Page, name: str) -> None:
    """The page passes axe on a desk and on a phone."""
    for size in SIZES:
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("rules => axe.run({runOnly: rules}).then(r => r.violations)", RULES)
        said = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
        assert not said, "\n".join(said)
        if SHOTS:
            await page.screenshot(path=f"{SHOTS}/{name}-{size['width']}.png", full_page=True)


async def test_the_card_renews_itself_and_every_page_is_fit(
    store: Store, system: Actor, pool: asyncpg.Pool, desk: Page
) -> None:
    async with running.here(portal_simulator, fault="down") as portal:
        outbox_work.connect(store, insurance_url=portal.url)
        await insured_visit.make(store, system, number="DN4790000000008", is_verified=False)
        await desk.goto("/insurance/patients/p1/card")
        await desk.get_by_role("button", name="Tra cứu lại").click()
        await desk.get_by_text("Đang tra cứu").wait_for()
        await outbox_work.work(store, pool)
        await desk.get_by_text("Cứ tiếp nhận người bệnh").wait_for()  # by itself, two seconds later
        await fit(desk, "card-down")
        await desk.goto("/insurance/messages")
        await desk.get_by_text("Đang gián đoạn").first.wait_for()
        await fit(desk, "messages")
        await portal.fault("")
        await desk.get_by_role("link", name="Tra cứu thẻ BHYT").click()
        await desk.get_by_role("button", name="Gửi lại ngay").click()
        await desk.wait_for_load_state()
        await outbox_work.work(store, pool)
        await desk.reload()
        await desk.get_by_text("Nội dung đã gửi").wait_for()
        await fit(desk, "message")
        await desk.goto("/insurance/patients/p1/card")
        await desk.get_by_text("Còn giá trị").first.wait_for()
        await fit(desk, "card")

        async def stop(tx: Transaction) -> list[outbox.Message]:
            return await outbox.listed(tx, states=("sent",))

        assert {one.channel for one in await store.run(system, stop)} == {"insurance"}
