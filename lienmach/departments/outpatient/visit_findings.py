"""Page of the noun "findings of a visit": what the insurer's rules say of the visit now, each with its place to mend."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import visit_facts, visits
from lienmach.departments.outpatient import preflight, visit_orders_frame
from lienmach.web import rendering
from lienmach.web.pages import page


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/findings — the findings of the visit as it stands (htmx: block `findings`)."""
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        encounter = await visits.read(tx, frame.encounter_id)
        found = await preflight.of_claim(tx, encounter)
        is_open = visit_facts.is_open(encounter)
        return rendering.render(
            request,
            "outpatient/visit_findings.html",
            block=visit_orders_frame.block_of(request, "findings"),
            frame=frame,
            now=[one for one in found if is_open and one.is_before_signing],
            later=preflight.in_turn(one for one in found if not (is_open and one.is_before_signing)),
            tab="orders",
        )


ROUTES = (Route("/outpatient/visits/{id}/findings", show),)
