"""The people of Story 1 at their screens: who sits there, what was wrong on a screen, and a picture of each.

With STORY_PICTURES set to a folder (docs/pictures/story) the pictures are kept there as documentation; else they go to
a folder of the test and vanish with it. They are reduced to a palette, so that one has well under 150 KB.
"""

from __future__ import annotations

import importlib.util
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import AXE, DESK, PHONE, Desk
from tests.browser.story_node import StoryNode

PICTURES = os.environ.get("STORY_PICTURES", "")
BYTES_MAX = 150_000
_COLOURS = 128


@dataclass
class Screens:
    """Seats people down and photographs their screens. wrong: what was seen to be unfit on the way."""

    chromium: Browser
    node: StoryNode
    folder: Path
    wrong: list[str] = field(default_factory=list)
    _seats: dict[str, Desk] = field(default_factory=dict)
    _number: int = 0

    def seat(self, login: str, *, phone: bool = False) -> Desk:
        """Somebody at a screen, signed in with a demo login; the same seat for the same login."""
        if login not in self._seats:
            context = self.chromium.new_context(
                viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
                locale="vi-VN",
                timezone_id="Asia/Ho_Chi_Minh",
                permissions=["clipboard-read", "clipboard-write"],
            )
            desk = Desk(context.new_page(), f"http://{self.node.address}")
            desk.page.set_default_timeout(30_000)
            expect.set_options(timeout=20_000)  # the node of the story shares its machine with other tests
            self._listen(desk, login)
            self._seats[login] = desk
            if login != "citizen":
                self._sign_in(desk, login)
        return self._seats[login]

    def shoot(self, page: Page, what: str, *, waits: bool = True) -> None:
        """A picture of this screen as NNN-what.png, and what axe and the ruler say of it."""
        if waits:
            settle(page)
        self._number += 1
        name = f"{self._number:03d}-{what}"
        self._keep(name, page.screenshot(caret="initial"))  # hiding it would need a style that the page refuses
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            self.wrong.append(f"{name}: {over} px wider than the window")
        if AXE.exists():
            page.evaluate(AXE.read_text("utf-8"))
            rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
            found = page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
            self.wrong += [
                f"{name}: {one['id']} {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]
            ]

    def shoot_paper(self, pdf: bytes, what: str) -> None:
        """A picture of the first page of a PDF, where a library to draw it is installed."""
        self._number += 1
        if importlib.util.find_spec("pypdfium2") is None:
            return
        import pypdfium2  # type: ignore[import-not-found]

        drawn = pypdfium2.PdfDocument(pdf)[0].render(scale=1.6).to_pil()
        held = io.BytesIO()
        drawn.save(held, "PNG")
        self._keep(f"{self._number:03d}-{what}", held.getvalue())

    def close(self) -> None:
        """Let everybody go home."""
        for desk in self._seats.values():
            desk.page.context.close()

    def _sign_in(self, desk: Desk, login: str) -> None:
        desk.go("/sign-in")
        desk.page.get_by_label("Tên đăng nhập").fill(login)
        desk.page.get_by_label("Mật khẩu").fill(self.node.password)
        desk.page.keyboard.press("Enter")
        desk.page.wait_for_url(desk.base + "/")

    def _listen(self, desk: Desk, login: str) -> None:
        def complain(text: str) -> None:
            is_refusal = "status of 4" in text  # that the story wants is no fault of the page
            is_left = text.startswith(("htmx:sendAbort", "htmx:afterRequest"))  # who leaves a page ends what it asks
            if not is_refusal and not is_left:
                self.wrong.append(f"{login}: {text}")

        desk.page.on("pageerror", lambda error: complain(str(error)))
        desk.page.on("console", lambda said: complain(said.text) if said.type == "error" else None)

    def _keep(self, name: str, png: bytes) -> None:
        small = _reduced(png)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.png").write_bytes(small)
        if small is not png and len(small) > BYTES_MAX:
            self.wrong.append(f"{name}: the picture has {len(small)} bytes")


def settle(page: Page) -> None:
    """Wait until the page and every panel of it has its answer."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(200)  # what a key or a change starts, starts with a delay
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def _reduced(png: bytes) -> bytes:
    """The same picture with few colours, if pillow is installed."""
    if importlib.util.find_spec("PIL") is None:
        return png
    from PIL import Image  # type: ignore[import-not-found]

    held = io.BytesIO()
    whole: Any = Image.open(io.BytesIO(png)).convert("RGB")
    whole.quantize(_COLOURS, dither=Image.Dither.NONE).save(held, "PNG", optimize=True)
    return held.getvalue()
