"""Ask for the QR code by which what is still due of a visit is paid from a bank's app."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import resources
from lienmach.care.money import accounts, payment_requests
from lienmach.departments.citizen import own_pages
from lienmach.record.transaction import Transaction
from lienmach.web.pages import own


@own("own.read")
async def create(request: Request, actor: Actor) -> Response:
    """POST /citizen/visits/{id}/payment — back to the visit, which shows the code. One that stands already is kept."""
    store = request.app.state.store
    async with store.begin(actor) as tx:
        encounter = await resources.read(tx, "Encounter", own_pages.id_in(request))
    house = Actor(actor.tenant, "system", frozenset({"system"}), "HPAYMT", "/citizen/visits", address=actor.address)

    async def work(tx: Transaction) -> None:
        account = await accounts.of_visit(tx, encounter["id"])
        known = await payment_requests.open_of(tx, encounter["id"])
        if account is None or known is None or not payment_requests.is_current(known, account):
            await payment_requests.ask(tx, encounter["id"])

    try:
        await store.run(house, work)
    except errors.Conflict:
        pass  # paid meanwhile, or no account to pay to: the visit says which
    return RedirectResponse(f"/citizen/visits/{encounter['id']}#bill", 303)


ROUTES = (Route("/citizen/visits/{id}/payment", create, methods=["POST"]),)
