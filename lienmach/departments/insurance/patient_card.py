"""Pages of the noun "card": what is known of a person's insurance, and asking the portal again. Others include it.

Where an open visit of today has no card and the person shows one now, the card is put on the visit from this moment on.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import facility, insurance, insurance_words, resources, systems, visit_cards, visit_facts
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
    """POST /insurance/patients/{id}/card — ask the portal now. A form may carry `visit` and `moment`.

    With `step` show-late the card counts for `visit` from now on (visit_cards.show_late).
    """
    patient_id, visit = _asked(request)
    form = await request.form()
    visit = _checked(str(form.get("visit", ""))) or visit
    if form.get("step") == "show-late":
        return await _show_late(request, actor, patient_id, visit)
    moment = "after-orders" if form.get("moment") == "after-orders" else "demand"

    async def ask(tx: Transaction) -> None:
        await insurance.ask(tx, patient_id, encounter_id=visit, moment=moment)

    await request.app.state.store.run(actor, ask)
    if rendering.is_fragment(request):
        return await _render(request, actor, patient_id, visit)
    query = "?" + urlencode({"visit": visit}) if visit else ""
    return RedirectResponse(f"/insurance/patients/{patient_id}/card{query}", 303)


async def _show_late(request: Request, actor: Actor, patient_id: str, visit: str) -> Response:
    async def work(tx: Transaction) -> None:
        encounter = next((one for one in await _uninsured(tx, patient_id) if one["id"] == visit), None)
        if encounter is None:
            raise errors.Conflict("Lượt khám này đã có thẻ BHYT, đã kết thúc, hoặc không phải của người này.")
        card = (await insurance.state_of(tx, patient_id)).card
        if card is None:
            raise errors.Conflict("Chưa có thẻ BHYT nào trong hồ sơ; hãy quét thẻ hoặc nhập số thẻ trước.")
        place = await facility.facility(tx, resources.id_of(encounter.get("serviceProvider"), "Organization"))
        urgent = resources.code_of(encounter.get("priority"), visit_facts.ACT_PRIORITY) == "EM"
        category = insurance.provisional_category(place, card, is_emergency=urgent)
        await visit_cards.show_late(tx, visit, card.coverage_id, category)
        await insurance.ask(tx, patient_id, encounter_id=visit, moment="demand")

    try:
        await request.app.state.store.run(actor, work)
    except errors.Conflict as refusal:
        return await _render(request, actor, patient_id, visit, sentence=refusal.text, status=409)
    if rendering.is_fragment(request):
        return await _render(request, actor, patient_id, visit, done=True)
    return RedirectResponse(f"/insurance/patients/{patient_id}/card?" + urlencode({"visit": visit}), 303)


async def _uninsured(tx: Transaction, patient_id: str) -> list[resources.Resource]:
    """The open visits of a person that have no card."""
    found = await resources.find(
        tx, "Encounter", ("patient", f"Patient/{patient_id}"), ("status", "arrived,in-progress"), count=20
    )
    return [
        one
        for one in found
        if not visit_facts.coverage_of(one) and visit_facts.category_of(one) in ("", visit_cards.SELF_PAY)
    ]


async def _render(
    request: Request,
    actor: Actor,
    patient_id: str,
    visit: str,
    *,
    sentence: str = "",
    done: bool = False,
    status: int = 200,
) -> Response:
    if rendering.is_fragment(request):
        status = 200  # htmx puts only good answers where the form stands
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", what=f"Patient/{patient_id}", query=f"/insurance/patients/{patient_id}/card")
        state = await insurance.state_of(tx, patient_id)
        tone = "good" if state.kind in insurance_words.VERIFIED else "bad" if state.kind in _BAD else "warn"
        return rendering.render(
            request,
            "insurance/patient_card.html",
            block="state" if rendering.is_fragment(request) else "",
            status=status,
            sentence=sentence,
            done=done,
            uninsured=[
                (one["id"], resources.identifier_of(one, systems.VISIT)) for one in await _uninsured(tx, patient_id)
            ]
            if state.cards
            else [],
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
