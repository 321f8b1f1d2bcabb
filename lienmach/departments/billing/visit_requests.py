"""The VietQR code of a bill: ask for one, and watch until the money is there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.money import accounts, payment_requests, receipts
from lienmach.departments.billing import amounts_typed, bill, visit
from lienmach.departments.billing.visit import Refusal
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("bills.manage")
async def ask(request: Request, actor: Actor) -> Response:
    """POST /billing/visits/{id}/requests — a code for what is due, or for `amount`; `kind` bill or deposit."""
    form = await visit.form_of(request, "kind amount")
    encounter_id = visit.checked_id(request)
    kind = "deposit" if form["kind"] == "deposit" else "bill"

    async def work(tx: Transaction) -> None:
        amount = amounts_typed.read(form["amount"]) if form["amount"] or kind == "deposit" else None
        await payment_requests.ask(tx, encounter_id, kind=kind, amount=amount)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        part = "deposit" if kind == "deposit" else "request"
        refusal = Refusal(part, rendering.sentence(request, problem), problem.status)
        return await visit.render(request, actor, form=form, refusal=refusal)
    return RedirectResponse(f"/billing/visits/{encounter_id}?done=asked#code", 303)


@page("bills.read")
async def watch(request: Request, actor: Actor) -> Response:
    """GET /billing/visits/{id}/requests?stamp= — asked every second while a code is shown.

    204 while nothing has changed; money by transfer leads to the bill, which says so; anything else asks to load again.
    """
    encounter_id = visit.checked_id(request)
    async with request.app.state.store.begin(actor) as tx:
        account = await accounts.of_visit(tx, encounter_id)
        known = tuple(await receipts.of_visit(tx, encounter_id))
        due = account.due if account is not None and account.state == "closed" else 0
        now = visit.stamp(bill.standing_of(account), due, known)
        if now == request.query_params.get("stamp", ""):
            return Response(status_code=204)
        newest = max(known, key=lambda one: one.at, default=None)
        if newest is not None and newest.method == "transfer" and newest.kind != "refund":
            path = f"/billing/visits/{encounter_id}?done=received&receipt={newest.number}"
            if rendering.is_fragment(request):
                return Response(status_code=200, headers={"HX-Redirect": path})
            return RedirectResponse(path, 303)
        if not rendering.is_fragment(request):
            return RedirectResponse(f"/billing/visits/{encounter_id}", 303)
        return rendering.render(request, "billing/visit_changed.html", visit_id=encounter_id)


ROUTES = (Route("/billing/visits/{id}/requests", watch), Route("/billing/visits/{id}/requests", ask, methods=["POST"]))
