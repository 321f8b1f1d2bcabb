"""Pages of the noun "problems": what lasts beyond one visit, added by code or in words, marked as over."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, visit_facts, visit_problems, visits
from lienmach.departments.outpatient import chart, refusals
from lienmach.departments.outpatient.visit_orders_frame import checked_id
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("visits.write")
@refusals.spoken
async def change(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/problems — verb add (text: an ICD-10 code or words) or resolve (problem)."""
    encounter_id = checked_id(request)
    form = await request.form()
    verb, text = str(form.get("verb", "")), str(form.get("text", "")).strip()[:300]

    async def work(tx: Transaction) -> None:
        patient_id = visit_facts.patient_of(await visits.read(tx, encounter_id))
        if verb == "resolve":
            await visit_problems.resolve(tx, patient_id, str(form.get("problem", ""))[:64])
        elif verb == "add":
            day = tx.now.astimezone(tx.tenant.time_zone).date()
            known = await catalogues.get(tx, "icd10", text.upper(), on=day)
            code = known.code if known else ""
            await visit_problems.add(tx, patient_id, code=code, text="" if code else text, encounter_id=encounter_id)
        else:
            raise errors.Unprocessable("Hãy dùng các nút trên trang khám.")

    await request.app.state.store.run(actor, work)
    if not rendering.is_fragment(request):
        return RedirectResponse(f"/outpatient/visits/{encounter_id}", 303)
    async with request.app.state.store.begin(actor) as tx:
        encounter = await visits.read(tx, encounter_id)
        return rendering.render(
            request,
            "outpatient/visit_problems.html",
            block="problems",
            **await chart.frame(tx, request, actor, encounter),
            problems=await chart.problem_lines(tx, visit_facts.patient_of(encounter)),
        )


ROUTES = (Route("/outpatient/visits/{id}/problems", change, methods=["POST"]),)
