"""Pages of the noun "bookings": the bookings of a day, the waiting list, and the hours that can be booked."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import booking, booking_slots, catalogues, facility, queue, resources
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

_DAYS_MAX = 62
_YEAR_MAX = 2999  # what is planned for later is a slip of the finger
_HOURS_BAD = "Giờ khám chưa đúng. Viết như 07:30-11:30 13:30-16:30."
_PLAN_BAD = "Số phút một lượt từ 5 đến 120, số chỗ cùng giờ từ 1 đến 20, và chọn ít nhất một ngày trong tuần."
_ROOM_BAD = "Phòng này chưa ghi chuyên khoa nên chưa mở đặt lịch được."


@page("bookings.manage")
async def index(request: Request, actor: Actor) -> Response:
    """GET /registration/bookings?day= — who comes that day, who waits for a place, which hours are open."""
    return await _page(request, actor)


@page("bookings.manage")
async def change(request: Request, actor: Actor) -> Response:
    """POST /registration/bookings — `action` cancel, miss (of `appointment`), make (slots `from`, `days`), plan (of a room)."""
    form = await request.form()
    action, key = str(form.get("action", "")), str(form.get("appointment", ""))[:64]
    day = _day(str(form.get("day", "")))

    async def work(tx: Transaction) -> None:
        if action == "cancel":
            await booking.cancel_appointment(tx, key, rendering.text(request, "Huỷ tại quầy tiếp đón"))
        elif action == "miss":
            await booking.miss(tx, key)
        elif action == "plan":
            await _plan(tx, form)
        else:
            raise errors.Invalid("cancel, miss, make or plan")

    try:
        if action == "make":
            await _make(request, actor, form)
        else:
            await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as refusal:
        return await _page(request, actor, day=day, sentence=refusal.text, status=refusal.status)
    return RedirectResponse(f"/registration/bookings?day={day}" if day else "/registration/bookings", 303)


async def _make(request: Request, actor: Actor, form: FormData) -> None:
    """Slots of all schedules for some days, a unit for each schedule and day, so that none waits for all."""
    store = request.app.state.store
    first, days = _day(str(form.get("from", ""))), forms.read_count(str(form.get("days", "")), most=_DAYS_MAX)
    if first is None or not days or first.year > _YEAR_MAX:
        raise errors.Unprocessable("Hãy chọn ngày bắt đầu và số ngày từ 1 đến 62.")
    async with store.begin(actor) as tx:
        plans = await booking.schedules(tx)
        today = queue.today(tx)
    for one in plans:
        for count in range(days):
            day = first + timedelta(days=count)
            if day >= today:
                await store.run(actor, lambda tx, one=one, day=day: booking.make_slots(tx, one, day))


async def _plan(tx: Transaction, form: FormData) -> None:
    """A Schedule for a room of a specialty."""
    room = await facility.room(tx, str(form.get("room", ""))[:64])
    if not room.specialty:
        raise errors.Unprocessable(_ROOM_BAD)
    try:
        pairs = [pair.split("-") for pair in str(form.get("hours", "")).split()]
        hours = tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in pairs)
    except ValueError:
        hours = ()
    if not hours or any(a.tzinfo or b.tzinfo or a >= b for a, b in hours):
        raise errors.Unprocessable(_HOURS_BAD)
    minutes = forms.read_count(str(form.get("minutes", "")), most=120)
    places = forms.read_count(str(form.get("places", "")), most=20)
    weekdays = tuple(sorted(int(str(one)) for one in form.getlist("weekday") if str(one) in set("1234567")))
    if not minutes or minutes < 5 or not places or not weekdays:
        raise errors.Unprocessable(_PLAN_BAD)
    row = await catalogues.get(tx, "specialty", room.specialty, on=queue.today(tx))
    reference = {"reference": f"Location/{room.id}", "display": f"{room.code} {room.name}".strip()}
    specialty = (room.specialty, row.name if row else room.specialty)
    plan = booking.Plan(weekdays, hours, minutes, places)
    await resources.create(tx, booking.schedule(specialty, room=reference, plan=plan))


async def _page(
    request: Request, actor: Actor, *, day: date | None = None, sentence: str = "", status: int = 200
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/registration/bookings")
        chosen = day or _day(request.query_params.get("day", "")) or queue.today(tx)
        plans = await booking.schedules(tx)
        rooms = await facility.rooms(tx, "exam")
        return rendering.render(
            request,
            "registration/bookings.html",
            status=status,
            day=chosen,
            today=queue.today(tx),
            before=chosen - timedelta(days=1),
            after=chosen + timedelta(days=1),
            bookings=await booking.of_day(
                tx, chosen, statuses=("booked", "proposed", "arrived", "fulfilled", "noshow")
            ),
            waiting=await booking.waiting_list(tx),
            plans=[_plan_line(one) for one in plans],
            free=len(await booking.open_slots(tx, day=chosen, limit=1000)),
            rooms=[one for one in rooms if one.specialty],
            can_arrive=roles.may(actor, "visits.arrive"),
            sentence=sentence,
        )


def _plan_line(one: dict[str, Any]) -> dict[str, Any]:
    plan = booking_slots.plan_of(one)
    return {
        "specialty": (one.get("specialty") or [{}])[0].get("text", ""),
        "who": " · ".join(actor.get("display", "") for actor in one.get("actor", ())),
        "hours": " ".join(f"{begin:%H:%M}–{end:%H:%M}" for begin, end in plan.hours),
        "weekdays": plan.weekdays,
        "minutes": plan.minutes,
        "places": plan.places,
    }


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        return None


ROUTES = (Route("/registration/bookings", index), Route("/registration/bookings", change, methods=["POST"]))
