"""Pages of the noun "ticket": the 80 mm slip of a queue number, to print from the browser or as PDF."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import banner, facility, paper, queue, resources
from lienmach.care.queue import Position
from lienmach.departments.registration import qr_codes
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names
from lienmach.web import formats, rendering
from lienmach.web.pages import page


@page("visits.arrive")
async def show(request: Request, actor: Actor) -> Response:
    """GET /registration/tickets/{id}?print=1 — the slip on screen; with print=1 it prints itself."""
    async with request.app.state.store.begin(actor) as tx:
        ticket_id = str(request.path_params["id"])[:64]
        tx.access.note("read", query=f"/registration/tickets/{ticket_id}")
        position = await _position(tx, ticket_id)
        data = await _data(request, tx, position)
        return rendering.render(
            request,
            "registration/ticket.html",
            ticket=position.ticket,
            position=position,
            data=data,
            qr=qr_codes.svg(data["qr"]),
            prints=request.query_params.get("print") == "1",
        )


@page("visits.arrive")
async def show_paper(request: Request, actor: Actor) -> Response:
    """GET /registration/tickets/{id}/paper — the same slip as PDF by the facility's template."""
    async with request.app.state.store.begin(actor) as tx:
        ticket_id = str(request.path_params["id"])[:64]
        tx.access.note("read", query=f"/registration/tickets/{ticket_id}/paper")
        data = await _data(request, tx, await _position(tx, ticket_id))
        body = await paper.render(tx, "ticket", data)
    return Response(body, media_type="application/pdf", headers={"Content-Disposition": "inline"})


async def _position(tx: Transaction, ticket_id: str) -> Position:
    return await queue.ahead(tx, (await queue.read(tx, ticket_id)).secret)


async def _data(request: Request, tx: Transaction, position: Position) -> dict[str, Any]:
    """What stands on the slip (care/paper/ticket.sample.json). The name is whole: the paper is the person's own."""
    ticket = position.ticket
    name, birth = ticket.name, ""
    if ticket.patient_id:
        patient = await resources.read(tx, "Patient", ticket.patient_id)
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        name, birth = names.shown(patient), banner.build(patient, today=today).birth
    try:
        place = (await facility.home(tx)).name
    except errors.Conflict:
        place = tx.tenant.name
    minutes = {"low": position.minutes_from, "high": position.minutes_to}
    return {
        "facility": place,
        "number": ticket.shown,
        "place": f"{ticket.place_code} {ticket.place}".strip(),
        "where": "",
        "priority": rendering.text(request, "Ưu tiên") if ticket.priority else "",
        "patient_name": name,
        "patient_birth": birth,
        "at": formats.moment(ticket.joined_at),
        "ahead": rendering.text(request, "Còn {count} người trước bạn", count=position.ahead)
        if position.ahead
        else rendering.text(request, "Bạn là người tiếp theo"),
        "wait": rendering.text(request, "Khoảng {low}–{high} phút nữa", **minutes),
        "next_steps": [rendering.text(request, "Ngồi chờ gọi số ở phòng ghi trên phiếu")],
        "note": rendering.text(request, "Quét mã để xem còn bao nhiêu người trước bạn"),
        "qr": f"{request.url.scheme}://{request.url.netloc}/so/{ticket.secret}",
    }


ROUTES = (Route("/registration/tickets/{id}", show), Route("/registration/tickets/{id}/paper", show_paper))
