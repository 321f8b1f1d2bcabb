"""Pages of the noun "papers of a visit": issue a referral, appointment slip, sick leave or summary; print; withdraw."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import facility, papers, papers_data, papers_rules, papers_sheets, signing
from lienmach.care.papers_data import PaperVisit
from lienmach.departments.outpatient import visit_orders_frame, visit_papers_form
from lienmach.departments.outpatient.visit_papers_form import Texts
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, sessions
from lienmach.web.pages import page

_SHOWN_AT = {"from_on": "days", "until_on": "days"}  # a leave is typed as days from the day of the visit


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/papers?kind= — the papers of a visit, and the form of one kind."""
    return await _render(request, actor, kind=request.query_params.get("kind", ""))


@page("visits.sign")
async def change(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/papers — step issue:KIND or withdraw:ID; says so only when it is durable."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    verb, _, argument = form.get("step", "").partition(":")
    if verb == "withdraw":
        return await _withdraw(request, actor, argument, form.get(f"reason:{argument}", ""))
    if verb != "issue" or argument not in visit_papers_form.FIELDS:
        raise errors.Invalid("This form does not say what to do.")
    return await _issue(request, actor, argument, form)


@page("visits.read")
async def show_pdf(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/papers/{paper}/pdf — the signed PDF, the same bytes each time."""
    async with request.app.state.store.begin(actor) as tx:
        encounter_id = visit_orders_frame.checked_id(request)
        found = await papers.read(tx, visit_orders_frame.checked(str(request.path_params["paper"])))
        if found.encounter_id != encounter_id:
            raise errors.NotFound("no such paper of this visit")
        pdf = await papers.read_pdf(tx, found.id)
    disposition = f"inline; filename={found.kind}.pdf"
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": disposition})


async def _issue(request: Request, actor: Actor, kind: str, form: dict[str, str]) -> Response:
    encounter_id = visit_orders_frame.checked_id(request)
    store = request.app.state.store
    typed = visit_papers_form.of_form(kind, form)
    try:
        signer = await signing.signer_for(store, actor, session_key=_cookie(request), pin=form.get("pin") or None)
    except signing.SigningRefused as refused:
        return await _render(request, actor, kind=kind, typed=typed, refused=refused)

    async def work(tx: Transaction) -> str:
        facts = await papers.facts_of(tx, await papers_data.read(tx, encounter_id))
        said = visit_papers_form.read(kind, typed, facts, tx.now)
        return (await papers.issue(tx, encounter_id, said, signer)).id

    try:
        await store.run(actor, work)
    except (errors.Conflict, errors.Invalid) as failure:
        return await _render(request, actor, kind=kind, typed=typed, failure=failure)
    return RedirectResponse(f"/outpatient/visits/{encounter_id}/papers?issued={kind}", 303)


async def _withdraw(request: Request, actor: Actor, paper_id: str, reason: str) -> Response:
    encounter_id = visit_orders_frame.checked_id(request)

    async def work(tx: Transaction) -> None:
        found = await papers.read(tx, visit_orders_frame.checked(paper_id))
        if found.encounter_id != encounter_id:
            raise errors.NotFound("no such paper of this visit")
        await papers.withdraw(tx, found.id, reason)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid) as failure:
        return await _render(request, actor, failure=failure)
    return RedirectResponse(f"/outpatient/visits/{encounter_id}/papers?withdrawn=1", 303)


async def _render(
    request: Request,
    actor: Actor,
    *,
    kind: str = "",
    typed: Texts | None = None,
    failure: errors.Failure | None = None,
    refused: signing.SigningRefused | None = None,
) -> Response:
    fault = rendering.text(request, refused.key, **refused.values) if refused else ""
    state = await signing.state_of(request.app.state.store, actor, session_key=_cookie(request), fault=fault)
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        visit = await papers_data.read(tx, frame.encounter_id)
        facts = await papers.facts_of(tx, visit)
        chosen = kind if kind in visit_papers_form.FIELDS and frame.may_sign else ""
        found = failure.faults if isinstance(failure, papers.PaperFaulty) else []
        return rendering.render(
            request,
            "outpatient/visit_papers.html",
            status=422 if refused else failure.status if failure else 200,
            frame=frame,
            kinds=papers_sheets.TITLES,
            kind=chosen,
            typed=typed or (visit_papers_form.proposed(chosen, visit, facts) if chosen else {}),
            faults={
                _SHOWN_AT.get(one.field, one.field): rendering.text(request, one.text, **one.values) for one in found
            },
            sentences=[] if found else visit_orders_frame.sentences_of(failure),
            issued=await papers.of_visit(tx, frame.encounter_id),
            told=_told(request),
            facts=facts,
            leave_max=visit_papers_form.leave_hint(facts),
            until=papers_rules.valid_until(
                papers_rules.Referral("", "1", ""), facts.today, await papers_data.holidays(tx)
            ),
            reasons=papers_rules.REFERRAL_REASONS,
            parts_of_day=papers_sheets.PARTS,
            rooms=await _rooms(tx, visit) if chosen == "appointment-slip" else [],
            signing_state=state,
            may_issue=frame.may_sign and visit.encounter.get("status") in ("in-progress", "finished"),
            tab="papers",
        )


async def _rooms(tx: Transaction, visit: PaperVisit) -> list[Any]:
    return await facility.rooms(tx, "exam", organization_id=visit.home.organization_id)


def _told(request: Request) -> str:
    if request.query_params.get("withdrawn"):
        return "Đã huỷ giấy; giấy cũ vẫn được lưu và ghi rõ là đã huỷ."
    if request.query_params.get("issued") in visit_papers_form.FIELDS:
        return "Đã cấp và ký giấy. Bấm In để mở bản đã ký."
    return ""


def _cookie(request: Request) -> bytes:
    session = sessions.found(request)
    return session.cookie.encode() if session else b""


ROUTES = (
    Route("/outpatient/visits/{id}/papers", show),
    Route("/outpatient/visits/{id}/papers", change, methods=["POST"]),
    Route("/outpatient/visits/{id}/papers/{paper}/pdf", show_pdf),
)
