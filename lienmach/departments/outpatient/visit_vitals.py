"""Pages of the noun "vitals of a visit": typed by nurse or doctor, refused if impossible, asked about if unusual."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import visits, vitals
from lienmach.departments.outpatient import chart, refusals
from lienmach.departments.outpatient.visit_orders_frame import checked_id
from lienmach.web import rendering
from lienmach.web.pages import page


@page("visits.write")
@refusals.spoken
async def record(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/vitals — store what was typed; answers the panel, with faults beside their fields.

    confirmed: the person says that unusual values are right.
    """
    encounter_id = checked_id(request)
    form = await request.form()
    texts = {name: str(form.get(name, ""))[:40] for name in vitals.TYPED}
    values, faults = vitals.read_values(texts)
    odd: dict[str, Any] = {}
    if not faults:
        try:
            await request.app.state.store.run(
                actor,
                lambda tx: visits.record_vitals(tx, encounter_id, values, is_confirmed=form.get("confirmed") == "yes"),
            )
        except vitals.Unusual as asked:
            odd = dict(asked.values)
        else:
            if not rendering.is_fragment(request):
                return RedirectResponse(f"/outpatient/visits/{encounter_id}", 303)
            texts = {}
    return await _panel(request, actor, encounter_id, texts, faults, odd)


async def _panel(
    request: Request,
    actor: Actor,
    encounter_id: str,
    texts: dict[str, str],
    faults: dict[str, str],
    odd: dict[str, Any],
) -> Response:
    is_fragment = rendering.is_fragment(request)
    async with request.app.state.store.begin(actor) as tx:
        encounter = await visits.read(tx, encounter_id)
        values = (
            {**await chart.frame(tx, request, actor, encounter), **await chart.vital_values(tx, encounter)}
            if is_fragment
            else await chart.values(tx, request, actor, encounter)
        )
        values |= {"typed": texts, "faults": faults, "odd": odd}
        return rendering.render(
            request,
            "outpatient/visit_vitals.html" if is_fragment else "outpatient/visit.html",
            block="vitals" if is_fragment else "",
            status=200 if is_fragment or not faults else errors.Unprocessable.status,
            headers=None if faults or odd else {"HX-Trigger": "visit-changed"},
            **values,
        )


ROUTES = (Route("/outpatient/visits/{id}/vitals", record, methods=["POST"]),)
