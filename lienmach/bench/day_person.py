"""Somebody at work in the benchmark: a signed-in browser, what they clicked, and how long each click took."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from lienmach.bench.browser import Browser, Fields, Page

THOUGHT_SECONDS = (1.0, 4.0)
PIN = "583914"


@dataclass
class Book:
    """What was clicked. clicks: (name, milliseconds); polls: of what pages ask by themselves; done: whole rounds."""

    clicks: list[tuple[str, float]] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)


@dataclass
class Person:
    """Somebody at work: a signed-in browser, and where their clicks are written down.

    bank: host and port of the bank's simulator. seat: which of those who do the same this is, from 0.
    """

    login: str
    one: Browser
    book: Book
    chance: Random
    place: str = ""
    thinks: bool = True
    bank: tuple[str, int] = ("", 0)
    seat: int = 0

    async def get(self, name: str, path: str, *, fragment: bool = False) -> Page:
        return await self._click(name, lambda: self.one.get(path, fragment=fragment))

    async def post(
        self, name: str, path: str, fields: Mapping[str, str] | Fields, *, may: tuple[int, ...] = (),
        fragment: bool = False,
    ) -> Page:  # fmt: skip
        """Send a form and follow where it leads, as one click. may: further statuses that are an answer, not a fault."""
        return await self._click(name, lambda: self._followed(path, fields, fragment), may)

    async def _followed(self, path: str, fields: Mapping[str, str] | Fields, fragment: bool) -> Page:
        page = await self.one.post(path, fields, fragment=fragment)
        return await self.one.get(page.location) if page.status == 303 else page

    async def _click(self, name: str, ask: Callable[[], Awaitable[Page]], may: tuple[int, ...] = ()) -> Page:
        if self.thinks:
            await asyncio.sleep(self.chance.uniform(*THOUGHT_SECONDS))
        begun = time.perf_counter()
        page = await ask()
        self.book.clicks.append((name, (time.perf_counter() - begun) * 1000))
        if page.status >= 400 and page.status not in may:
            self.book.errors.append((name, f"{page.status} {page.sentence()}"))
            raise Stopped
        return page


class Stopped(Exception):
    """A round ends early: an answer was an error, and is in the book."""


Round = Callable[[Person, Iterator[int]], Awaitable[None]]
