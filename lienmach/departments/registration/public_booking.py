"""Book a visit without an account, on a phone: choose a specialty, a time, say who; the ticket with its QR.

    /dat-kham              one question after the other; a POST books and answers 201 with the ticket, 409 if too late
    /dat-kham/{secret}     the ticket: change, cancel, take a time that was offered

Works without JavaScript. What is chosen travels in the URL (specialty, day, slot), never who books.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import booking, booking_entry, booking_slots, resources, systems
from lienmach.care.booking import Booking, OpenSlot
from lienmach.departments.registration import qr_codes
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, sessions, shell
from lienmach.web.pages import public

DAYS = 14  # how far ahead people book
_LENGTH_MAX = 400
_TAKEN = "Giờ này vừa có người khác đặt. Giờ còn trống: {times}."
_NONE_LEFT = "Giờ này vừa có người khác đặt, và không còn giờ trống. Hãy chọn ngày khác hoặc vào danh sách chờ."


@public("booking.public")
async def ask(request: Request, actor: Actor) -> Response:
    """GET /dat-kham?specialty=&day=&slot= — the next question."""
    asked = {name: request.query_params.get(name, "")[:80] for name in ("specialty", "day", "slot", "wait")}
    async with request.app.state.store.begin(actor) as tx:
        chosen = await _slot(tx, asked["slot"]) if asked["slot"] else None
        return await _question(request, tx, asked, chosen)


@public("booking.public")
async def book(request: Request, actor: Actor) -> Response:
    """POST /dat-kham — books `slot`, or with `wait` (a day) joins the waiting list; 201 with the ticket."""
    form = await request.form()
    asked = {
        name: str(form.get(name, ""))[:_LENGTH_MAX] for name in ("specialty", "day", "slot", "wait", "name", "phone")
    }
    store = request.app.state.store
    faults = _faults(request, asked)
    if not faults:
        try:
            made = await store.run(actor, lambda tx: _book(tx, asked))
        except errors.Conflict as late:
            return await _late(request, actor, asked, late)
        async with store.begin(actor) as tx:
            return _ticket(request, tx, await booking.find(tx, made.secret), status=201)
    async with store.begin(actor) as tx:
        chosen = await _slot(tx, asked["slot"]) if asked["slot"] else None
        return await _question(request, tx, asked, chosen, status=422, faults=faults)


@public("booking.public")
async def show(request: Request, actor: Actor) -> Response:
    """GET /dat-kham/{secret}?day= — the ticket; with a day, the times to change to."""
    async with request.app.state.store.begin(actor) as tx:
        one = await booking.find(tx, str(request.path_params["secret"])[:80])
        day = _day(request.query_params.get("day", ""))
        times = await booking.open_slots(tx, specialty=one.specialty, day=day) if day else []
        return _ticket(request, tx, one, day=day, times=times)


@public("booking.public")
async def change(request: Request, actor: Actor) -> Response:
    """POST /dat-kham/{secret} — `action` cancel, change (with `slot`) or accept; back to the ticket."""
    form = await request.form()
    secret = str(request.path_params["secret"])[:80]
    action, slot_id = str(form.get("action", "")), str(form.get("slot", ""))[:80]
    store = request.app.state.store

    async def work(tx: Transaction) -> None:
        if action == "cancel":
            await booking.cancel(tx, secret)
        elif action == "change":
            await booking.change(tx, secret, slot_id)
        elif action == "accept":
            await booking.accept(tx, secret)
        else:
            raise errors.Invalid("cancel, change or accept")

    try:
        await store.run(actor, work)
    except errors.Conflict as late:
        async with store.begin(actor) as tx:
            one = await booking.find(tx, secret)
            sentence, times = _sentence(request, tx, late)
            return _ticket(request, tx, one, times=times, sentence=sentence, status=409)
    return RedirectResponse(f"/dat-kham/{secret}", 303)


async def _book(tx: Transaction, asked: dict[str, str]) -> Booking:
    told = {"name": asked["name"], "phone": asked["phone"]}
    if asked["wait"]:
        day = _day(asked["wait"])
        specialty = next((one for one in await _specialties(tx) if one[0] == asked["specialty"]), None)
        if day is None or specialty is None:
            raise errors.Invalid("The waiting list needs a day and a specialty that can be booked.")
        return booking.of(await booking.ask(tx, specialty=specialty, day=day, **told))
    return booking.of(await booking.book(tx, asked["slot"], **told))


def _sentence(request: Request, tx: Transaction, late: errors.Conflict) -> tuple[str, list[OpenSlot]]:
    """What to say to who was too late, and the free times to offer."""
    if not isinstance(late, booking.SlotTaken):
        return rendering.sentence(request, late), []
    others = list(late.next_slots)
    if not others:
        return rendering.text(request, _NONE_LEFT), []
    times = ", ".join(f"{one.start_at.astimezone(tx.tenant.time_zone):%H:%M %d/%m}" for one in others)
    return rendering.text(request, _TAKEN, times=times), others


async def _late(request: Request, actor: Actor, asked: dict[str, str], late: errors.Conflict) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        sentence, others = _sentence(request, tx, late)
        return await _question(request, tx, asked, None, status=409, sentence=sentence, others=others)


async def _question(
    request: Request,
    tx: Transaction,
    asked: dict[str, str],
    chosen: OpenSlot | None,
    *,
    status: int = 200,
    sentence: str = "",
    others: list[OpenSlot] | None = None,
    faults: dict[str, str] | None = None,
) -> Response:
    specialties = await _specialties(tx)
    code = chosen.specialty if chosen else asked["specialty"]
    first = tx.now.astimezone(tx.tenant.time_zone).date()
    day, times, free_days = _day(asked["day"]), [], []
    if code and not chosen and not others and not asked["wait"]:
        open_times = await booking.open_slots(tx, specialty=code, day=first, days=DAYS, limit=1000)
        free_days = sorted({one.start_at.astimezone(tx.tenant.time_zone).date() for one in open_times})
        day = day or (free_days[0] if free_days else first)
        times = [one for one in open_times if one.start_at.astimezone(tx.tenant.time_zone).date() == day]
    proof = sessions.entry_proof(request)
    answer = rendering.render(
        request,
        "registration/booking.html",
        status=status,
        proof=proof,
        asked={"name": "", "phone": "", **asked, "specialty": code},
        specialty=next((name for own, name in specialties if own == code), ""),
        specialties=specialties,
        day=day,
        wait_day=_day(asked["wait"]),
        days=[first + timedelta(days=count) for count in range(DAYS)],
        free_days=set(free_days),
        times=times,
        chosen=chosen,
        others=others or [],
        sentence=sentence,
        faults=faults or {},
    )
    sessions.set_entry_cookie(request, answer, proof)
    return answer


def _ticket(
    request: Request,
    tx: Transaction,
    one: Booking,
    *,
    day: date | None = None,
    times: list[OpenSlot] | None = None,
    sentence: str = "",
    status: int = 200,
) -> Response:
    proof = sessions.entry_proof(request)
    first = tx.now.astimezone(tx.tenant.time_zone).date()
    link = f"{request.url.scheme}://{request.url.netloc}/dat-kham/{one.secret}"
    answer = rendering.render(
        request,
        "registration/booking_ticket.html",
        status=status,
        proof=proof,
        one=one,
        is_open=one.status in ("booked", "proposed", "waitlist"),
        qr=qr_codes.svg(link),
        link=link,
        day=day,
        days=[first + timedelta(days=count) for count in range(DAYS)],
        times=times or [],
        sentence=sentence,
    )
    sessions.set_entry_cookie(request, answer, proof)
    return answer


async def _specialties(tx: Transaction) -> list[tuple[str, str]]:
    """(code, name) of what can be booked, by name."""
    found = {}
    for one in await booking.schedules(tx):
        for concept in one.get("specialty", ()):
            code = resources.code_of(concept, systems.SPECIALTY)
            if code:
                found[code] = concept.get("text") or code
    return sorted(found.items(), key=lambda pair: pair[1])


async def _slot(tx: Transaction, slot_id: str) -> OpenSlot | None:
    """The slot that was chosen, with its names; None if there is none of this id."""
    try:
        slot = await resources.read(tx, "Slot", slot_id)
        own = await resources.read(tx, "Schedule", resources.id_of(slot.get("schedule"), "Schedule"))
    except (errors.NotFound, errors.Gone):
        return None
    return booking_slots.opened(slot, own)


def _faults(request: Request, asked: dict[str, str]) -> dict[str, str]:
    is_vietnamese = shell.language_of(request) == "vi"
    found: dict[str, str] = {}
    for remark in booking_entry.check(asked["name"], asked["phone"]):
        found.setdefault(remark.code, remark.vi if is_vietnamese else remark.en)
    return found


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        return None


ROUTES = (
    Route("/dat-kham", ask),
    Route("/dat-kham", book, methods=["POST"]),
    Route("/dat-kham/{secret}", show),
    Route("/dat-kham/{secret}", change, methods=["POST"]),
)
