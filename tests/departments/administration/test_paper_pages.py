"""Templates on screen: edit, look, save, come back."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lienmach.base.settings import Settings
from lienmach.care import paper, paper_templates
from lienmach.departments.administration import paper_templates as pages
from lienmach.record.transaction import Store
from lienmach.web.department import Department
from tests.web.client import Browser, add_user, build

OWN = "#set page(width: 80mm, height: auto)\nSố của tôi: #data.number"
TICKET = "/administration/paper/ticket"


@pytest.fixture
def app(store: Store, settings: Settings) -> Any:
    one = Department("administration", "Quản trị", Path(pages.__file__).parent, pages.ROUTES)
    return build(store, settings, (one,))


@pytest.fixture
async def admin(app: Any, store: Store) -> AsyncIterator[Browser]:
    """An administrator who has signed in."""
    await add_user(store.pool, "quantri", "admin")
    browser = Browser(app)
    await browser.sign_in("quantri")
    yield browser
    await browser.client.aclose()


def source_on(browser: Browser) -> str:
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", browser.page, re.DOTALL)
    assert found
    return html.unescape(found[1])


async def send(browser: Browser, step: str, source: str, *, after: int = 0, base: int = 0) -> int:
    fields = {"step": step, "source": source, "after": str(after), "base": str(base), "note": "chữ to hơn"}
    return (await browser.post(TICKET, fields)).status_code


async def test_every_kind_of_paper_is_listed_and_opens_with_a_picture(admin: Browser) -> None:
    await admin.get("/administration/paper")
    for kind in paper.KINDS:
        assert f'href="/administration/paper/{kind}"' in admin.page
    for kind in paper.KINDS:
        assert (await admin.get(f"/administration/paper/{kind}")).status_code == 200
        assert "data:image/png;base64," in admin.page and len(admin.page) < 150_000
        assert source_on(admin) == paper_templates.built_in(kind).source


async def test_a_preview_changes_nothing(admin: Browser, store: Store) -> None:
    await admin.get(TICKET)
    assert await send(admin, "preview", OWN) == 200
    assert source_on(admin) == OWN and "data:image/png" in admin.page
    await admin.get(TICKET)
    assert source_on(admin) == paper_templates.built_in("ticket").source


async def test_a_saved_template_is_used_listed_and_can_be_given_back(admin: Browser) -> None:
    await admin.get(TICKET)
    assert await send(admin, "save", OWN) == 303
    await admin.get(TICKET)
    assert source_on(admin) == OWN and "chữ to hơn" in admin.words()
    await admin.get("/administration/paper")
    assert "Mẫu riêng, bản 1" in admin.words()
    await admin.get(TICKET)
    assert await send(admin, "reset", "", after=1) == 303
    await admin.get(TICKET)
    assert source_on(admin) == paper_templates.built_in("ticket").source
    await admin.get(f"{TICKET}?version=1")
    assert source_on(admin) == OWN
    assert await send(admin, "save", OWN, after=2, base=1) == 303


async def test_a_fault_is_told_with_its_line_and_nothing_is_saved(admin: Browser) -> None:
    await admin.get(TICKET)
    for step in ("preview", "save"):
        assert await send(admin, step, "một\n\n#không-có()") == 422
        assert "Dòng 3, cột" in admin.words() and source_on(admin) == "một\n\n#không-có()"
    assert await send(admin, "save", "#data.next_steps.at(0)") == 422
    assert "Dòng 1" in admin.words()
    await admin.get(TICKET)
    assert "Chưa có bản riêng" in admin.words()


async def test_who_saves_over_another_version_keeps_the_text_and_reads_why(admin: Browser) -> None:
    await admin.get(TICKET)
    assert await send(admin, "save", OWN) == 303
    assert await send(admin, "save", OWN + " khác", after=0) == 409
    assert "Có người vừa lưu" in admin.words() and source_on(admin) == OWN + " khác"


async def test_a_template_that_is_too_long_is_told_so(admin: Browser) -> None:
    await admin.get(TICKET)
    assert await send(admin, "save", "a" * 60_001) == 422
    assert "60000" in admin.words()


async def test_the_preview_is_a_pdf(admin: Browser) -> None:
    answer = await admin.get(f"{TICKET}/preview")
    assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF")
    assert (await admin.get(f"{TICKET}/preview?version=0")).content == answer.content
    assert (await admin.get(f"{TICKET}/preview?version=7")).status_code == 404


@pytest.mark.parametrize("path", ["nonsense", "..%2f", "ticket?version=x", "ticket?version=99999999999"])
async def test_a_paper_that_is_none_is_not_found(admin: Browser, path: str) -> None:
    assert (await admin.get(f"/administration/paper/{path}")).status_code == 404


async def test_markup_in_a_template_is_shown_and_not_run(admin: Browser) -> None:
    await admin.get(TICKET)
    assert await send(admin, "preview", "</textarea><script>1</script>") in (200, 422)
    assert "<script>1" not in admin.page


async def test_a_doctor_does_not_change_templates(app: Any, store: Store) -> None:
    await add_user(store.pool, "bacsi", "doctor")
    browser = Browser(app)
    await browser.sign_in("bacsi")
    assert (await browser.get("/administration/paper")).status_code == 403
    assert (await browser.post(TICKET, {"step": "save", "source": OWN})).status_code == 403
    await browser.client.aclose()
