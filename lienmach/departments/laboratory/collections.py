"""Page of the noun "collections": who waits for a specimen to be taken, and taking it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import facility, resources
from lienmach.departments.laboratory import screens, tubes
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_DAYS = 3  # who has not come by then is looked for


@page("specimens.collect")
async def index(request: Request, actor: Actor) -> Response:
    """GET /laboratory/collections?done=&days= — who waits, with the orders to be ticked; done: tubes just taken."""
    return await _list(request, actor)


@page("specimens.collect")
async def collect(request: Request, actor: Actor) -> Response:
    """POST /laboratory/collections — take the specimens of the ticked orders of one person."""
    form = await request.form()
    order_ids = [str(one) for one in form.getlist("order")][:60]

    async def work(tx: Transaction) -> list[str]:
        return [one["id"] for one in await tubes.collect(tx, order_ids)]

    try:
        done = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        return await _list(request, actor, fault=problem.text, status=problem.status)
    return RedirectResponse(f"/laboratory/collections?done={','.join(done)}", 303)


async def _list(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        days = 30 if request.query_params.get("days") == "30" else _DAYS
        orders = await tubes.waiting(tx, days=days)
        known = await screens.people(tx, orders, request)
        people: dict[str, dict[str, Any]] = {}
        for order in orders:
            patient_id = resources.id_of(order.get("subject"), "Patient")
            key = f"{patient_id} {resources.id_of(order.get('encounter'), 'Encounter')}"
            one = people.setdefault(key, {"known": known.get(patient_id), "orders": [], "since": order["authoredOn"],
                                          "is_urgent": False})  # fmt: skip
            one["is_urgent"] = one["is_urgent"] or order.get("priority") in ("stat", "urgent", "asap")
            one["orders"].append({"id": order["id"], "name": (order.get("code") or {}).get("text", ""),
                                  "note": (order.get("note") or [{}])[0].get("text", "")})  # fmt: skip
        places = await facility.rooms(tx, "collection")
        seat = await facility.workplace(tx)
        place = seat if seat in places else places[0] if len(places) == 1 else None
        taken = [one for one in request.query_params.get("done", "").split(",") if one][:12]
        done = [await _taken(tx, request, one) for one in taken]
        return rendering.render(
            request,
            "laboratory/collections.html",
            status=status,
            people=sorted(people.values(), key=lambda one: (not one["is_urgent"], one["since"])),
            place=place,
            days=days,
            done=[one for one in done if one],
            fault=fault,
        )


async def _taken(tx: Transaction, request: Request, specimen_id: str) -> dict[str, Any] | None:
    try:
        specimen = await resources.read(tx, "Specimen", specimen_id)
    except errors.Failure:
        return None
    known = await screens.people(tx, [specimen], request)
    container = ((specimen.get("container") or [{}])[0].get("type") or {}).get("text", "")
    return {
        "id": specimen["id"],
        "number": tubes.number_of(specimen),
        "what": (specimen.get("type") or {}).get("text", ""),
        "container": container,
        "known": next(iter(known.values()), None),
    }


ROUTES = (Route("/laboratory/collections", index), Route("/laboratory/collections", collect, methods=["POST"]))
