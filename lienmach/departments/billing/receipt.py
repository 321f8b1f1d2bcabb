"""Pages of the noun "receipt": one receipt, deposit slip or refund slip on screen, and on paper."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import paper, patients
from lienmach.care.money import receipts, sheets
from lienmach.departments.billing import visit
from lienmach.standards.vietnam import number_words
from lienmach.web import rendering, shell
from lienmach.web.pages import page

TITLES = {"payment": "Biên lai thu tiền", "deposit": "Phiếu thu tạm ứng", "refund": "Phiếu hoàn tiền"}


@page("bills.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /billing/receipts/{number} — what was paid, when, to whom and for which bill."""
    async with request.app.state.store.begin(actor) as tx:
        one = await receipts.read(tx, _number(request))
        known = await patients.read_banner(tx, one.patient_id, en=shell.language_of(request) == "en")
        return rendering.render(
            request,
            "billing/receipt.html",
            one=one,
            banner=known,
            title=TITLES[one.kind],
            words=number_words.in_words(one.amount),
            methods=visit.METHODS,
        )


@page("bills.read")
async def show_pdf(request: Request, actor: Actor) -> Response:
    """GET /billing/receipts/{number}/pdf — the same on A5, with the amount in words."""
    async with request.app.state.store.begin(actor) as tx:
        one = await receipts.read(tx, _number(request))
        kind, sheet = await sheets.receipt(tx, one)
        pdf = await paper.render(tx, kind, sheet)
    disposition = f"inline; filename={kind}.pdf"
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": disposition})


def _number(request: Request) -> str:
    return str(request.path_params["number"])[:64]


ROUTES = (Route("/billing/receipts/{number}", show), Route("/billing/receipts/{number}/pdf", show_pdf))
