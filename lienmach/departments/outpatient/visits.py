"""Pages of the noun "visits": the work list of the room where I sit today, and the next person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, drafts, facility, late_results, queue, visit_list, visits
from lienmach.care.facility import Room
from lienmach.departments.outpatient import note_drafts, refusals
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats as vietnam
from lienmach.web import rendering, shell
from lienmach.web.pages import page

TITLES = {
    "called": "Đã gọi",
    "in-progress": "Đang khám",
    "results": "Đã có kết quả",
    "waiting": "Đang chờ",
    "done": "Đã xong",
    "cancelled": "Đã huỷ",
}
_TAGS = {"called": "blue", "in-progress": "blue", "results": "good", "cancelled": "bad"}
_DAYS_BACK_MAX = 31
_DONE_SHOWN = 10  # of those who are done, in the list of all: the newest; the others are a click away


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits?day=&state= — the work list; with htmx the block `work`, which asks again by itself."""
    back = request.query_params.get("day", "")
    state = request.query_params.get("state", "")
    async with request.app.state.store.begin(actor) as tx:
        room = await facility.workplace(tx)
        if room is None or room.kind != "exam":
            return await _rooms(tx, request)
        tx.access.note("search-type", query="/outpatient/visits")
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        on = today - timedelta(days=_days_back(back))
        most = _DONE_SHOWN if state != "done" else visit_list.COUNT_MAX
        work = await visit_list.of_room(tx, room_id=room.id, on=on, done_most=most)
        groups = {one.code: one.name for one in await catalogues.all_of(tx, "priority-group", on=today)}
        kept = await drafts.keys_of(tx, note_drafts.FORM)
        listed = [one for one in work.items if state in ("", one.state)]
        return rendering.render(
            request,
            "outpatient/visits.html",
            block="work" if rendering.is_fragment(request) else "",
            room=room,
            on=on,
            is_today=on == today,
            days_back=_days_back(back),
            counts=work.counts,
            total=sum(work.counts.values()),
            state=state if state in TITLES else "",
            lines=[_line(tx, request, one, kept) for one in listed],
            hidden=0 if state else sum(work.counts.values()) - len(listed),
            titles=TITLES,
            tags=_TAGS,
            groups=groups,
            late=await late_results.waiting(tx) if on == today and not state else [],
            may_call=roles.may(actor, "queue.call") and roles.may(actor, "visits.sign"),
        )


@page("visits.read")
async def rooms(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/rooms — choose the room where I sit today."""
    async with request.app.state.store.begin(actor) as tx:
        return await _rooms(tx, request)


@page("visits.read")
@refusals.spoken
async def choose_room(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/rooms — remember the room; the work list follows."""
    chosen = str((await request.form()).get("room", ""))[:64]

    async def work(tx: Transaction) -> None:
        try:
            room = await facility.room(tx, chosen)
        except (errors.NotFound, errors.Gone, errors.Invalid):
            raise errors.Unprocessable("Hãy chọn một phòng khám trong danh sách.") from None
        if room.kind != "exam":
            raise errors.Unprocessable("Hãy chọn một phòng khám trong danh sách.")
        facility.set_workplace(tx, room.id)

    await request.app.state.store.run(actor, work)
    return RedirectResponse("/outpatient/visits", 303)


@page("visits.sign")
@refusals.spoken
async def call_next(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/next — call whose turn it is, and open their chart."""
    store = request.app.state.store

    async def call(tx: Transaction) -> queue.Ticket:
        room = await facility.workplace(tx)
        if room is None:
            raise errors.Conflict("Hãy chọn phòng khám của bạn trước.")
        return await queue.call_next(tx, room.id)

    try:
        ticket = await store.run(actor, call)
    except queue.NobodyWaits:
        return refusals.refuse(request, errors.Conflict("Không còn ai đang chờ ở phòng này."))
    if not ticket.encounter_id:
        return RedirectResponse("/outpatient/visits", 303)

    async def start(tx: Transaction) -> None:
        await visits.start(tx, ticket.encounter_id)

    await store.run(actor, start)
    return RedirectResponse(f"/outpatient/visits/{ticket.encounter_id}?started=1", 303)


@page("visits.sign")
@refusals.spoken
async def turn(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/turns — call a number again, or pass over one that did not come."""
    form = await request.form()
    ticket_id, verb = str(form.get("ticket", ""))[:64], str(form.get("verb", ""))

    async def work(tx: Transaction) -> None:
        if verb == "recall":
            await queue.recall(tx, ticket_id)
        elif verb == "skip":
            await queue.skip(tx, ticket_id)
        else:
            raise errors.Unprocessable("Chỉ gọi lại hoặc bỏ qua được một số thứ tự.")

    try:
        await request.app.state.store.run(actor, work)
    except errors.Conflict:
        return refusals.refuse(
            request, errors.Conflict("Số này vừa được người khác gọi hoặc đã xong; hãy xem lại danh sách.")
        )
    return RedirectResponse("/outpatient/visits", 303)


@page("visits.sign")
@refusals.spoken
async def see_result(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/results — I have looked at a result that came after its visit had ended."""
    task_id = str((await request.form()).get("task", ""))[:64]
    await request.app.state.store.run(actor, lambda tx: late_results.see(tx, task_id))
    return RedirectResponse("/outpatient/visits", 303)


async def _rooms(tx: Transaction, request: Request) -> Response:
    home = await facility.home(tx)
    found = await facility.rooms(tx, "exam", organization_id=home.organization_id)
    now: Room | None = await facility.workplace(tx)
    return rendering.render(request, "outpatient/visit_rooms.html", rooms=found, now=now, home=home)


def _line(tx: Transaction, request: Request, item: visit_list.WorkItem, kept: dict[str, Any]) -> dict[str, Any]:
    day = (item.arrived_at or tx.now).astimezone(tx.tenant.time_zone).date()
    waits = item.state in ("waiting", "called") and item.arrived_at is not None
    return {
        "item": item,
        "url": f"/outpatient/visits/{item.encounter_id}",
        "age": vietnam.write_age(item.birth, day, en=shell.language_of(request) == "en") if item.birth else "",
        "sex": {"male": "Nam", "female": "Nữ"}.get(item.sex, "Chưa rõ"),
        "minutes": int((tx.now - item.arrived_at).total_seconds() // 60) if waits and item.arrived_at else None,
        "draft_at": kept.get(item.encounter_id),
        "is_mine": item.doctor == (tx.actor.display or tx.actor.user),
    }


def _days_back(text: str) -> int:
    return min(int(text), _DAYS_BACK_MAX) if text.isascii() and text.isdecimal() and len(text) < 4 else 0


ROUTES = (
    Route("/outpatient/visits", show),
    Route("/outpatient/visits/rooms", rooms),
    Route("/outpatient/visits/rooms", choose_room, methods=["POST"]),
    Route("/outpatient/visits/next", call_next, methods=["POST"]),
    Route("/outpatient/visits/turns", turn, methods=["POST"]),
    Route("/outpatient/visits/results", see_result, methods=["POST"]),
)
