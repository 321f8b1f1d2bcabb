"""People with a phone and their record at the test's clinic, browsers that sign in to it, and the messages sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx

from lienmach.base import jobs
from lienmach.care import outbox
from lienmach.departments.citizen import codes
from tests.clinic import Clinic
from tests.web.client import Browser

PHONE, BIRTH = "0912345678", "01/02/1958"


@dataclass
class OwnRecord:
    """clinic: with an address for messages, so that they are queued; nobody sends them."""

    clinic: Clinic
    browser_at: Callable[..., Browser]

    def browser(self, address: str = "10.0.0.1") -> Browser:
        """A phone at a network address; nobody has signed in."""
        return self.browser_at(address)

    async def person(self, *, name: str = "Nguyễn Văn Ân", birth: str = "1958-02-01", **more: Any) -> str:
        """Somebody with PHONE; returns the id of the Patient."""
        words = name.split()
        own: dict[str, Any] = {
            "name": [{"text": name, "family": words[0], "given": words[1:]}],
            "birthDate": birth,
            "telecom": [{"system": "phone", "value": "0912 345 678"}],
            **more,
        }
        return await self.clinic.patient(**{key: value for key, value in own.items() if value != []})

    async def work(self) -> None:
        """Do the jobs of this department that wait."""
        worker = jobs.Worker(self.clinic.pool, codes.JOBS, self.clinic.store)
        while await worker.run_once():
            pass

    async def ask(
        self, browser: Browser, *, phone: str = PHONE, birth: str = BIRTH, works: bool = True
    ) -> httpx.Response:
        """Ask for a code; works: and do the job that sends it."""
        await browser.get("/cua-toi")
        answer = await browser.post("/cua-toi", {"phone": phone, "birth": birth})
        if works:
            await self.work()
        return answer

    async def prove(self, browser: Browser, code: str) -> httpx.Response:
        """Give the code."""
        await browser.get("/cua-toi/ma")
        return await browser.post("/cua-toi/ma", {"code": code})

    async def sign_in(self, browser: Browser, *, phone: str = PHONE, birth: str = BIRTH) -> None:
        """All of it. Who is in already begins anew, as on the way out."""
        held = browser.client.cookies.get("lienmach-own", domain="127.0.0.1")
        if held:
            browser.client.cookies.delete("lienmach-own", domain="127.0.0.1", path="/")
        await self.ask(browser, phone=phone, birth=birth)
        code = self.code_in(await self.last_message())
        if held:
            browser.client.cookies.set("lienmach-own", held, domain="127.0.0.1", path="/")
        answer = await self.prove(browser, code)
        assert answer.headers["location"] == "/citizen/home", answer.text

    async def messages(self) -> list[dict[str, Any]]:
        """Every short message queued, oldest first."""
        async with self.clinic.store.begin(self.clinic.actor("insurance")) as tx:
            listed = await outbox.listed(tx, channel="sms")
        listed.sort(key=lambda one: (str(one.queued_at), one.message_id))
        return [json.loads(one.body) for one in listed]

    async def last_message(self) -> dict[str, Any]:
        """The newest one."""
        return (await self.messages())[-1]

    @staticmethod
    def code_in(message: dict[str, Any]) -> str:
        """The code that a message says."""
        found = re.match(r"(\d{6}) ", message["text"])
        assert found, message
        return found[1]


def sending(clinic: Clinic) -> None:
    """Give the clinic an address for messages."""
    clinic.store.limits = replace(clinic.store.limits, sms_url="http://127.0.0.1:9")
