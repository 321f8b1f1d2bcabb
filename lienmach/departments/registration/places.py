"""Calls in the queue of a place: the caller strip that every department's page includes, and the verbs behind it.

    GET  /registration/places/{id}/caller     the strip: called now, next, how many wait
    POST /registration/places/{id}/call       call the next one; recall, skip, transfer, finish take `ticket`

A page includes it so, with the id of the room where its person sits:

    <div hx-get="/registration/places/{{ room.id }}/caller" hx-trigger="load, every 15s"></div>
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import facility, queue
from lienmach.care.queue import Ticket
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

Verb = Callable[[Transaction, str], Awaitable[Any]]


@page("queue.call")
async def caller(request: Request, actor: Actor) -> Response:
    """GET /registration/places/{id}/caller — the strip as a fragment."""
    return await _strip(request, actor, str(request.path_params["id"]))


@page("queue.call")
async def call(request: Request, actor: Actor) -> Response:
    """POST /registration/places/{id}/call — the next person; 409 says that nobody waits."""
    return await _do(request, actor, lambda tx, _: queue.call_next(tx, str(request.path_params["id"])))


@page("queue.call")
async def recall(request: Request, actor: Actor) -> Response:
    """POST /registration/places/{id}/recall — the same person once more."""
    return await _do(request, actor, queue.recall)


@page("queue.call")
async def skip(request: Request, actor: Actor) -> Response:
    """POST /registration/places/{id}/skip — who did not come goes back a few places."""
    return await _do(request, actor, queue.skip)


@page("queue.call")
async def finish(request: Request, actor: Actor) -> Response:
    """POST /registration/places/{id}/finish — the person is served."""
    return await _do(request, actor, queue.finish)


@page("queue.call")
async def transfer(request: Request, actor: Actor) -> Response:
    """POST /registration/places/{id}/transfer — the person goes to the place `to`."""
    target = str((await request.form()).get("to", ""))[:64]
    if not target:
        raise errors.Unprocessable(rendering.text(request, "Hãy chọn phòng để chuyển đến."))
    return await _do(request, actor, lambda tx, ticket: queue.transfer(tx, ticket, target))


async def _do(request: Request, actor: Actor, verb: Verb) -> Response:
    ticket = str((await request.form()).get("ticket", ""))[:64]
    place_id, sentence = str(request.path_params["id"]), ""

    async def work(tx: Transaction) -> object:
        await facility.room(tx, place_id)  # a wrong address changes nothing
        return await verb(tx, ticket)

    try:
        await request.app.state.store.run(actor, work)
    except errors.Conflict as refusal:
        sentence = refusal.text
    if not rendering.is_fragment(request) and not sentence:
        return RedirectResponse(f"/registration/queue?place={place_id}", 303)
    return await _strip(request, actor, place_id, sentence, 200 if rendering.is_fragment(request) else 409)


async def _strip(request: Request, actor: Actor, place_id: str, sentence: str = "", status: int = 200) -> Response:
    """The strip, as a fragment wherever it stands; without JavaScript a refusal is a page of its own."""
    async with request.app.state.store.begin(actor) as tx:
        values = await strip_values(tx, actor, place_id)
        whole = status != 200
        return rendering.render(
            request,
            "registration/caller.html",
            block="" if whole else "strip",
            status=status,
            headers={"HX-Trigger": "queue-moved"} if request.method == "POST" else None,
            sentence=sentence,
            **values,
        )


async def strip_values(tx: Transaction, actor: Actor, place_id: str) -> dict[str, Any]:
    """What the template caller.html needs. mine: whom this person has called there; queued: who waits, in order."""
    room = await facility.room(tx, place_id)
    people = await queue.waiting(tx, place_id)
    others = list(await facility.rooms(tx, room.kind, organization_id=room.organization_id))
    return {
        "room": room,
        "mine": _mine(people, actor),
        "queued": [one for one in people if one.state == "waiting"],
        "resting": [one for one in people if one.state == "skipped"],
        "others": [one for one in others if one.id != place_id],
    }


def _mine(people: list[Ticket], actor: Actor) -> Ticket | None:
    called = [one for one in people if one.state in ("called", "serving") and one.called_by == actor.user]
    return called[-1] if called else None


ROUTES = (
    Route("/registration/places/{id}/caller", caller),
    Route("/registration/places/{id}/call", call, methods=["POST"]),
    Route("/registration/places/{id}/recall", recall, methods=["POST"]),
    Route("/registration/places/{id}/skip", skip, methods=["POST"]),
    Route("/registration/places/{id}/finish", finish, methods=["POST"]),
    Route("/registration/places/{id}/transfer", transfer, methods=["POST"]),
)
