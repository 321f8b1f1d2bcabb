"""One visit as the person reads it: what was found, results, medicines, the bill, and the papers."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import clock
from lienmach.base.actor import Actor
from lienmach.care import papers, resources, systems, visit_diagnoses, visit_facts
from lienmach.care.resources import Resource
from lienmach.departments.citizen import bill_lines, medicine_lines, own_pages, result_lines
from lienmach.record.transaction import Transaction
from lienmach.web.pages import own


@own("own.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /citizen/visits/{id} — results as soon as they are released, the rest when the doctor has ended the visit."""
    async with request.app.state.store.begin(actor) as tx:
        patient = await own_pages.person(tx)
        encounter = await resources.read(tx, "Encounter", own_pages.id_in(request))
        own_id = encounter["id"]
        is_finished = visit_facts.finished_at(encounter) is not None
        return own_pages.render(
            request,
            "citizen/visit.html",
            patient,
            visit=_facts(encounter),
            is_finished=is_finished,
            diagnoses=await _diagnoses(tx, encounter) if is_finished else [],
            results=await result_lines.of_visit(tx, own_id, patient["id"]),
            reports=await result_lines.reports_of_visit(tx, own_id),
            moments=medicine_lines.MOMENTS,
            prescriptions=await medicine_lines.of_visit(tx, own_id) if is_finished else [],
            bill=await bill_lines.of_visit(tx, own_id),
            papers=[one for one in await papers.of_visit(tx, own_id) if one.is_current],
        )


async def _diagnoses(tx: Transaction, encounter: Resource) -> list[dict[str, str]]:
    return [
        {
            "code": resources.code_of(one.get("code"), systems.ICD10),
            "name": str((one.get("code") or {}).get("text", "")),
        }
        for one in await visit_diagnoses.of_visit(tx, encounter)
    ]


def _facts(encounter: Resource) -> dict[str, Any]:
    at = visit_facts.begun_at(encounter)
    return {
        "id": encounter["id"],
        "at": clock.to_instant(at) if at else "",
        "place": str((encounter.get("serviceProvider") or {}).get("display", "")),
        "room": str(((encounter.get("location") or [{}])[0].get("location") or {}).get("display", "")),
        "doctor": str(visit_facts.doctor_of(encounter).get("display", "")),
        "reason": next((str(one["text"]) for one in encounter.get("reasonCode", ()) if one.get("text")), ""),
        "number": resources.identifier_of(encounter, systems.VISIT),
    }


ROUTES = (Route("/citizen/visits/{id}", show),)
