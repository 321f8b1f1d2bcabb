"""Page of the noun "alerts": critical values that wait for a doctor, and those of the last days with their times.

As a fragment it is the strip in the frame of every page of a doctor. The strip names no person: it also stands above
the record of somebody else, and on a screen that others can see.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import resources
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import critical, facts, screens
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("results.acknowledge")
async def index(request: Request, actor: Actor) -> Response:
    """GET /laboratory/alerts — the list; with htmx the strip, empty when nothing waits."""
    if rendering.is_fragment(request):
        async with request.app.state.store.begin(actor) as tx:
            waiting = await critical.waiting(tx)
            return rendering.render(request, "laboratory/alert_strip.html", waiting=waiting)
    return await _list(request, actor)


@page("results.acknowledge")
async def acknowledge(request: Request, actor: Actor) -> Response:
    """POST /laboratory/alerts/{id} — I have seen it, and this is what I do."""
    action = str((await request.form()).get("action", ""))

    async def work(tx: Transaction) -> None:
        await critical.acknowledge(tx, str(request.path_params["id"]), action)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        return await _list(request, actor, fault=problem.text, status=problem.status)
    return RedirectResponse("/laboratory/alerts", 303)


async def _list(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        mine = {one.task_id: one for one in await critical.waiting(tx)}
        tasks = await critical.recent(tx)
        tasks += [await resources.read(tx, "Task", one) for one in mine if one not in {task["id"] for task in tasks}]
        known = await screens.people(tx, tasks, request)
        lines = [await _line(tx, task, known) for task in tasks]
        return rendering.render(
            request,
            "laboratory/alerts.html",
            status=status,
            open=[one for one in lines if one["id"] in mine],
            others=[one for one in lines if one["id"] not in mine],
            fault=fault,
        )


async def _line(tx: Transaction, task: Resource, known: dict[str, Any]) -> dict[str, Any]:
    patient_id = resources.id_of(task.get("for"), "Patient")
    observation = await facts.stored(tx, "Observation", resources.id_of(task.get("focus"), "Observation") or "-")
    note = (task.get("note") or [{}])[-1]
    who = note.get("authorString") or (note.get("authorReference") or {}).get("display", "")
    now = f"{facts.value_text(observation)} {facts.unit_text(observation)}".strip() if observation else ""
    escalated = next((one.get("valueDateTime", "") for one in task.get("extension", ())
                      if one.get("url") == critical.ESCALATED), "")  # fmt: skip
    return {
        "id": task["id"],
        "patient_id": patient_id,
        "known": known.get(patient_id),
        "what": task.get("description", ""),
        "now": now,
        "is_changed": bool(now) and now not in task.get("description", ""),
        "is_preliminary": bool(observation) and (observation or {}).get("status") == "preliminary",
        "raised": task.get("authoredOn", ""),
        "owner": (task.get("owner") or {}).get("display", ""),
        "escalated": escalated,
        "status": task["status"],
        "acknowledged": (task.get("executionPeriod") or {}).get("end", ""),
        "who": who,
        "action": note.get("text", ""),
    }


ROUTES = (Route("/laboratory/alerts", index), Route("/laboratory/alerts/{id}", acknowledge, methods=["POST"]))
