"""A stand-in for an e-invoice provider: sign in, issue, adjust, look up. An issued invoice is never cancelled.

The contract is invented: providers differ, and a facility puts a small adapter in front of its own. What is kept of the
law (NĐ 254/2026 and TT 91/2026, secondary): numbers run on without gaps within a series, every invoice gets a code of
the tax office, a wrong one is adjusted by another that names it, a day's invoices without a buyer are one summary with
its list.

- `POST /api/sign-in {"user", "password"}` -> `{"token"}`, sent as `Authorization: Bearer …`.
- `POST /api/invoices`, header `Idempotency-Key`: the same key again answers with the same invoice. Body: `key`, `kind`
  (original, summary, adjusting), `day`, `buyer` {name, tax_code, email, address}, `lines` [{name, amount}], `total`
  (the sum of the lines; below or above 0 only for an adjusting one), `in_words`, `adjusts` (the key of the original,
  for an adjusting one only), `reason`. Answers 201 `{"number", "series", "code", "at"}`; 422 with `faults`; 409 for an
  adjustment whose original has not come yet.
- `GET /api/invoices/{key}`: 200 as above with the body, 404.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators import faults

NAME, PORT = "einvoice", 8716
KINDS = ("original", "summary", "adjusting")
_TAX_CODE = re.compile(r"[0-9]{10}(-[0-9]{3})?|[0-9]{12}")


@dataclass
class Provider:
    """invoices: what was issued, by key. received: how often something was sent."""

    tokens: set[str] = field(default_factory=set)
    invoices: dict[str, dict[str, Any]] = field(default_factory=dict)
    received: int = 0

    async def sign_in(self, request: Request) -> Response:
        """POST /api/sign-in"""
        asked = await _json(request)
        if not asked.get("user") or not asked.get("password"):
            return JSONResponse({"problem": "Sai tài khoản hoặc mật khẩu"}, 401)
        token = secrets.token_hex(20)
        self.tokens.add(token)
        return JSONResponse({"token": token})

    async def issue(self, request: Request) -> Response:
        """POST /api/invoices"""
        if not self._is_signed_in(request):
            return JSONResponse({"problem": "Chưa đăng nhập"}, 401)
        self.received += 1
        asked = await _json(request)
        key = request.headers.get("idempotency-key", "")
        known = next((one for one in self.invoices.values() if one["idempotency"] == key), None) if key else None
        if known is not None:
            return JSONResponse(_receipt(known), 201)
        wrong = faults_of(asked)
        if not wrong and asked["key"] in self.invoices:
            wrong = ["Khóa hóa đơn đã được dùng"]
        if wrong:
            return JSONResponse({"problem": "Hóa đơn không được nhận", "faults": wrong}, 422)
        if asked["kind"] == "adjusting" and asked["adjusts"] not in self.invoices:
            return JSONResponse({"problem": "Chưa có hóa đơn gốc"}, 409)
        series = f"C{datetime.now(UTC):%y}TLM"
        made = {"idempotency": key, "number": f"{len(self.invoices) + 1:08d}", "series": series,
                "code": secrets.token_hex(17).upper(), "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "body": asked}  # fmt: skip
        self.invoices[asked["key"]] = made
        return JSONResponse(_receipt(made), 201)

    async def read(self, request: Request) -> Response:
        """GET /api/invoices/{key}"""
        if not self._is_signed_in(request):
            return JSONResponse({"problem": "Chưa đăng nhập"}, 401)
        found = self.invoices.get(request.path_params["key"])
        if found is None:
            return JSONResponse({"problem": "Không có hóa đơn này"}, 404)
        return JSONResponse({**_receipt(found), "body": found["body"]})

    def _is_signed_in(self, request: Request) -> bool:
        return request.headers.get("authorization", "").removeprefix("Bearer ").strip() in self.tokens

    def said(self) -> dict[str, Any]:
        """What a test or a person wants to see."""
        return {"received": self.received, "invoices": self.invoices}

    def routes(self) -> list[Route]:
        """The calls of the provider."""
        return [
            Route("/api/sign-in", self.sign_in, methods=["POST"]),
            Route("/api/invoices", self.issue, methods=["POST"]),
            Route("/api/invoices/{key}", self.read),
        ]


def faults_of(asked: dict[str, Any]) -> list[str]:
    """What is wrong with an invoice, in the provider's words."""
    wrong = [f"Thiếu {name}" for name in ("key", "kind", "day", "lines", "in_words") if not asked.get(name)]
    if wrong:
        return wrong
    kind, total = asked["kind"], asked.get("total")
    if kind not in KINDS:
        wrong.append(f"Loại hóa đơn là {', '.join(KINDS)}")
    if type(total) is not int or total == 0 or (total < 0 and kind != "adjusting"):
        wrong.append("Tổng tiền là số nguyên lớn hơn 0; chỉ hóa đơn điều chỉnh được nhỏ hơn 0")
    lines = asked["lines"] if isinstance(asked["lines"], list) else []
    amounts = [one.get("amount") if isinstance(one, dict) and one.get("name") else None for one in lines]
    if not lines or any(type(one) is not int for one in amounts) or sum(one or 0 for one in amounts) != total:
        wrong.append("Tổng tiền không bằng tổng các dòng")
    if bool(asked.get("adjusts")) is not (kind == "adjusting"):
        wrong.append("Hóa đơn điều chỉnh, và chỉ hóa đơn điều chỉnh, nêu hóa đơn gốc")
    stated = asked.get("buyer")
    buyer: dict[str, Any] = stated if isinstance(stated, dict) else {}
    if kind == "original" and not buyer.get("name"):
        wrong.append("Thiếu tên người mua")
    if buyer.get("tax_code") and not _TAX_CODE.fullmatch(str(buyer["tax_code"])):
        wrong.append("Mã số thuế không đúng")
    try:
        date.fromisoformat(str(asked["day"]))
    except ValueError:
        wrong.append("Ngày phải là yyyy-mm-dd")
    return wrong


def _receipt(made: dict[str, Any]) -> dict[str, Any]:
    return {name: made[name] for name in ("number", "series", "code", "at")}


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def serve(host: str, port: int, *, fault: str = "", seed: int = 1) -> None:
    """Answer until cancelled."""
    provider = Provider()
    await faults.listen(faults.build(provider.routes(), faults.Faults(fault, seed), provider.said), host, port)
