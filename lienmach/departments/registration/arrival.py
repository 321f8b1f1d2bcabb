"""Pages of the noun "arrival": receive one person — visit, card look-up, queue number — ready for a single Enter.

Everything is proposed (arrival_facts.py); what the desk changes is taken. A second visit on one day is asked about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import asyncpg
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.care import (
    booking,
    catalogues,
    facility,
    insurance,
    person_change,
    person_draft,
    queue,
    resources,
    visit_origin,
    visits,
)
from lienmach.care.booking import Booking
from lienmach.care.person_draft import PersonDraft
from lienmach.care.queue import Ticket
from lienmach.departments.registration import arrival_card, arrival_facts, banners, patient, patient_fields
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_REASON_CHARACTERS_MAX = 500
_AGAIN = "Hôm nay người này đã có một lượt khám đang mở. Chỉ mở thêm khi đúng là khám lần nữa."
_SLIP_UNKNOWN = "Không có giấy hẹn khám lại với số này. Hãy xem lại số trên giấy, hoặc bỏ trống."
_SLIP_OTHER = "Giấy hẹn khám lại này là của người khác."
_SLIP_DAYS = "Giấy hẹn này chỉ dùng từ {first} đến {last}. Bỏ trống số giấy để tiếp đón như người không có giấy hẹn."
_ADDRESS = ("address_line", "province_code", "commune", "address_reason")
_ORIGIN = ("from_code", "referral", "accident")
_FIELDS = ("kind", "reason", "room", "group", "category", "booking", "slip", "card", "again", *_ADDRESS, *_ORIGIN)


class SecondVisit(errors.Conflict):
    """The person has an open visit of today."""


class AddressMissing(errors.Unprocessable):
    """The person has a card and neither an address nor a reason why not."""


@page("visits.arrive")
async def show(request: Request, actor: Actor) -> Response:
    """GET /registration/arrivals/{id}?booking= — the form; the card is looked up unless it was today."""
    patient_id = patient.checked_id(request)
    store = request.app.state.store

    async def look_up(tx: Transaction) -> None:
        state = await insurance.state_of(tx, patient_id)
        checked_on = state.checked_at.astimezone(tx.tenant.time_zone).date() if state.checked_at else None
        if checked_on != queue.today(tx) and not state.is_asking:
            await insurance.ask(tx, patient_id, moment="arrival")

    await store.run(actor, look_up)
    return await _form(request, actor, patient_id, {"booking": request.query_params.get("booking", "")[:64]})


@page("visits.arrive")
async def receive(request: Request, actor: Actor) -> Response:
    """POST /registration/arrivals/{id} — opens the visit and gives the number; 303 to the slip, 409 and 422 with a sentence."""
    patient_id = patient.checked_id(request)
    said = _said(await request.form())
    if len(said["reason"]) > _REASON_CHARACTERS_MAX:
        sentence = "Lý do khám dài quá 500 ký tự; hãy viết ngắn lại."
        return await _form(request, actor, patient_id, said, sentence=sentence, status=422)
    try:
        ticket = await request.app.state.store.run(actor, lambda tx: _receive(tx, patient_id, said))
    except SecondVisit as refusal:
        return await _form(request, actor, patient_id, said, sentence=refusal.text, is_again=True, status=409)
    except AddressMissing as refusal:
        faults = {"commune": rendering.sentence(request, refusal)}
        return await _form(request, actor, patient_id, said, faults=faults, status=422)
    except visit_origin.OriginFaulty as refusal:
        faults = {refusal.field: rendering.sentence(request, refusal)}
        return await _form(request, actor, patient_id, said, faults=faults, status=422)
    except (errors.Conflict, errors.Unprocessable) as refusal:
        sentence = rendering.sentence(request, refusal)
        return await _form(request, actor, patient_id, said, sentence=sentence, status=refusal.status)
    return RedirectResponse(f"/registration/tickets/{ticket.ticket_id}?print=1", 303)


async def _receive(tx: Transaction, patient_id: str, said: dict[str, str]) -> Ticket:
    person = await resources.read(tx, "Patient", patient_id)
    if not said["again"]:
        if await arrival_facts.open_today(tx, patient_id):
            raise SecondVisit(_AGAIN)
        tx.premises.append(_none_open(patient_id))
    room = await facility.room(tx, said["room"]) if said["room"] else None
    if room is None:
        raise errors.Unprocessable("Hãy chọn phòng khám.")
    home = await facility.facility(tx, room.organization_id)
    booked = await _booked(tx, person, said["booking"])
    slip = await _slip(tx, patient_id, said["slip"])
    if not slip and booked and await booking.may_use_slip(tx, booked):
        slip = booked.slip
    if said["card"]:
        await arrival_card.put(tx, person, arrival_card.read(said["card"]))
        await insurance.ask(tx, patient_id, moment="arrival")
    state = await insurance.state_of(tx, patient_id)
    await _place(tx, patient_id, said, is_insured=state.card is not None)
    origin = visit_origin.Origin(*(said[one] for one in _ORIGIN))
    group, is_emergency, priority = await _group(tx, said["group"])
    visit = await visits.open_visit(
        tx,
        patient_id,
        room=room,
        facility=home,
        kind=said["kind"] or "01",
        reason=said["reason"],
        category=said["category"]
        or insurance.provisional_category(
            home,
            state.card,
            has_referral=origin.is_referred,
            has_appointment_slip=bool(slip),
            is_emergency=is_emergency,
        ),
        coverage_id=state.card.coverage_id if state.card else "",
        appointment_id=booked.appointment_id if booked else "",
        priority_group=group,
        is_emergency=is_emergency,
        origin=origin,
    )
    if slip:
        booking.use_slip(tx, slip, visit.id)
    kept = booked or (await booking.find_slip(tx, slip) if slip else None)
    if kept and kept.status in ("booked", "proposed", "waitlist", "noshow"):
        await booking.arrive(tx, kept.appointment_id, patient_id=patient_id)
    return await queue.join(
        tx, room.id, kind="exam", patient_id=patient_id, encounter_id=visit.id, name=names.shown(person),
        priority=priority,
    )  # fmt: skip


async def _place(tx: Transaction, patient_id: str, said: dict[str, str], *, is_insured: bool) -> None:
    """Keep the address, or why there is none, where the record has none and the visit will be claimed (STR-08)."""
    patient = await resources.read(tx, "Patient", patient_id)
    if person_change.has_address(patient):
        return
    before = person_change.draft_of(patient)
    draft = _placed(before, said)
    if is_insured and not person_draft.is_placed(draft) and not draft.address_reason:
        raise AddressMissing(patient_fields.ADDRESS_MISSING)
    if draft != before:
        changed = person_change.applied(patient, draft)
        await resources.update(tx, person_draft.stamped(changed, resources.me(tx), clock.to_instant(tx.now)))


def _placed(draft: PersonDraft, said: dict[str, str]) -> PersonDraft:
    """The person's details with the address that was said, if one was."""
    typed = {name: said[name] for name in _ADDRESS if name != "commune" and said[name]}
    return patient_fields.read_address(said, replace(draft, **typed))  # type: ignore[arg-type]


def _none_open(patient_id: str) -> Any:
    """The premise that nobody opened a visit meanwhile: two Enters at two desks make one visit and one question."""

    async def still_so(tx: Transaction, connection: asyncpg.Connection) -> bool:
        tx.on(connection)
        try:
            return not await arrival_facts.open_today(tx, patient_id)
        finally:
            tx.on(None)

    return still_so


async def _booked(tx: Transaction, person: dict[str, Any], appointment_id: str) -> Booking | None:
    if not appointment_id:
        return None
    return await arrival_facts.booked_for(tx, person, appointment_id, name="", phone="")


async def _slip(tx: Transaction, patient_id: str, number: str) -> str:
    """The number of a slip that is this person's and good today; "" without one.

    Raises errors.Unprocessable for a wrong number and out of its days.
    """
    if not number:
        return ""
    found = await booking.find_slip(tx, number)
    if found is None:
        raise errors.Unprocessable(_SLIP_UNKNOWN)
    if found.patient_id != patient_id:
        raise errors.Unprocessable(_SLIP_OTHER)
    days = await booking.slip_days(tx, found)
    if days is not None and not days[0] <= queue.today(tx) <= days[1]:
        first, last = (f"{one:%d/%m/%Y}" for one in days)
        raise errors.Unprocessable(_SLIP_DAYS, values={"first": first, "last": last})
    return found.slip


async def _group(tx: Transaction, code: str) -> tuple[str, bool, int]:
    """(code, is it an emergency, priority in the queue) of a chosen priority group; ("", False, 0) for none."""
    row = await catalogues.get(tx, "priority-group", code, on=queue.today(tx)) if code else None
    if row is None:
        return "", False, 0
    return row.code, row.code == arrival_facts.EMERGENCY, queue.priority_of(int(row.data.get("rank", 0)))


def _said(form: FormData) -> dict[str, str]:
    return {name: str(form.get(name, "")).strip()[:2000] for name in _FIELDS}


async def _form(
    request: Request,
    actor: Actor,
    patient_id: str,
    said: dict[str, str],
    *,
    sentence: str = "",
    faults: dict[str, str] | None = None,
    is_again: bool = False,
    status: int = 200,
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("read", what=f"Patient/{patient_id}", query=f"/registration/arrivals/{patient_id}")
        known = await banners.read(tx, patient_id, shell.language_of(request))
        person = await resources.read(tx, "Patient", patient_id)
        booked = await arrival_facts.booked_for(tx, person, said.get("booking", ""), name=known.name, phone=known.phone)
        proposal = await arrival_facts.propose(tx, person, booked)
        state = await insurance.state_of(tx, patient_id)
        categories = await catalogues.all_of(tx, "ma-doituong-kcb", on=queue.today(tx))
        has_slip = bool(booked and await booking.may_use_slip(tx, booked))
        own = insurance.provisional_category(proposal.home, state.card, has_appointment_slip=has_slip)
        opened = await arrival_facts.open_today(tx, patient_id)
        filled = {**dict.fromkeys(_FIELDS, ""), **said}
        draft = _placed(person_change.draft_of(person), filled)
        return rendering.render(
            request,
            "registration/arrival.html",
            status=status,
            banner=known,
            patient_id=patient_id,
            proposal=proposal,
            booked=booked,
            state=state,
            category=" · ".join([own, *(one.name for one in categories if one.code == own)]),
            categories=categories,
            opened=[await _ticket(tx, one) for one in opened],
            faults=faults or {},
            first_fault=next(iter(faults or {}), ""),
            draft=draft,
            asks_address=not person_change.has_address(person) and bool(state.card or said.get("card")),
            **patient_fields.address_values(draft),
            origin=visit_origin.Origin(*(filled[one] for one in _ORIGIN)),
            accidents=await catalogues.all_of(tx, visit_origin.LIST, on=queue.today(tx)),
            said={
                **dict.fromkeys(_FIELDS, ""),
                "kind": "01",
                "room": proposal.room,
                "group": proposal.group,
                **said,
                "booking": booked.appointment_id if booked else "",
            },
            sentence=sentence,
            is_again=is_again,
            can_check=roles.may(actor, "insurance.check"),
        )


async def _ticket(tx: Transaction, encounter: dict[str, Any]) -> dict[str, Any]:
    """An open visit of today with its ticket, for the warning."""
    found = await queue.ticket_of(tx, encounter["id"], "exam")
    place = (encounter.get("location") or [{}])[0].get("location", {}).get("display", "")
    return {"ticket": found, "place": place, "start": encounter.get("period", {}).get("start", "")}


ROUTES = (Route("/registration/arrivals/{id}", show), Route("/registration/arrivals/{id}", receive, methods=["POST"]))
