"""A real browser at a real node: its own home, its own database, Debian's chromium.

Without chromium these tests skip and say what to install. A failure leaves a screenshot beside the test's folder.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lienmach.base import postgres
from lienmach.base.settings import Settings
from tests.browser import people
from tests.running_node import Node
from tests.web.client import PASSWORD, add_user

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(postgres.__file__).parents[2] / "node_modules/axe-core/axe.min.js"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DESK = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A running node with three people and a doctor, a reception desk and a data protection officer."""
    if not CHROMIUM.exists():
        pytest.skip("These tests need a browser: apt-get install chromium")
    home = Path(tempfile.mkdtemp(prefix="lm-web-"))
    one = Node(home)
    process = one.run()
    try:
        asyncio.run(_add_users(home))
        _send(one, people.bundle())
        _send(one, people.later(), "PUT", "Patient/" + people.DUONG)
        yield one
    finally:
        process.terminate()
        process.wait(30)
        postgres.destroy(replace(Settings(), home=home))
        shutil.rmtree(home, ignore_errors=True)


async def _add_users(home: Path) -> None:
    cluster = postgres.attach(Settings(home=home))
    assert cluster is not None
    async with asyncpg.create_pool(cluster.url("app"), min_size=1, max_size=2) as pool:
        for role in ("doctor", "reception", "dpo"):
            await add_user(pool, role, role)


def _send(node: Node, body: dict[str, Any], method: str = "POST", path: str = "") -> None:
    token = node.command("token", "--role", "system").stdout.strip()
    request = urllib.request.Request(
        f"http://{node.address}/fhir/{path}",
        json.dumps(body).encode(),
        method=method,
        headers={"authorization": f"Bearer {token}", "content-type": "application/fhir+json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status in (200, 201), answer.read()


@pytest.fixture(scope="module")  # while it lives, its event loop is in the way of other tests' asyncio.run
def chromium(node: Node) -> Iterator[Browser]:
    """The browser, started anew for each file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Desk:
    """Somebody at a screen. requests: (url, status, bytes on the wire) since the last `forget`."""

    page: Page
    base: str
    requests: list[tuple[str, int, int]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def sign_in(self, login: str) -> None:
        self.go("/sign-in")
        self.page.get_by_label("Tên đăng nhập").fill(login)
        self.page.get_by_label("Mật khẩu").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(self.base + "/")

    def find(self, text: str) -> None:
        self.page.keyboard.press("F2")
        if not self.page.url.endswith("/"):  # on the first page F2 goes to the box that is there
            self.page.wait_for_url(self.base + "/registration/patients")
        else:
            self.go("/registration/patients")
        self.page.get_by_label("Tìm người bệnh").fill(text)

    def axe(self) -> list[str]:
        """What axe-core finds wrong on this page by WCAG 2.2 AA."""
        if not AXE.exists():
            pytest.skip("axe-core is missing: run the build (`make run`) once")
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        return [f"{one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def at(chromium: Browser, node: Node, request: pytest.FixtureRequest) -> Iterator[Callable[..., Desk]]:
    """Sits somebody down: `at("doctor")`, `at("reception", PHONE)`; nobody signed in with ""."""
    opened: list[Desk] = []

    def sit(login: str = "", size: dict[str, int] | None = None, **more: Any) -> Desk:
        context = chromium.new_context(viewport=size or DESK, **more)
        desk = Desk(context.new_page(), f"http://{node.address}")
        desk.page.set_default_timeout(10_000)
        desk.page.on("pageerror", lambda error: desk.complaints.append(str(error)))
        desk.page.on(
            "console", lambda message: desk.complaints.append(message.text) if message.type == "error" else None
        )
        desk.page.on("requestfinished", lambda one: desk.requests.append(_measure(one)))
        opened.append(desk)
        if login:
            desk.sign_in(login)
        return desk

    yield sit
    failed = getattr(request.node, "failed", False)
    for number, desk in enumerate(opened):
        if failed:
            desk.page.screenshot(path=Path(tempfile.gettempdir()) / f"{request.node.name}-{number}.png")
        desk.page.context.close()


def _measure(request: Any) -> tuple[str, int, int]:
    sizes = request.sizes()
    return request.url, request.response().status, sizes["responseBodySize"] + sizes["responseHeadersSize"]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed  # type: ignore[attr-defined]
