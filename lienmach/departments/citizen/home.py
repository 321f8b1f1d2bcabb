"""The first page of one's own record: the next appointments, and the visits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import clock
from lienmach.base.actor import Actor
from lienmach.care import booking_entry, resources, visit_facts
from lienmach.care.booking_entry import PHONE, Booking
from lienmach.care.resources import Resource
from lienmach.departments.citizen import own_pages
from lienmach.record.transaction import Store
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import formats, names
from lienmach.web.pages import own, visitor

_VISITS_MAX = 100
_APPOINTMENTS_MAX = 20
_PHONES_MAX = 5
_AHEAD = ("booked", "proposed", "waitlist", "pending")
_HIDDEN = ("cancelled", "entered-in-error", "planned")


@own("own.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /citizen/home — what is next, then the visits, newest first."""
    store: Store = request.app.state.store
    async with store.begin(actor) as tx:
        patient = await own_pages.person(tx)
        zone = tx.tenant.time_zone
        today = datetime.combine(tx.now.astimezone(zone).date(), time(), tzinfo=zone)
        named = await resources.find(
            tx,
            "Appointment",
            ("patient", f"Patient/{patient['id']}"),
            ("status", ",".join(_AHEAD)),
            count=_APPOINTMENTS_MAX,
        )
        visits = await resources.find(tx, "Encounter", ("patient", f"Patient/{patient['id']}"), count=_VISITS_MAX)
        own_ones = [booking_entry.of(one) for one in named]
        more = await _by_phone(store, visitor(request), patient, {one.appointment_id for one in own_ones})
        ahead = [one for one in (*own_ones, *more) if one.start_at is None or one.start_at >= today]
        return own_pages.render(
            request,
            "citizen/home.html",
            patient,
            appointments=sorted(ahead, key=lambda one: one.start_at or today + timedelta(days=3650)),
            visits=[_visit(one) for one in visits if one.get("status") not in _HIDDEN],
            is_full=len(visits) == _VISITS_MAX,
        )


async def _by_phone(store: Store, everybody: Actor, patient: Resource, known: set[str]) -> Sequence[Booking]:
    """Bookings made without an account under this person's name and phone: nobody has linked them to a record yet."""
    phones = [formats.compact_phone(str(one.get("value", ""))) for one in patient.get("telecom", ())]
    wanted = [f"{PHONE}|{one}" for one in dict.fromkeys(phones) if one][:_PHONES_MAX]
    if not wanted:
        return ()
    name = folding.fold(names.shown(patient))
    async with store.begin(everybody) as tx:
        found = await resources.find(
            tx, "Appointment", ("identifier", ",".join(wanted)), ("status", ",".join(_AHEAD)), ("patient:missing", "true"),
            count=_APPOINTMENTS_MAX,
        )  # fmt: skip
    listed = [booking_entry.of(one) for one in found if one["id"] not in known]
    return [one for one in listed if not one.patient_id and folding.fold(one.name) == name]


def _visit(encounter: Resource) -> dict[str, Any]:
    at = visit_facts.begun_at(encounter)
    return {
        "id": encounter["id"],
        "at": clock.to_instant(at) if at else "",
        "place": str((encounter.get("serviceProvider") or {}).get("display", "")),
        "room": str(((encounter.get("location") or [{}])[0].get("location") or {}).get("display", "")),
        "reason": next((str(one["text"]) for one in encounter.get("reasonCode", ()) if one.get("text")), ""),
        "is_open": visit_facts.is_open(encounter),
    }


ROUTES = (Route("/citizen/home", show),)
