"""What a person waits for at a screen: work lists, patient search, catalogue search, the chart; and what pages weigh.

Each is asked for by one browser, one request after the other, and then by eight at once. Time is from the request to
the last byte on the loopback address, so it is the server's, its compression included.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote

from lienmach.bench import day_data
from lienmach.bench.browser import Browser, Page
from lienmach.bench.client import Broken
from lienmach.bench.day_data import Visit

BUDGET_MS = 50.0
WEIGHT_MAX = 150_000
ONCE, AT_ONCE = 100, 8
_ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')
_IN_STYLE = re.compile(r"url\([\"']?([^\"')]+)")
Asking = Callable[[Browser], Awaitable[Page]]


@dataclass(frozen=True)
class Asked:
    """One thing to ask for. login: who asks. is_page: it is whole, so that it can be weighed with its assets.

    person: number of the citizen who asks for their own record, without a login.
    """

    name: str
    title: str
    login: str
    ask: Asking
    is_page: bool = False
    person: int = -1


@dataclass
class Seen:
    """Times in milliseconds of one client and of several; weight in bytes; what was not answered by 200 or 303."""

    one: list[float] = field(default_factory=list)
    several: list[float] = field(default_factory=list)
    weight: int = 0
    failures: list[str] = field(default_factory=list)


def quantile(times: Sequence[float], share: float) -> float:
    """The value below which so many of the times lie; nan of none."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def all_of(people: int, waiting: Visit, running: Visit) -> list[Asked]:
    """What is measured. waiting: a visit of today that may be read; running: one that a doctor has begun."""
    names, numbers = itertools.cycle(_names(people)), itertools.cycle(range(0, people, 37))
    icd = itertools.cycle("tang huyet ap|tieu duong|ho|viem hong|I10|J0|dau lung|cam|da day".split("|"))
    drugs = itertools.cycle("para|amox|met|amlo|ome|ceti|thuoc ho|vitamin".split("|"))
    services = itertools.cycle("mau|glu|sieu am|x-quang|hba1c|nuoc tieu".split("|"))
    visit = f"/outpatient/visits/{running.id}"
    find, arrive = "/registration/patients", "/registration/arrivals"

    def get(path: str, *, fragment: bool = False) -> Asking:
        return lambda one: one.get(path, fragment=fragment)

    def typed(path: str, texts: itertools.cycle[str]) -> Asking:
        return lambda one: one.get(path + quote(next(texts)), fragment=True)

    doctor, desk, lab, window = "bacsi2", "tiepdon", "xetnghiem", "duocsi"
    return [
        Asked("work_list", "work list, 60 wait", doctor, get("/outpatient/visits"), True),
        Asked("work_list_again", "the same, as it renews itself", doctor, get("/outpatient/visits", fragment=True)),
        Asked("lab_list", "laboratory work list", lab, get("/laboratory/orders"), True),
        Asked("collections", "who waits for collection", lab, get("/laboratory/collections"), True),
        Asked("window_list", "dispensary work list", window, get("/pharmacy/prescriptions"), True),
        Asked("queue", "queue of a place", desk, get(f"/registration/queue?place={day_data.MEASURED.id}"), True),
        Asked("board", "board of the hall", desk, get("/bang-goi"), True),
        Asked("find_name", "patient by name", desk, lambda one: one.post(find, {"text": next(names)}, fragment=True)),
        Asked("find_number", "patient by number", desk,
              lambda one: one.post(find, {"text": day_data.citizen_number(next(numbers))}, fragment=True)),
        Asked("find_page", "patient search, whole page", desk,
              lambda one: one.post(find, {"text": next(names)}), True),
        Asked("arrive_name", "arrival by name", desk, lambda one: one.post(arrive, {"text": next(names)}, fragment=True)),
        Asked("find_icd", "diagnosis, typing", doctor, typed(f"{visit}/note/codes?icd=", icd)),
        Asked("find_drug", "drug, typing", doctor, typed(f"{visit}/prescription/drugs?find=", drugs)),
        Asked("find_service", "service, typing", doctor, typed(f"{visit}/orders/services?find=", services)),
        Asked("chart", "chart of a visit", doctor, get(visit), True),
        Asked("orders", "orders of a visit", doctor, get(f"{visit}/orders"), True),
        Asked("prescription", "prescription of a visit", doctor, get(f"{visit}/prescription"), True),
        Asked("findings", "findings beside the chart", doctor, get(f"{visit}/findings", fragment=True)),
        Asked("signature", "preview and signature", doctor, get(f"{visit}/signature"), True),
        Asked("alerts", "critical results, each 5 s", doctor, get("/laboratory/alerts", fragment=True)),
        Asked("arrival", "arrival form", desk, get(f"{arrive}/{day_data.person_id(waiting.person)}"), True),
    ]  # fmt: skip


async def sit_down(host: str, port: int, password: str) -> None:
    """The doctor who is measured sits in the room where most people wait."""
    one = Browser(host, port)
    await one.sign_in("bacsi2", password)
    await one.get("/outpatient/visits/rooms")
    await one.post("/outpatient/visits/rooms", {"room": day_data.MEASURED.id})
    one.close()


async def measure(
    host: str, port: int, password: str, asked: Asked, *, once: int = ONCE, known: Browser | None = None
) -> Seen:
    """Ask 10 times to warm up, `once` times by one browser, then as often again by eight together.

    known: a browser that is in already, for somebody without a login.
    """
    seen = Seen()
    browsers = [Browser(host, port) for _ in range(AT_ONCE)]
    try:
        if known is None:
            await browsers[0].sign_in(asked.login, password)
        first = known or browsers[0]
        for one in browsers:  # the same session in several tabs
            one.cookies, one.proof = dict(first.cookies), first.proof
        for _ in range(10):
            await asked.ask(browsers[0])
        if asked.is_page:
            seen.weight = await weigh(browsers[0])
        await _repeat(asked, browsers[0], seen, seen.one, once)
        await asyncio.gather(*(_repeat(asked, one, seen, seen.several, once // AT_ONCE + 1) for one in browsers))
    except Broken as problem:
        seen.failures.append(str(problem))
    finally:
        for one in browsers:
            one.close()
    return seen


async def _repeat(asked: Asked, one: Browser, seen: Seen, times: list[float], count: int) -> None:
    for _ in range(count):
        page = await asked.ask(one)
        times.append(page.seconds * 1000)
        if page.status not in (200, 303):
            seen.failures.append(f"{page.status} {page.sentence()}")


async def weigh(one: Browser) -> int:
    """Bytes on the wire of the last page with everything that it and its styles name, nothing cached."""
    page, asset = one.page, Browser(one.host, one.port)
    wanted, done, total = assets_of(page.text), set[str](), page.wire
    try:
        while wanted:
            path = wanted.pop()
            if path in done:
                continue
            done.add(path)
            found = await asset.get(path)
            total += found.wire
            if path.endswith(".css"):
                base = path.rpartition("/")[0]
                named = [url for url in _IN_STYLE.findall(found.text) if not url.startswith("data:")]
                wanted += [url if url.startswith("/") else f"{base}/{url}" for url in named]
    finally:
        asset.close()
    return total


def assets_of(page: str) -> list[str]:
    """Paths of the styles, scripts and pictures that a page names."""
    return list(dict.fromkeys(_ASSET.findall(page)))


def _names(people: int) -> list[str]:
    """What is typed at a desk: whole names, the first and last word, names without marks, initials with a year."""
    chance, found = Random("names"), []
    for _ in range(60):
        name = day_data.name_of(chance.randrange(people))
        words = name.split()
        found += [name, f"{words[0]} {words[-1]}", name.lower()]
    return found
