"""A stand-in for a gateway of short messages: takes texts, sends none, and keeps an inbox at GET /inbox.

The same idempotency key is one message however often it is sent.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators import faults

NAME, PORT = "sms", 8713
TEXT_CHARACTERS_MAX = 1000
_PHONE = re.compile(r"(?:\+84|0)[0-9]{9,10}")


@dataclass
class Phones:
    """inbox: the messages by key, in the order in which they came. received: how often something was sent."""

    inbox: dict[str, dict[str, Any]] = field(default_factory=dict)
    received: int = 0

    async def send(self, request: Request) -> Response:
        """POST /send"""
        try:
            asked = await request.json()
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or not _PHONE.fullmatch(str(asked.get("to", ""))):
            return JSONResponse({"problem": "Số điện thoại không đúng"}, 422)
        text = str(asked.get("text", ""))
        if not text or len(text) > TEXT_CHARACTERS_MAX:
            return JSONResponse({"problem": "Tin trống hoặc quá dài"}, 422)
        self.received += 1
        key = request.headers.get("idempotency-key") or secrets.token_hex(8)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        one = self.inbox.setdefault(key, {"id": secrets.token_hex(8), "to": asked["to"], "text": text, "at": at})
        return JSONResponse({"id": one["id"]})

    async def read(self, request: Request) -> Response:
        """GET /inbox[?to=…]"""
        to = request.query_params.get("to", "")
        return JSONResponse([one for one in self.inbox.values() if not to or one["to"] == to])

    def said(self) -> dict[str, Any]:
        """What a test or a person wants to see."""
        return {"received": self.received, "messages": len(self.inbox)}

    def routes(self) -> list[Route]:
        """The calls of the gateway."""
        return [Route("/send", self.send, methods=["POST"]), Route("/inbox", self.read)]


async def serve(host: str, port: int, *, fault: str = "", seed: int = 1) -> None:
    """Answer until cancelled."""
    phones = Phones()
    await faults.listen(faults.build(phones.routes(), faults.Faults(fault, seed), phones.said), host, port)
