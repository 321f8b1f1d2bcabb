"""The noun "bank notices": what the bank's machine tells of money that came in. Signed, so nobody has to sign in.

Answers 200 only after the transfer is durable; the same notice again is 200 and changes nothing.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.gateways import bank
from lienmach.care.money import bank_notice, einvoice_days, statement_polls, transfers
from lienmach.web.pages import public

_VIA = "webhook"


@public("bank.notify", is_signed=True)
async def notify(request: Request, actor: Actor) -> Response:
    """POST /billing/bank-notices: JSON of one transaction with X-Timestamp and X-Signature."""
    store, settings = request.app.state.store, request.app.state.settings
    try:
        body = await _body(request)
        headers = request.headers
        bank.check(
            settings.bank_secret, headers.get("x-timestamp", ""), headers.get("x-signature", ""), body, store.now()
        )
        notice = bank_notice.read(bank_notice.parse(body))
        system = Actor(
            actor.tenant, "system", frozenset({"system"}), "HPAYMT", "Ngân hàng (tự động)", "", actor.address
        )
        result = await transfers.take_in(store, system, notice, via=_VIA)
        if not result.is_same:
            raise errors.Conflict("Giao dịch này đã được báo với số tiền khác; lần báo đầu được giữ.")
    except errors.Failure as problem:
        return JSONResponse({"problem": problem.text}, problem.status)
    return JSONResponse({"state": result.state})


async def _body(request: Request) -> bytes:
    """The body as it was sent. Raises errors.TooLarge."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > bank_notice.BYTES_MAX:
            raise errors.TooLarge("Thông báo lớn hơn 64 KB; không có gì được ghi.")
    return bytes(body)


ROUTES = (Route("/billing/bank-notices", notify, methods=["POST"]),)
JOBS = (*statement_polls.JOBS, *einvoice_days.JOBS)
ON_CHANGE = einvoice_days.ON_CHANGE
