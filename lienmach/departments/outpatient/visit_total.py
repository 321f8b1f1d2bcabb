"""Page of the noun "total of a visit": what the visit comes to now, line by line, for doctor, desk and patient."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import charges
from lienmach.departments.outpatient import visit_orders_frame
from lienmach.web import rendering
from lienmach.web.pages import page


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/total — the amounts of the whole visit (htmx: block `total`)."""
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        amounts = await charges.of_visit(tx, frame.encounter_id)
        return rendering.render(
            request,
            "outpatient/visit_total.html",
            block=visit_orders_frame.block_of(request, "total"),
            frame=frame,
            amounts=amounts,
            names=dict(amounts.names),
            tab="orders",
        )


ROUTES = (Route("/outpatient/visits/{id}/total", show),)
