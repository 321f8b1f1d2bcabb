"""A stand-in for a bank: takes a QR payment as a payer's app does, tells of it by webhook, keeps a statement to poll.

The contract is invented, after what banks and payment gateways of the country commonly offer; a facility puts a small
adapter in front of its own bank. Every call and notice carries `X-Timestamp` (seconds since 1970) and `X-Signature`,
hex HMAC-SHA256 under the common secret: of `timestamp.body` for a notice, of `timestamp.path?query` for the statement.

- `POST /pay {"payload": the text of a QR code, or "bin,account,amount,purpose"}`; `amount` for a code without one,
  `payer`, `mangle` (true: the purpose arrives as some banks leave it), `odd` (the name of a member that is told and
  listed in a shape that nobody can read). Answers when the notice was sent.
- `GET /statement?account=…&after=cursor&limit=…`: `{"items": […], "next": cursor, "more": bool}`, oldest first.
- `POST /_webhook {"drop": 2}`: the next two notices are lost; `{"double": 1}` sent twice, `{"forge": 1}` signed by
  somebody else, `{"stale": 1}` ten minutes old, `{"late": 3}` every one after three seconds; `{}` ends it.

A notice and a line of the statement: transaction, bin, account, amount, currency, direction, purpose, payer, at.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators import faults

NAME, PORT = "bank", 8715
PAGE_MAX = 100
WINDOW_SECONDS = 300
STALE_SECONDS = 600
_MODES = ("drop", "double", "forge", "stale", "late")
_FORM = """<!doctype html><html lang="vi"><meta charset="utf-8"><title>Ngân hàng giả lập</title>
<h1>Ngân hàng giả lập</h1><form method="post" action="/pay"><label>Nội dung mã QR
<textarea name="payload" rows="4" cols="60" required></textarea></label><p><button>Trả tiền</button></p></form></html>"""


@dataclass
class Bank:
    """What the bank remembers. lines: its statement. modes: what happens to the next notices. told: notices sent.

    book: file that keeps the statement when the process dies, a line each; "": it is forgotten.
    """

    webhook: str
    secret: str
    chance: random.Random
    book: str = ""
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    lines: list[dict[str, Any]] = field(default_factory=list)
    modes: dict[str, float] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    under_way: set[asyncio.Task[Any]] = field(default_factory=set)

    async def pay(self, request: Request) -> Response:
        """POST /pay"""
        try:
            if request.headers.get("content-type", "").startswith("application/json"):
                asked = json.loads(await request.body())
            else:
                asked = dict(await request.form())
            line = self._line(order_of(str(asked["payload"]).strip(), asked.get("amount")), asked)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            return JSONResponse({"problem": f"Không trả được: {problem}"}, 422)
        self._write(line)
        return JSONResponse({"transaction": line["transaction"], "amount": line["amount"],
                             "purpose": line["purpose"], "notice": await self._tell(line)})  # fmt: skip

    def __post_init__(self) -> None:
        if self.book and Path(self.book).exists():
            self.lines = [json.loads(one) for one in Path(self.book).read_text(encoding="utf-8").splitlines()]

    def _write(self, line: dict[str, Any]) -> None:
        """Into the statement; in the book before anybody is told, as a bank does."""
        if self.book:
            with open(self.book, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.lines.append(line)

    def _line(self, order: tuple[str, str, int, str], asked: dict[str, Any]) -> dict[str, Any]:
        bin, account, amount, purpose = order
        if not 0 < amount < 10**13:
            raise ValueError("số tiền phải lớn hơn 0")
        if asked.get("mangle"):
            purpose = f"MBCT.{self.chance.randrange(10**9)}.{purpose.upper().replace(' ', '')}.CT tu NGUOI TRA TIEN"
        line = {
            "transaction": f"FT{datetime.now(UTC):%y%m%d}{self.epoch.upper()}{len(self.lines) + 1:06d}",
            "bin": bin,
            "account": account,
            "amount": amount,
            "currency": "VND",
            "direction": "credit",
            "purpose": purpose,
            "payer": str(asked.get("payer") or "NGUOI TRA TIEN MAU"),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        odd = str(asked.get("odd") or "")
        if odd and odd not in line:
            raise ValueError(f"dòng sao kê không có {odd}")
        return {**line, odd: str(line[odd])} if odd == "amount" else {**line, odd: None} if odd else line

    async def _tell(self, line: dict[str, Any]) -> Any:
        """Send the notice as the modes want; the status that came back, or a word."""
        if not self.webhook:
            return "no webhook"
        if self._strikes("drop"):
            return "dropped"
        secret = secrets.token_hex(8) if self._strikes("forge") else self.secret
        age = STALE_SECONDS if self._strikes("stale") else 0
        if "late" in self.modes:
            task = asyncio.create_task(self._send(line, secret, age, after=self.modes["late"]))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
            return "late"
        status = await self._send(line, secret, age)
        if self._strikes("double"):
            status = await self._send(line, secret, age)
        return status

    async def _send(self, line: dict[str, Any], secret: str, age: int, *, after: float = 0) -> int | None:
        await asyncio.sleep(after)
        body = json.dumps(line, ensure_ascii=False).encode()
        at = str(int(time.time()) - age)
        headers = {"Content-Type": "application/json", **signed(secret, at, body)}
        status: int | None = None
        try:
            async with httpx.AsyncClient(timeout=15) as client:
                answer = await client.post(self.webhook, content=body, headers=headers)
            status, said = answer.status_code, answer.text[:500]
        except httpx.HTTPError as problem:
            said = type(problem).__name__
        self.told = [*self.told[-499:], {"transaction": line["transaction"], "status": status, "answer": said}]
        return status

    def _strikes(self, mode: str) -> bool:
        left = self.modes.get(mode, 0)
        if left > 1:
            self.modes[mode] = left - 1
        else:
            self.modes.pop(mode, None)
        return left >= 1

    async def statement(self, request: Request) -> Response:
        """GET /statement"""
        at = request.headers.get("x-timestamp", "")
        path = f"{request.url.path}?{request.url.query}".encode()
        given = request.headers.get("x-signature", "").encode()
        if self.secret and not hmac.compare_digest(given, signed(self.secret, at, path)["X-Signature"].encode()):
            return JSONResponse({"problem": "Chữ ký không đúng"}, 401)
        if self.secret and abs(time.time() - int(at)) > WINDOW_SECONDS:
            return JSONResponse({"problem": "Lời hỏi đã cũ"}, 401)
        asked = request.query_params
        epoch, _, number = asked.get("after", "").partition("-")
        start = int(number) if epoch == self.epoch and number.isdecimal() else 0
        limit = asked.get("limit", "")
        most = min(PAGE_MAX, max(1, int(limit))) if limit.isdecimal() else PAGE_MAX
        of_account = [(index, one) for index, one in enumerate(self.lines, 1) if one["account"] == asked.get("account")]
        found = [(index, one) for index, one in of_account if index > start]
        page = found[:most]
        following = page[-1][0] if page else start
        return JSONResponse({"items": [one for _, one in page], "next": f"{self.epoch}-{following}",
                             "more": len(found) > len(page)})  # fmt: skip

    async def set_modes(self, request: Request) -> Response:
        """POST /_webhook"""
        try:
            asked = json.loads(await request.body() or b"{}")
            modes = {name: float(asked[name]) for name in asked}
            if set(modes) - set(_MODES) or any(not 0 <= one < 10**6 for one in modes.values()):
                raise ValueError(f"there are {', '.join(_MODES)}, each with a number")
        except (ValueError, TypeError, IndexError) as problem:
            return JSONResponse({"problem": str(problem)}, 400)
        self.modes = modes
        return JSONResponse(modes)

    async def show(self, request: Request) -> Response:
        """GET /: a form for people who try it"""
        return HTMLResponse(_FORM)

    def said(self) -> dict[str, Any]:
        """What a test or a person wants to see."""
        return {"transactions": len(self.lines), "statement": self.lines[-100:], "modes": self.modes,
                "told": self.told[-100:]}  # fmt: skip

    def routes(self) -> list[Route]:
        """The calls of the bank."""
        return [
            Route("/", self.show),
            Route("/pay", self.pay, methods=["POST"]),
            Route("/statement", self.statement),
            Route("/_webhook", self.set_modes, methods=["POST"]),
        ]


def signed(secret: str, at: str, content: bytes) -> dict[str, str]:
    """The headers that go with what was sent at a moment."""
    mark = hmac.new(secret.encode(), f"{at}.".encode() + content, hashlib.sha256).hexdigest()
    return {"X-Timestamp": at, "X-Signature": mark}


def order_of(text: str, amount: Any) -> tuple[str, str, int, str]:
    """(bin, account, amount, purpose) of a QR text or of `bin,account,amount,purpose`. Raises ValueError, KeyError."""
    if text.count(",") >= 3:
        bin, account, stated, purpose = text.split(",", 3)
        return bin, account, int(stated), purpose
    fields = _fields(text)
    beneficiary = _fields(_fields(fields["38"])["01"])
    purpose = _fields(fields.get("62", "")).get("08", "")
    return beneficiary["00"], beneficiary["01"], int(fields.get("54") or amount or 0), purpose


def _fields(text: str) -> dict[str, str]:
    found, place = {}, 0
    while place < len(text):
        length = int(text[place + 2 : place + 4])
        found[text[place : place + 2]] = text[place + 4 : place + 4 + length]
        place += 4 + length
    return found


async def serve(
    host: str, port: int, *, fault: str = "", seed: int = 1, webhook: str = "", secret: str = "", book: str = ""
) -> None:
    """Answer until cancelled. webhook: where notices go. secret: under which both sides sign; "": nobody checks.

    book: file in which the statement outlives the process."""
    bank = Bank(webhook, secret, random.Random(seed), book)
    await faults.listen(faults.build(bank.routes(), faults.Faults(fault, seed), bank.said), host, port)
