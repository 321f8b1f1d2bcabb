"""Page of the noun "invoice": the visible copy of an e-invoice on paper."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import paper
from lienmach.care.money import einvoices, sheets
from lienmach.web.pages import page


@page("bills.read")
async def show_pdf(request: Request, actor: Actor) -> Response:
    """GET /billing/invoices/{key}/pdf — the copy; the provider's own file is the invoice."""
    async with request.app.state.store.begin(actor) as tx:
        one = await einvoices.read(tx, str(request.path_params["key"])[:100])
        pdf = await paper.render(tx, "invoice", await sheets.invoice(tx, one))
    disposition = "inline; filename=invoice.pdf"
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": disposition})


ROUTES = (Route("/billing/invoices/{key}/pdf", show_pdf),)
