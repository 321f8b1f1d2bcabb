"""Pages of the noun "addenda": the signed note as it stands, who signed it, and what was added afterwards."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import notes, resources, signing, visit_facts, visits
from lienmach.departments.outpatient import chart, note_drafts, refusals
from lienmach.departments.outpatient.visit_orders_frame import checked_id
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, sessions
from lienmach.web.pages import page

ACTIVITY = "sign-addendum"


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/addenda — the signed note, its signatures, its addenda, and the form for one more."""
    return await _render(request, actor)


@page("visits.sign")
async def add(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/addenda — sign a text as an addendum; the note itself stays as it is."""
    encounter_id = checked_id(request)
    form = await request.form()
    text = str(form.get("text", "")).replace("\r\n", "\n")[: notes.TEXT_CHARACTERS_MAX + 1]
    store = request.app.state.store
    try:
        signer = await signing.signer_for(
            store, actor, session_key=_cookie(request), pin=str(form.get("pin", "")) or None
        )
    except signing.SigningRefused as refused:
        return await _render(request, actor, text=text, refused=refused, status=422)

    async def work(tx: Transaction) -> None:
        addendum = await notes.append(tx, await visits.read(tx, encounter_id), text)
        await signing.attach(tx, signer, [addendum], activity=ACTIVITY)

    try:
        await store.run(actor, work)
    except (errors.Conflict, errors.Invalid) as failure:
        return await _render(request, actor, text=text, failure=failure, status=failure.status)
    return RedirectResponse(f"/outpatient/visits/{encounter_id}/addenda", 303)


async def _render(
    request: Request,
    actor: Actor,
    *,
    text: str = "",
    refused: signing.SigningRefused | None = None,
    failure: errors.Failure | None = None,
    status: int = 200,
) -> Response:
    encounter_id = checked_id(request)
    fault = rendering.text(request, refused.key, **refused.values) if refused else ""
    state = await signing.state_of(request.app.state.store, actor, session_key=_cookie(request), fault=fault)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("read", what=f"Encounter/{encounter_id}")
        encounter = await visits.read(tx, encounter_id)
        note = await notes.find(tx, encounter_id)
        stored = await note_drafts.stored(tx, encounter)
        is_signed = note is not None and note.get("status") in notes.CLOSED
        values: dict[str, Any] = {
            **await chart.frame(tx, request, actor, encounter),
            **await chart.banner_values(tx, request, encounter),
            "note": stored,
            "sections": notes.SECTIONS,
            "diagnoses": await chart.diagnosis_lines(tx, encounter, stored),
            "is_signed": is_signed,
            "signatures": await signing.verify(tx, f"Composition/{notes.id_of(encounter_id)}") if is_signed else [],
            "addenda": [_line(one) for one in await notes.addenda(tx, encounter_id)],
            "result": str(
                (visit_facts.extension_of(encounter, visit_facts.RESULT, "valueCodeableConcept") or {}).get("text", "")
            ),
            "outcome": str(
                ((encounter.get("hospitalization") or {}).get("dischargeDisposition") or {}).get("text", "")
            ),
            "category": str(
                (visit_facts.extension_of(encounter, visit_facts.CATEGORY, "valueCodeableConcept") or {}).get(
                    "text", ""
                )
            ),
            "just_signed": request.query_params.get("signed") == "1",
            "text": text,
            "signing_state": state,
            "sentences": refusals.sentences_of(request, failure) if failure else [],
        }
        return rendering.render(request, "outpatient/visit_addenda.html", status=status, **values)


def _line(addendum: resources.Resource) -> dict[str, str]:
    section = (addendum.get("section") or [{}])[0]
    return {
        "text": str(visit_facts.extension_of(section, notes.TYPED, "valueString") or ""),
        "author": str((addendum.get("author") or [{}])[0].get("display", "")),
        "at": str(addendum.get("date", "")),
    }


def _cookie(request: Request) -> bytes:
    session = sessions.found(request)
    return session.cookie.encode() if session else b""


ROUTES = (
    Route("/outpatient/visits/{id}/addenda", show),
    Route("/outpatient/visits/{id}/addenda", add, methods=["POST"]),
)
