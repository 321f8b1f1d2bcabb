"""Pages of the noun "visit": the chart on one screen, and the steps of a visit: start, hand over, cancel, undo."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import queue, visit_facts, visits
from lienmach.departments.outpatient import chart, refusals
from lienmach.departments.outpatient.visit_orders_frame import checked_id
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}?draft= — the chart; `draft=use` puts the draft that was found into the form."""
    encounter_id = checked_id(request)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("read", what=f"Encounter/{encounter_id}")
        encounter = await visits.read(tx, encounter_id)
        return rendering.render(request, "outpatient/visit.html", **await chart.values(tx, request, actor, encounter))


@page("visits.sign")
@refusals.spoken
async def step(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/step — verb: start, take-over, cancel, undo-start, undo-cancel."""
    encounter_id = checked_id(request)
    form = await request.form()
    verb, reason = str(form.get("verb", "")), str(form.get("reason", ""))[:500]

    async def work(tx: Transaction) -> Any:
        if verb == "start":
            await visits.start(tx, encounter_id)
            await _ticket(tx, encounter_id, "serve")
        elif verb == "take-over":
            await visits.take_over(tx, encounter_id)
        elif verb == "cancel":
            await visits.cancel(tx, encounter_id, reason)
            await _ticket(tx, encounter_id, "cancel")
        elif verb == "undo-start":
            await visits.undo_start(tx, encounter_id)
            await _ticket(tx, encounter_id, "put-back")
        elif verb == "undo-cancel":
            await visits.undo_cancel(tx, encounter_id)
            await _rejoin(tx, encounter_id)
        else:
            raise errors.Unprocessable("Hãy dùng các nút trên trang khám.")

    await request.app.state.store.run(actor, work)
    return RedirectResponse(f"/outpatient/visits/{encounter_id}", 303)


async def _ticket(tx: Transaction, encounter_id: str, verb: str) -> None:
    """Say to the queue what happened; a visit that came without a number has none."""
    ticket = await queue.ticket_of(tx, encounter_id, "exam")
    if ticket is not None and ticket.state in queue.OPEN:
        moves = {"serve": queue.serve, "cancel": queue.cancel, "put-back": queue.put_back}
        await moves[verb](tx, ticket.ticket_id)


async def _rejoin(tx: Transaction, encounter_id: str) -> None:
    """Give the person a number again if they had one: the one before ended with the cancellation."""
    before = await queue.ticket_of(tx, encounter_id, "exam")
    encounter = await visits.read(tx, encounter_id)
    room_id = visit_facts.room_of(encounter)
    if before is not None and room_id:
        await queue.join(
            tx, room_id, kind="exam", patient_id=visit_facts.patient_of(encounter), encounter_id=encounter_id,
            name=str(encounter["subject"].get("display", "")), priority=before.priority,
        )  # fmt: skip


ROUTES = (Route("/outpatient/visits/{id}", show), Route("/outpatient/visits/{id}/step", step, methods=["POST"]))
