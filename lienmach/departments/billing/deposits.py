"""Pages of the noun "deposits": find the running visit of a person and take money ahead of its bill; what is held."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import banner, patients, people_search, resources, systems, visit_facts
from lienmach.care.money import accounts
from lienmach.departments.billing import bill
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_PEOPLE = 12
_VISITS = 40
_HELD = 200


@page("bills.manage")
async def index(request: Request, actor: Actor) -> Response:
    """GET /billing/deposits — the box to find a person, and the deposits that are held."""
    return await _render(request, actor)


@page("bills.manage")
async def find(request: Request, actor: Actor) -> Response:
    """POST /billing/deposits — running visits of the person that the text or scan means; one alone opens its bill."""
    form = await request.form()
    typed, raw = str(form.get("text", "")).strip()[:2000], str(form.get("raw", ""))[:2000]
    if not typed and not raw:
        return RedirectResponse("/billing/deposits", 303)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/billing/deposits")
        found = await _running(tx, typed or raw)
    if len(found) == 1:
        return RedirectResponse(f"/billing/visits/{found[0]['id']}#deposit", 303)
    return await _render(request, actor, found=found, typed=typed[: people_search.CHARS_MAX])


async def _running(tx: Transaction, text: str) -> list[dict[str, Any]]:
    """Open visits of the people whom a text means."""
    wanted = [one.stored.id for one in (await patients.find(tx, text, _PEOPLE)).people]
    if not wanted:
        return []
    targets = ",".join(f"Patient/{one}" for one in wanted)
    return await resources.find(tx, "Encounter", ("subject", targets), ("status", "arrived,in-progress"), count=_VISITS)


async def _render(
    request: Request, actor: Actor, *, found: list[dict[str, Any]] | None = None, typed: str = ""
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/billing/deposits")
        held = (await bill.held(tx, *accounts.STATES))[:_HELD]
        ids = {one.patient_id for one in held} | {visit_facts.patient_of(one) for one in found or ()}
        people = await resources.read_many(tx, "Patient", list(ids))
        today, en = tx.now.astimezone(tx.tenant.time_zone).date(), shell.language_of(request) == "en"
        known = {key: banner.build(one, today=today, en=en) for key, one in people.items()}
        nobody = banner.build({}, today=today, en=en)
        return rendering.render(
            request,
            "billing/deposits.html",
            typed=typed,
            is_search=found is not None,
            found=[
                {
                    "id": one["id"],
                    "number": resources.identifier_of(one, systems.VISIT),
                    "person": known.get(visit_facts.patient_of(one), nobody),
                    "at": visit_facts.begun_at(one),
                    "place": (one.get("location") or [{}])[0].get("location", {}).get("display", ""),
                }
                for one in found or ()
            ],
            held=[{"account": one, "person": known.get(one.patient_id, nobody)} for one in held],
        )


ROUTES = (Route("/billing/deposits", index), Route("/billing/deposits", find, methods=["POST"]))
