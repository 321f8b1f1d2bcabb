"""The pages through ASGI, as a browser would use them: cookies kept, forms read from the page, proofs sent back."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import httpx

from lienmach.base import clock
from lienmach.identity import passwords, users
from lienmach.web import pages

PASSWORD = "mot cau ngan de nho"
BASE = "http://127.0.0.1:8000"
_hashes: dict[str, str] = {}


async def add_user(pool: asyncpg.Pool, login: str, role: str, tenant: int = 1, **more: Any) -> None:
    """An account with PASSWORD; the hash is made once for all tests, for it is slow on purpose."""
    if PASSWORD not in _hashes:
        _hashes[PASSWORD] = await passwords.hash_password(PASSWORD)
    await users.add(
        pool, users.Account(tenant, login, f"{login} Thử", frozenset({role}), _hashes[PASSWORD], **more), clock.now()
    )


class Browser:
    """One browser at one address. `page` is the text of the last answer."""

    def __init__(self, app: Any, address: str = "127.0.0.1") -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 5000)), base_url=BASE
        )
        self.page = ""

    async def get(self, path: str, **more: Any) -> httpx.Response:
        answer = await self.client.get(path, **more)
        self.page = answer.text
        return answer

    async def post(self, path: str, data: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """Send a form with the proof of the last page."""
        answer = await self.client.post(path, data={"csrf": self.proof(), **(data or {})}, **more)
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = answer.text
        return answer

    def proof(self) -> str:
        found = re.search(r'name="csrf" (?:value|content)="([^"]+)"', self.page)
        return found[1] if found else ""

    async def sign_in(self, login: str, password: str = PASSWORD) -> httpx.Response:
        await self.get("/sign-in")
        return await self.post("/sign-in", {"login": login, "password": password})

    def words(self) -> str:
        """The text that a person reads on the last page."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.page).split())


def build(store: Any, settings: Any, departments: Any) -> Any:
    """The app of the pages on a test's record."""
    return pages.build(departments, store=store, settings=settings)
