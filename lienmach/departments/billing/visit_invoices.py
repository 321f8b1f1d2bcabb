"""The e-invoice of a bill, for a buyer who asks for one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.money import einvoices
from lienmach.care.money.einvoice_message import Buyer
from lienmach.departments.billing import visit
from lienmach.departments.billing.visit import Refusal
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("bills.manage")
async def ask(request: Request, actor: Actor) -> Response:
    """POST /billing/visits/{id}/invoices — `name`, `tax_code`, `address`, `email` of the buyer of a paid bill."""
    encounter_id = visit.checked_id(request)
    form = await visit.form_of(request, "name tax_code address email")

    async def work(tx: Transaction) -> None:
        buyer = Buyer(form["name"], form["tax_code"], form["email"], form["address"])
        await einvoices.request(tx, encounter_id, buyer)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        refusal = Refusal("invoice", rendering.sentence(request, problem), problem.status)
        return await visit.render(request, actor, form=form, refusal=refusal)
    return RedirectResponse(f"/billing/visits/{encounter_id}?done=invoice", 303)


ROUTES = (Route("/billing/visits/{id}/invoices", ask, methods=["POST"]),)
