"""Pages of the noun "queue": all places with who waits, and the whole line of one of them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import facility, person_marks, queue
from lienmach.departments.registration import places
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("queue.call")
async def show(request: Request, actor: Actor) -> Response:
    """GET /registration/queue?place= — the line of a place (mine if none is named) and the choice of places."""
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/registration/queue")
        rooms = await _rooms(tx)
        seat = await facility.workplace(tx)
        wanted = request.query_params.get("place", "")[:64]
        chosen = next((one for one in rooms if one.id == wanted), None) or next(
            (one for one in rooms if seat is not None and one.id == seat.id), rooms[0] if rooms else None
        )
        values: dict[str, Any] = {"mine": None, "queued": [], "resting": [], "others": [], "room": chosen}
        minutes = await queue.expected_minutes(tx, [one.id for one in rooms])
        if chosen is not None:
            values = await places.strip_values(tx, actor, chosen.id)
        return rendering.render(
            request,
            "registration/queue.html",
            block="line" if rendering.is_fragment(request) else "",
            rooms=rooms,
            minutes=minutes,
            waiting=await queue.counts(tx),
            unplaced=await person_marks.unplaced(tx, [one.patient_id for one in values["queued"] + values["resting"]]),
            sentence="",
            now=tx.now,
            **values,
        )


async def _rooms(tx: Transaction) -> list[facility.Room]:
    """Rooms of this facility that people wait for."""
    try:
        home = (await facility.home(tx)).organization_id
    except errors.Conflict:
        home = ""
    kinds = ("exam", "collection", "imaging", "procedure", "dispensary", "cashier", "lab")
    return [one for one in await facility.rooms(tx, organization_id=home) if one.kind in kinds]


ROUTES = (Route("/registration/queue", show),)
