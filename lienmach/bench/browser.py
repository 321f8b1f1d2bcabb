"""A signed-in browser without a screen: keeps cookies, sends back the proof of the last page, reads forms as they stand.

One keep-alive connection and one request at a time, on the lean client of `client.py`. Only what a node's own pages
need; not a general browser.

    one = Browser(host, port)
    await one.sign_in("bacsi", password)
    page = await one.get("/outpatient/visits")
"""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode

from lienmach.bench.client import Answer, Broken, Connection

Fields = list[tuple[str, str]]
_PROOF = re.compile(r'name="csrf" (?:value|content)="([^"]+)"')
_COOKIE = re.compile(rb"(?im)^set-cookie: ([^=\s]+)=([^;\r]*)")
_LOCATION = re.compile(rb"(?im)^location: ([^\r]*)")
_GZIP = re.compile(rb"(?im)^content-encoding: gzip")
_WORDS = re.compile(r"<(?:script|style).*?</(?:script|style)>|<[^>]+>", re.S)
_NOTE = re.compile(r'<div class="note bad"[^>]*>(.*?)</div>', re.S)


@dataclass(frozen=True)
class Page:
    """One answer. seconds: from the request to its last byte; wire: bytes of head and body as sent."""

    path: str
    status: int
    text: str
    location: str
    seconds: float
    wire: int

    def has(self, text: str) -> bool:
        return text in self.text

    def words(self) -> str:
        """What a person reads on it."""
        return " ".join(unescape(_WORDS.sub(" ", self.text)).split())

    def sentence(self) -> str:
        """What it says went wrong: its first note that is bad, else how its main part begins."""
        found = [one for one in _NOTE.findall(self.text) if "offline" not in one and "Mất kết nối" not in one]
        text = found[0] if found else self.text.partition("<main")[2] or self.text
        return " ".join(unescape(_WORDS.sub(" ", text)).split())[:200]


class Browser:
    """One person's browser. page: the last whole page or fragment."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.cookies: dict[str, str] = {}
        self.proof = ""
        self.password = ""  # of this session: some pages ask for it again
        self.page = Page("", 0, "", "", 0.0, 0)
        self._connection: Connection | None = None

    async def get(self, path: str, *, fragment: bool = False) -> Page:
        """Ask for a page; fragment: as htmx does."""
        return await self._ask("GET", path.partition("#")[0], None, fragment)

    async def post(self, path: str, fields: Mapping[str, str] | Fields, *, fragment: bool = False) -> Page:
        """Send a form with the proof of the last page."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else fields
        return await self._ask("POST", path, [("csrf", self.proof), *(p for p in pairs if p[0] != "csrf")], fragment)

    async def sign_in(self, login: str, password: str) -> None:
        """Begin a session. Raises Broken where the node does not let this person in."""
        await self.get("/sign-in")
        if (await self.post("/sign-in", {"login": login, "password": password})).status != 303:
            raise Broken(f"{login} could not sign in: {self.page.sentence()}")
        self.password = password
        await self.get("/")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def _ask(self, method: str, path: str, fields: Fields | None, fragment: bool) -> Page:
        body = None if fields is None else urlencode(fields).encode()
        request = self._bytes(method, path, body, fragment)
        begun = time.perf_counter()
        answer = await self._send(request)
        seconds = time.perf_counter() - begun
        for name, value in _COOKIE.findall(answer.head):
            self.cookies[name.decode()] = value.decode()
        where = _LOCATION.search(answer.head)
        raw = gzip.decompress(answer.body) if _GZIP.search(answer.head) else answer.body
        text = raw.decode("utf-8", "replace")
        self.page = Page(
            path, answer.status, text, where[1].decode() if where else "", seconds, len(answer.head) + len(answer.body)
        )
        found = _PROOF.search(text)
        if found:
            self.proof = found[1]
        return self.page

    async def _send(self, request: bytes) -> Answer:
        """Send on the open connection; a node may have closed it while nobody asked for anything."""
        if self._connection is None or self._connection.is_closed:
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(Connection, self.host, self.port)
        return await self._connection.ask(request)

    def _bytes(self, method: str, path: str, body: bytes | None, fragment: bool) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", "Accept-Encoding: gzip"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if fragment:
            lines.append("HX-Request: true")
        if body is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def form_of(page: str, action: str) -> Fields:
    """What a browser would send of the first form with this action, without any of its buttons."""
    reader = _FormReader(action)
    reader.feed(page)
    return reader.fields


class _FormReader(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.fields: Fields = []
        self._action, self._state = action, "before"
        self._select = self._area = ""
        self._options: list[tuple[str, bool]] = []
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and self._state == "before" and found.get("action") == self._action:
            self._state = "inside"
        if self._state != "inside" or "disabled" in found:
            return
        if tag == "input" and found.get("name"):
            kind = found.get("type", "text")
            if kind not in ("checkbox", "radio", "submit", "button", "file") or "checked" in found:
                self.fields.append((found["name"], found.get("value", "on" if kind == "checkbox" else "")))
        elif tag == "select":
            self._select, self._options = found.get("name", ""), []
        elif tag == "option" and self._select:
            self._options.append((found.get("value", ""), "selected" in found))
        elif tag == "textarea":
            self._area, self._text = found.get("name", ""), []

    def handle_data(self, text: str) -> None:
        if self._area:
            self._text.append(text)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._state == "inside":
            self._state = "after"
        elif tag == "select" and self._select:
            chosen = [value for value, is_chosen in self._options if is_chosen] or [v for v, _ in self._options[:1]]
            self.fields += [(self._select, value) for value in chosen[:1]]
            self._select = ""
        elif tag == "textarea" and self._area:
            self.fields.append((self._area, "".join(self._text).removeprefix("\n")))
            self._area = ""
