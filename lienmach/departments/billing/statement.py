"""Page of the noun "statement": the cost statement 01/KBCB on paper, any version of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import paper
from lienmach.care.money import sheets, statements
from lienmach.departments.billing import visit
from lienmach.web.pages import page


@page("bills.read")
async def show_pdf(request: Request, actor: Actor) -> Response:
    """GET /billing/statements/{id}/pdf — the statement as it was closed; an earlier version says that it is replaced."""
    async with request.app.state.store.begin(actor) as tx:
        one = await statements.read(tx, visit.checked_id(request))
        pdf = await paper.render(tx, "cost-statement", await sheets.cost_statement(tx, one))
    disposition = "inline; filename=cost-statement.pdf"
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": disposition})


ROUTES = (Route("/billing/statements/{id}/pdf", show_pdf),)
