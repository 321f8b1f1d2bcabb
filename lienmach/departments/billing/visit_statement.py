"""Closing the cost statement 01/KBCB of a visit: signed, and only as it was shown.

Findings that hold the claim back are left to the insurance desk, or the cashier says why it is closed all the same.
"""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import signing
from lienmach.care.claims import preflight
from lienmach.care.money import statements
from lienmach.departments.billing import bill, visit
from lienmach.departments.billing.visit import Refusal
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("statements.close")
async def close(request: Request, actor: Actor) -> Response:
    """POST /billing/visits/{id}/statement — close, or close again with a `reason`; `shown` is what was on the page."""
    encounter_id = visit.checked_id(request)
    form = await visit.form_of(request, "pin reason shown")
    store = request.app.state.store
    try:
        signer = await signing.signer_for(store, actor, session_key=visit.cookie(request), pin=form.pop("pin") or None)
    except signing.SigningRefused as refused:
        refusal = Refusal("statement", "")
        return await visit.render(request, actor, form=form, refusal=refusal, refused=refused)

    async def work(tx: Transaction) -> None:
        found = await bill.read(tx, encounter_id)
        if not hmac.compare_digest(found.shown.encode(), form["shown"].encode()):
            raise errors.Conflict("Chi phí đã đổi sau khi bạn xem. Hãy xem lại rồi chốt.")
        held = visit.holding(await preflight.stored(tx, encounter_id), found)
        if held and len(form["reason"]) < 3:
            raise errors.Unprocessable(
                "Hồ sơ BHYT còn {count} lỗi phải sửa. Hãy để bàn BHYT chốt, hoặc ghi lý do rồi chốt tại đây.",
                code="findings",
                values={"count": len(held)},
            )
        await statements.close(tx, encounter_id, signer, reason=form["reason"], despite=form["reason"] if held else "")

    try:
        await store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        refusal = Refusal("statement", rendering.sentence(request, problem), problem.status)
        return await visit.render(request, actor, form=form, refusal=refusal)
    return RedirectResponse(f"/billing/visits/{encounter_id}?done=closed", 303)


ROUTES = (Route("/billing/visits/{id}/statement", close, methods=["POST"]),)
