"""A citizen signs in on the phone: number and birth date, then the code from the inbox of the simulated gateway."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import urlsplit

from lienmach.bench import data, day_data
from lienmach.bench.browser import Browser
from lienmach.bench.client import Broken
from lienmach.bench.node import Node

_CODE = re.compile(r'"text":\s*"([0-9]{6}) ')
_WAIT_SECONDS = 20.0


def simulator(node: Node, name: str) -> tuple[str, int]:
    """Host and port of a simulator of a demo node, such as bank or sms."""
    said = json.loads((node.home / "demo-connections.json").read_text())["environment"]
    found = urlsplit(said[f"LIENMACH_{name.upper()}_URL"])
    return str(found.hostname), int(found.port or 80)


async def enter(node: Node, person: int) -> Browser:
    """A browser in which this person reads their own record. Raises Broken where no code came or it did not open."""
    made = data.patient(50_000_000 + person)
    phone = str(made["telecom"][0]["value"])
    year, month, day = str(made["birthDate"]).split("-")
    one = Browser(node.host, node.port)
    await one.get("/cua-toi")
    if (await one.post("/cua-toi", {"phone": phone, "birth": f"{day}/{month}/{year}"})).status != 303:
        raise Broken(f"no code was asked for: {one.page.sentence()}")
    await one.get("/cua-toi/ma")
    page = await one.post("/cua-toi/ma", {"code": await _code(node, phone)})
    if page.status != 303 or page.location != "/citizen/home":
        raise Broken(f"{day_data.person_id(person)} could not enter: {page.status} {page.sentence()}")
    await one.get(page.location)
    return one


async def _code(node: Node, phone: str) -> str:
    inbox = Browser(*simulator(node, "sms"))
    try:
        for _ in range(int(_WAIT_SECONDS / 0.2)):
            found = _CODE.findall((await inbox.get(f"/inbox?to={phone}")).text)
            if found:
                return str(found[-1])
            await asyncio.sleep(0.2)
    finally:
        inbox.close()
    raise Broken(f"no message came within {_WAIT_SECONDS:.0f} s")
