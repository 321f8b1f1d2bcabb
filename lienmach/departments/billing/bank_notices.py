"""The noun "bank notices": what the bank's machine tells of money that came in. Signed, so nobody has to sign in.

Answers 200 only after the transfer is durable; the same notice again is 200 and changes nothing. It goes to the tenant
whose account it names, of those under whose secret it is signed.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.gateways import bank
from lienmach.care.money import bank_lines, bank_notice, einvoice_days, statement_polls, transfers
from lienmach.care.money.bank_notice import Notice
from lienmach.record.transaction import Store
from lienmach.web.pages import public

_VIA = "webhook"


@public("bank.notify", is_signed=True)
async def notify(request: Request, actor: Actor) -> Response:
    """POST /billing/bank-notices: JSON of one transaction with X-Timestamp and X-Signature."""
    store = request.app.state.store
    try:
        body = await _body(request)
        signed = _signed(request, body)
        notice = bank_notice.read(bank_notice.parse(body))
        system = await _owner(store, [_system(tenant, actor.address) for tenant in signed], notice)
        result = await transfers.take_in(store, system, notice, via=_VIA)
        if not result.is_same:
            raise errors.Conflict("Giao dịch này đã được báo với số tiền khác; lần báo đầu được giữ.")
    except errors.Failure as problem:
        return JSONResponse({"problem": problem.text}, problem.status)
    return JSONResponse({"state": result.state})


def _signed(request: Request, body: bytes) -> list[int]:
    """The tenants whose bank has signed a notice. Raises errors.Unauthenticated where nobody's has, or long ago."""
    store, settings = request.app.state.store, request.app.state.settings
    timestamp, mark = request.headers.get("x-timestamp", ""), request.headers.get("x-signature", "")
    secrets = {one: bank_lines.of(settings, store.tenants, one).secret for one in sorted(store.tenants)}
    signed = [one for one, secret in secrets.items() if bank.is_signed(secret, timestamp, mark, body)]
    secret = secrets[signed[0]] if signed else next((one for one in secrets.values() if one), "")
    bank.check(secret, timestamp, mark, body, store.now())
    return signed


async def _owner(store: Store, systems: list[Actor], notice: Notice) -> Actor:
    """The one of them whose account a notice is about. Raises transfers.NotOurs for none, errors.Conflict for several."""
    found = []
    for one in systems:
        async with store.begin(one) as tx:
            if await transfers.is_ours(tx, notice):
                found.append(one)
    if not found:
        raise transfers.NotOurs(transfers.NOT_OURS)
    if len(found) > 1:
        raise errors.Conflict(
            "Tài khoản này đứng ở danh mục của nhiều đơn vị trên máy chủ; hãy để một đơn vị giữ nó. Chưa có gì được ghi."
        )
    return found[0]


def _system(tenant: int, address: str) -> Actor:
    return Actor(tenant, "system", frozenset({"system"}), "HPAYMT", "Ngân hàng (tự động)", "", address)


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
