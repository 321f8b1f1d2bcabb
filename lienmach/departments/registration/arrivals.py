"""Pages of the noun "arrivals": one box for whatever a person brings — card, booking code, number, name.

A scan that means exactly one person goes straight to that person's arrival form. What is typed or scanned travels in
the body of a POST, never in a URL.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import booking, patients, person_draft
from lienmach.care.booking import Booking
from lienmach.departments.registration import patients as people_pages
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import formats, names, qr
from lienmach.web import rendering
from lienmach.web.pages import page

_SECRET = re.compile(r"(?:\S*/)?([0-9]{20})/?")  # a ticket's address as a scanner types it, or the digits alone
_NO_BOOKING = "Không có lịch hẹn nào với mã vừa quét. Hãy quét lại phiếu hẹn, hoặc tìm theo tên."
_BOOKING_OVER = "Lịch hẹn này đã huỷ hoặc đã đến khám. Vẫn tiếp đón được như người không hẹn: hãy tìm theo tên."
_CARD_OVER = "Thẻ BHYT vừa quét đã hết hạn ngày {day}. Hãy hỏi thẻ mới; vẫn tiếp đón được, tạm tính tự trả."
_BIRTH_AHEAD = "Ngày sinh trên mã vừa quét ở tương lai. Hãy đối chiếu thẻ và quét lại, hoặc tìm theo tên."


@page("visits.arrive")
async def index(request: Request, actor: Actor) -> Response:
    """GET /registration/arrivals — the box."""
    return _page(request, actor)


@page("visits.arrive")
async def find(request: Request, actor: Actor) -> Response:
    """POST /registration/arrivals — 303 to the form of the one person meant, else those who may be meant."""
    form = await request.form()
    typed, raw = str(form.get("text", "")), str(form.get("raw", ""))
    is_live = rendering.is_fragment(request)
    async with request.app.state.store.begin(actor) as tx:
        code = next((found[1] for one in (raw, typed) if (found := _SECRET.fullmatch(one.strip()))), "")
        booked, sentence = await _booking(tx, code) if code else (None, "")
        if code and booked is None:
            return _page(request, actor, typed=typed, sentence=sentence, is_live=is_live)
        if booked is not None and booked.patient_id:
            return RedirectResponse(f"/registration/arrivals/{booked.patient_id}?booking={booked.appointment_id}", 303)
        known = await _holder(tx, booked) if booked else ""
        if booked and known and not is_live:
            return RedirectResponse(f"/registration/arrivals/{known}?booking={booked.appointment_id}", 303)
        result, is_raw = await people_pages.look_up(tx, booked.name if booked else typed, "" if booked else raw)
        if result is None:
            return _page(request, actor)
        sentence = _remark(request, tx, result.scanned)
        exact = [
            one for one in result.people if one.why in people_pages.EXACT and one.patient.get("active") is not False
        ]
        if len(exact) == 1 and not is_live and not booked and not sentence and not result.hint:
            return RedirectResponse(f"/registration/arrivals/{exact[0].stored.id}", 303)
        values = _values(request, actor, tx, result, booked)
        hint = people_pages.hint_of(request, result)
        return _page(
            request, actor, typed=typed, sentence=sentence, hint=hint, is_raw=is_raw, is_live=is_live, result=values
        )


async def _booking(tx: Transaction, code: str) -> tuple[Booking | None, str]:
    """The living booking of a ticket's code, or a sentence why there is none."""
    try:
        found = await booking.find(tx, code)
    except errors.NotFound:
        return None, _NO_BOOKING
    if found.status not in ("booked", "proposed", "waitlist", "noshow"):
        return None, _BOOKING_OVER
    return found, ""


async def _holder(tx: Transaction, booked: Booking) -> str:
    """The id of the one person with the name and phone of a booking, "" if nobody or several have both."""
    found = [
        one.stored.id
        for one in (await patients.find(tx, booked.name)).people
        if folding.fold(names.shown(one.patient)) == folding.fold(booked.name)
        and any(
            formats.compact_phone(str(way.get("value", ""))) == booked.phone for way in one.patient.get("telecom", ())
        )
    ]
    return found[0] if len(found) == 1 else ""


def _remark(request: Request, tx: Transaction, scanned: qr.ScannedPerson | None) -> str:
    """What is wrong with a card that could be read."""
    today = tx.now.astimezone(tx.tenant.time_zone).date().isoformat()
    if scanned is None:
        return ""
    if scanned.birth > today:
        return rendering.text(request, _BIRTH_AHEAD)
    if len(scanned.valid_to) == 10 and scanned.valid_to < today:
        return rendering.text(request, _CARD_OVER, day=formats.write_date(scanned.valid_to))
    return ""


def _values(
    request: Request, actor: Actor, tx: Transaction, result: patients.FindResult, booked: Booking | None
) -> dict[str, Any]:
    """What the block `results` says of those who were found."""
    tail = f"?booking={booked.appointment_id}" if booked else ""
    people = [
        {**people_pages.line(tx, one, request, actor), "url": f"/registration/arrivals/{one.stored.id}{tail}"}
        for one in result.people
    ]
    draft = person_draft.of_scan(result.scanned) if result.scanned else person_draft.PersonDraft()
    today = tx.now.astimezone(tx.tenant.time_zone).date().isoformat()
    if booked:
        draft = replace(draft, name=booked.name, phone=booked.phone)
    drafts = people_pages.draft_fields(draft) if draft.birth <= today else {}
    return {"people": people, "drafts": drafts, "booked": booked, "scanned": result.scanned}


def _page(
    request: Request,
    actor: Actor,
    *,
    typed: str = "",
    sentence: str = "",
    hint: str = "",
    is_raw: bool = False,
    is_live: bool = False,
    result: dict[str, Any] | None = None,
) -> Response:
    return rendering.render(
        request,
        "registration/arrivals.html",
        block="results" if is_live else "",
        typed=typed,
        sentence=sentence,
        hint=hint,
        is_raw=is_raw,
        result=result,
        can_register=roles.may(actor, "patients.register"),
    )


ROUTES = (Route("/registration/arrivals", index), Route("/registration/arrivals", find, methods=["POST"]))
