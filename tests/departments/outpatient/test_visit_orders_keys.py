"""Orders and prescription by keyboard alone in a real browser, and what axe says of the pages at both sizes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from lienmach.care import resources, signing, visit_diagnoses
from tests.browser.conftest import AXE, CHROMIUM, DESK, FLAGS, PHONE, RULES
from tests.clinic import Clinic
from tests.departments.outpatient.conftest import PIN
from tests.web.client import PASSWORD

SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
async def base(app: Any) -> AsyncIterator[str]:
    """The pages served on a free port; the address."""
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[door]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{door.getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.fixture
async def page(base: str) -> AsyncIterator[Page]:
    """A doctor at a desk with a browser."""
    if not CHROMIUM.exists():
        pytest.skip("These tests need a browser: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        found = await browser.new_page(viewport=DESK, base_url=base)
        found.set_default_timeout(10_000)
        await found.goto("/sign-in")
        await found.get_by_label("Tên đăng nhập").fill("doctor")
        await found.get_by_label("Mật khẩu").fill(PASSWORD)
        await found.keyboard.press("Enter")
        await found.wait_for_url(f"{base}/")
        yield found
        await browser.close()


@pytest.fixture
async def visit(clinic: Clinic) -> str:
    await signing.ensure(clinic.store, clinic.actor("doctor"), PIN)
    own = await clinic.visit(await clinic.patient())

    async def diagnose(tx: Any) -> None:
        await visit_diagnoses.store(tx, await resources.read(tx, "Encounter", own), "J20.9", [])

    await clinic.store.run(clinic.actor("doctor"), diagnose)
    return own


async def check(page: Page, name: str) -> None:
    """axe finds nothing and nothing runs over the edge, on a desk and on a phone."""
    for label, size in (("desk", DESK), ("phone", PHONE)):
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        if SHOTS:
            await page.screenshot(path=Path(SHOTS) / f"{name}-{label}.png", full_page=True)
        over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{name} is {over} px too wide on a {label}"
        if AXE.exists():
            await page.evaluate(AXE.read_text("utf-8"))
            found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
            wrong = [f"{one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]]
            assert not wrong, f"{name} on a {label}: {wrong}"
    await page.set_viewport_size(DESK)  # type: ignore[arg-type]


async def test_services_are_ordered_by_keyboard(page: Page, visit: str) -> None:
    await page.goto(f"/outpatient/visits/{visit}/orders")
    await page.get_by_role("combobox", name="Thêm dịch vụ").focus()
    await page.keyboard.type("hba1c")
    await page.keyboard.press("Enter")  # faster than the answer: what was typed last is added
    await page.get_by_role("button", name="Đặt 1 chỉ định").wait_for()
    await page.keyboard.type("creatinin mau")
    await page.get_by_role("option", name="Định lượng creatinin máu").wait_for()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Đặt 2 chỉ định").wait_for()
    await check(page, "orders-lines")
    await page.keyboard.press("Enter")  # an empty search goes to the button
    await page.keyboard.press("Enter")
    await page.get_by_text("Đã đặt 2 chỉ định").wait_for()
    await check(page, "orders-placed")
    await page.locator("summary", has_text="Huỷ").first.click()
    await page.get_by_role("button", name="Huỷ chỉ định").first.click()
    await page.get_by_role("button", name="Hoàn tác").click()
    await page.get_by_text("Đã hoàn tác").wait_for()


async def test_a_prescription_is_typed_field_by_field(clinic: Clinic, page: Page, visit: str) -> None:
    await page.goto(f"/outpatient/visits/{visit}/prescription")
    await page.get_by_role("combobox", name="Thêm thuốc").focus()
    await page.keyboard.type("paracetamol 500")
    await page.get_by_role("option", name="Paracetamol 500 mg").first.wait_for()
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="1. Paracetamol").wait_for()
    assert await page.evaluate("document.activeElement.id") == "per_time-0", "a new line is filled in at once"
    await page.keyboard.press("Enter")
    await page.keyboard.type("1")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await page.keyboard.type("1")  # faster than any answer: nothing typed is lost
    await page.keyboard.press("Tab")
    await page.get_by_text("sáng 1 viên").wait_for()
    await page.get_by_text("chiều 1 viên").wait_for()
    await check(page, "prescription-lines")
    await page.get_by_role("button", name="Lưu đơn thuốc").click()
    await page.get_by_text("Đã lưu đơn thuốc").wait_for()
    await check(page, "prescription-written")


@pytest.mark.parametrize("kind", ["", "referral", "appointment-slip", "sick-leave", "visit-summary"])
async def test_the_papers_page_is_fit(page: Page, visit: str, kind: str) -> None:
    await page.goto(f"/outpatient/visits/{visit}/papers?kind={kind}")
    await check(page, f"papers-{kind or 'none'}")


async def test_the_total_is_fit(page: Page, visit: str) -> None:
    await page.goto(f"/outpatient/visits/{visit}/total")
    await check(page, "total")
