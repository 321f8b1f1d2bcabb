"""Pages of the noun "allergies": asked and none, or coded by ingredient or group; a mistake is withdrawn, not deleted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import allergies, visit_facts, visits
from lienmach.departments.outpatient import chart, refusals
from lienmach.departments.outpatient.visit_orders_frame import checked_id
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("visits.write")
async def find(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/allergies?substance= — groups and ingredients for the list below the field."""
    text = request.query_params.get("substance", "").strip()[:80]
    async with request.app.state.store.begin(actor) as tx:
        return rendering.render(
            request,
            "outpatient/visit_allergies_found.html",
            found=await allergies.offer(tx, text) if text else [],
            text=text,
            visit_id=checked_id(request),
        )


@page("visits.write")
@refusals.spoken
async def change(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/allergies — verb none, record (list, code) or withdraw (statement)."""
    encounter_id = checked_id(request)
    form = await request.form()
    given = {
        name: str(form.get(name, ""))[:100] for name in ("verb", "list", "code", "statement", "substance", "reaction")
    }

    async def work(tx: Transaction) -> None:
        patient_id = visit_facts.patient_of(await visits.read(tx, encounter_id))
        if given["verb"] == "none":
            await allergies.record_none(tx, patient_id, encounter_id=encounter_id)
        elif given["verb"] == "withdraw":
            await allergies.withdraw(tx, patient_id, given["statement"])
        else:
            name, code = given["list"], given["code"]
            if not code:  # typed and sent without choosing: taken only if it can mean one thing
                name, code = await _meant(tx, given["substance"])
            await allergies.record(
                tx, patient_id, list_name=name, code=code, reaction=given["reaction"], encounter_id=encounter_id
            )

    await request.app.state.store.run(actor, work)
    if not rendering.is_fragment(request):
        return RedirectResponse(f"/outpatient/visits/{encounter_id}", 303)
    async with request.app.state.store.begin(actor) as tx:
        encounter = await visits.read(tx, encounter_id)
        return rendering.render(
            request,
            "outpatient/visit_allergies.html",
            block="allergies",
            headers={"HX-Trigger": "visit-changed, allergies-changed"},
            **await chart.frame(tx, request, actor, encounter),
            **await chart.allergy_values(tx, encounter),
        )


@page("visits.read")
async def strip(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/allergies/banner — the banner again, after allergies or weight have changed."""
    async with request.app.state.store.begin(actor) as tx:
        values = await chart.banner_values(tx, request, await visits.read(tx, checked_id(request)))
        return rendering.render(request, "outpatient/visit_banner.html", **values)


async def _meant(tx: Transaction, text: str) -> tuple[str, str]:
    found = await allergies.offer(tx, text.strip()) if text.strip() else []
    exact = [one for one in found if one.name.casefold() == text.strip().casefold()] or found
    if len(exact) != 1:
        raise errors.Unprocessable("Hãy chọn hoạt chất hoặc nhóm thuốc trong danh sách gợi ý.")
    return exact[0].list, exact[0].code


ROUTES = (
    Route("/outpatient/visits/{id}/allergies", find),
    Route("/outpatient/visits/{id}/allergies", change, methods=["POST"]),
    Route("/outpatient/visits/{id}/allergies/banner", strip),
)
