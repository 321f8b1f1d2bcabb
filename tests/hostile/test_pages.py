"""Hostile words in every field and address of the pages: a page or a refusal, never 500, and no word becomes markup."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from lienmach.base.settings import Settings
from lienmach.departments import registration
from lienmach.record.transaction import Store
from tests.web.client import Browser, add_user, build

SCRIPT = "<script>alert(7)</script>"
HOSTILE = [
    "a\0b",
    "\0",
    SCRIPT,
    "\"'><img src=x onerror=alert(7)>",
    "'; drop table version; --",
    "%00",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "\u202e",
    "x" * 20_000,
    "9" * 400,
    "{{7*7}}",
    "../../etc/passwd",
    "\r\nx: y",
    "đ" * 3000,
    "|||||||",
    "-1",
    "0000-00-00",
    "30/02/2024",
    "99/99/9999",
    "a\tb\nc",
    "\u200b",
    "٠١٢",
    "1e999",
    "nan",
]


@pytest.fixture
async def browser(store: Store, settings: Settings, pool: asyncpg.Pool) -> Any:
    await add_user(pool, "desk", "reception")
    one = Browser(build(store, settings, (registration.DEPARTMENT,)))
    assert (await one.sign_in("desk")).status_code == 303
    await one.get("/")
    yield one
    await one.client.aclose()


def _check(answer: Any, what: str) -> None:
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
    assert SCRIPT not in answer.text and "<img src=x" not in answer.text, what
    assert "x" not in answer.headers, what


async def test_hostile_words_in_every_field_of_a_form(browser: Browser) -> None:
    for path in ("/registration/patients", "/registration/patients/new", "/registration/patients/new/similar"):
        await browser.get("/registration/patients/new" if path.endswith("similar") else path)
        page = browser.page
        fields = [
            name for name in dict.fromkeys(re.findall(r'name="([\w.-]+)"', page)) if name not in ("csrf", "viewport")
        ]
        assert fields, path
        for value in HOSTILE:
            browser.page = page
            _check(await browser.post(path, dict.fromkeys(fields, value)), f"{path} {value[:40]!r}")
    for field in ("name", "birth", "citizen", "q"):
        for value in HOSTILE:
            await browser.get("/registration/patients")
            _check(await browser.post("/registration/patients", {field: value}), f"{field} {value[:40]!r}")


async def test_hostile_words_in_addresses_and_queries(browser: Browser) -> None:
    for value in HOSTILE:
        text = quote(value[:2000], safe="")
        for path in (
            f"/registration/patients/{text}",
            f"/registration/patients/{text}/access",
            f"/registration/patients/{text}/entries/Observation/x",
            f"/registration/patients/x/entries/{text}/x",
            f"/registration/patients/x/entries/Observation/{text}",
            f"/registration/patients?page={text}",
            f"/registration/patients/x/entries/Observation/{text}/versions",
            f"/registration/communes?province={text}",
            f"/registration/patients/new?next={text}",
            f"/{text}",
            f"/static/{text}/x",
            f"/sign-in?next={text}",
            f"/set-up/{text}",
        ):
            _check(await browser.client.get(path), path[:80])


async def test_hostile_words_at_the_door(store: Store, settings: Settings, pool: asyncpg.Pool) -> None:
    await add_user(pool, "desk", "reception")
    for number, value in enumerate(HOSTILE):
        stranger = Browser(build(store, settings, (registration.DEPARTMENT,)), f"10.0.0.{number}")
        _check(await stranger.sign_in(value, "x"), f"login {value[:40]!r}")
        _check(await stranger.sign_in("desk", value), f"password {value[:40]!r}")
        stranger.client.cookies.set("lienmach", quote(value[:500]))
        stranger.client.cookies.set("session", quote(value[:500]))
        _check(await stranger.get("/"), "cookie")
        await stranger.client.aclose()
