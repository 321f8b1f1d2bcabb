"""Pages of the noun "card": what is known of a person's insurance, and asking the portal again. Others include it."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import insurance, insurance_words
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_BAD = frozenset({"ended", "locked", "unknown", "mismatch"})


@page("insurance.check")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/patients/{id}/card?visit= — the state of the card; with htmx the block `state`, which renews itself."""
    return await _render(request, actor, *_asked(request))


@page("insurance.check")
async def look_up(request: Request, actor: Actor) -> Response:
    """POST /insurance/patients/{id}/card — ask the portal now. A form may carry `visit` and `moment`."""
    patient_id, visit = _asked(request)
    form = await request.form()
    visit = _checked(str(form.get("visit", ""))) or visit
    moment = "after-orders" if form.get("moment") == "after-orders" else "demand"

    async def ask(tx: Transaction) -> None:
        await insurance.ask(tx, patient_id, encounter_id=visit, moment=moment)

    await request.app.state.store.run(actor, ask)
    if rendering.is_fragment(request):
        return await _render(request, actor, patient_id, visit)
    query = "?" + urlencode({"visit": visit}) if visit else ""
    return RedirectResponse(f"/insurance/patients/{patient_id}/card{query}", 303)


async def _render(request: Request, actor: Actor, patient_id: str, visit: str) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", what=f"Patient/{patient_id}", query=f"/insurance/patients/{patient_id}/card")
        state = await insurance.state_of(tx, patient_id)
        tone = "good" if state.kind in insurance_words.VERIFIED else "bad" if state.kind in _BAD else "warn"
        return rendering.render(
            request,
            "insurance/patient_card.html",
            block="state" if rendering.is_fragment(request) else "",
            patient_id=patient_id,
            visit=visit,
            state=state,
            tone=tone,
            may_ask=state.kind not in ("none", "not-connected"),
            renew_seconds=0 if not state.is_asking else 15 if state.kind == "down" else 2,
        )


def _asked(request: Request) -> tuple[str, str]:
    patient_id = _checked(str(request.path_params["id"]))
    if not patient_id:
        raise errors.NotFound("no such person")
    return patient_id, _checked(request.query_params.get("visit", ""))


def _checked(text: str) -> str:
    return text if _ID.fullmatch(text) else ""


ROUTES = (
    Route("/insurance/patients/{id}/card", show),
    Route("/insurance/patients/{id}/card", look_up, methods=["POST"]),
)
