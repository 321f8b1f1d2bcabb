"""Sign in to one's own record, on a phone: phone number and birth date, then the code that came by message.

    /cua-toi         who: the same answer whether there is a record or not
    /cua-toi/ma      the code, in the browser that asked for it
    /cua-toi/chon    whose record, where a phone and a birth date fit several people (twins)
    /cua-toi/ra      out

Nothing that was typed stands in an address.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.care import outbox, resources
from lienmach.departments.citizen import codes
from lienmach.identity import citizen_sessions
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats, names
from lienmach.web import forms, own_sessions, rendering, sessions
from lienmach.web.pages import own, public

_CODE_PATH, _CHOICE_PATH, _HOME = "/cua-toi/ma", "/cua-toi/chon", "/citizen/home"
_FIELD_CHARACTERS_MAX = 60
_NO_PHONE = "Số điện thoại cần 10 chữ số, ví dụ 0912 345 678."
_NO_BIRTH = "Ghi ngày sinh như trên giấy tờ, ví dụ 01/02/1958."
_TOO_OFTEN = "Đã xin mã nhiều lần. Vui lòng đợi {minutes} phút rồi thử lại, hoặc hỏi quầy tiếp đón."
_WRONG = "Mã chưa đúng. Xem lại tin nhắn mới nhất rồi nhập lại 6 chữ số."
_OVER = "Mã này không dùng được nữa. Hãy xin mã mới."
_NO_MESSAGES = "Cơ sở chưa gửi được tin nhắn nên chưa xem hồ sơ ở đây được. Mời hỏi quầy tiếp đón."


@public("own.sign-in")
async def show(request: Request, actor: Actor) -> Response:
    """GET /cua-toi — the form; who is in already goes on."""
    if await own_sessions.find(request) is not None:
        return RedirectResponse(_HOME, 303)
    return _entry(request, fault="" if _sends(request) else _NO_MESSAGES)


@public("own.sign-in")
async def ask(request: Request, actor: Actor) -> Response:
    """POST /cua-toi — phone and birth date; a code is on its way if they fit a record, and the page never says so."""
    form = await request.form()
    typed: dict[str, Any] = {name: str(form.get(name, ""))[:_FIELD_CHARACTERS_MAX] for name in ("phone", "birth")}
    phone = formats.compact_phone(typed["phone"])
    born = forms.read_date(typed["birth"], clock.now())
    faults = {
        **({} if phone else {"phone": _NO_PHONE}),
        **({} if born.fhir and not born.fault else {"birth": _NO_BIRTH}),
    }
    if not _sends(request):
        return _entry(request, fault=_NO_MESSAGES, status=503, **typed)
    if faults:
        return _entry(request, faults=faults, status=400, **typed)
    store, now = request.app.state.store, clock.now()
    before = own_sessions.cookie_of(request, own_sessions.ASKED)
    try:
        cookie = await citizen_sessions.ask(
            store.pool, actor.tenant, phone=phone, birth=born.fhir, address=actor.address, now=now
        )
    except errors.TooMany as failure:
        minutes = -(-failure.seconds // 60)
        headers = {"Retry-After": str(failure.seconds)}
        return _entry(request, fault=_TOO_OFTEN, values={"minutes": minutes}, status=429, headers=headers, **typed)
    if before:
        await citizen_sessions.forget(store.pool, actor.tenant, before, now)
    store.poke()
    response = RedirectResponse(_CODE_PATH, 303)
    own_sessions.set_cookie(request, response, own_sessions.ASKED, cookie)
    return response


@public("own.sign-in")
async def show_code(request: Request, actor: Actor) -> Response:
    """GET /cua-toi/ma — the form for the code, for a browser that has asked for one."""
    if not own_sessions.cookie_of(request, own_sessions.ASKED):
        return RedirectResponse(own_sessions.ENTRY, 303)
    return _page(request, "citizen/code.html")


@public("own.sign-in")
async def prove(request: Request, actor: Actor) -> Response:
    """POST /cua-toi/ma — the code; right, it opens the record, or the choice between several."""
    pool, cookie = request.app.state.store.pool, own_sessions.cookie_of(request, own_sessions.ASKED)
    code = str((await request.form()).get("code", ""))[:_FIELD_CHARACTERS_MAX]
    try:
        found = await citizen_sessions.check_code(pool, actor.tenant, cookie, code, clock.now())
    except citizen_sessions.CodeOver:
        return _page(request, "citizen/code.html", fault=_OVER, is_over=True, status=401)
    except errors.Unauthenticated:
        return _page(request, "citizen/code.html", fault=_WRONG, status=401)
    if len(found.patients) > 1:
        return RedirectResponse(_CHOICE_PATH, 303)
    return await _open(request, actor, found, found.patients[0])


@public("own.sign-in")
async def show_choice(request: Request, actor: Actor) -> Response:
    """GET /cua-toi/chon — the given names of the people whom the proven code opens."""
    found = await _proven(request, actor)
    if found is None:
        return RedirectResponse(own_sessions.ENTRY, 303)
    known = await _people(request, actor, found)
    given = [names.parts(names.shown(known.get(one, {}))).given for one in found.patients]
    return _page(request, "citizen/choice.html", given=given)


@public("own.sign-in")
async def choose(request: Request, actor: Actor) -> Response:
    """POST /cua-toi/chon — `person`, the place in the list."""
    found = await _proven(request, actor)
    place = forms.read_count(str((await request.form()).get("person", "")), most=len(found.patients) if found else 0)
    if found is None or not place:
        return RedirectResponse(_CHOICE_PATH if found else own_sessions.ENTRY, 303)
    return await _open(request, actor, found, found.patients[place - 1])


@own("own.read")
async def leave(request: Request, actor: Actor) -> Response:
    """POST /cua-toi/ra — the session ends on the server, not only in the browser."""
    await citizen_sessions.close(request.app.state.store.pool, await own_sessions.require(request))
    response = RedirectResponse(own_sessions.ENTRY, 303)
    own_sessions.delete_cookie(request, response, own_sessions.IN)
    return response


async def _open(request: Request, actor: Actor, found: citizen_sessions.Proven, patient_id: str) -> Response:
    """A new session, always under a new secret; the old one of this browser ends."""
    pool, now = request.app.state.store.pool, clock.now()
    known = await _people(request, actor, citizen_sessions.Proven(found.cookie, (patient_id,)))
    old = await own_sessions.find(request)
    try:
        if patient_id not in known:  # it was deleted meanwhile
            raise citizen_sessions.CodeOver("this record is gone")
        cookie = await citizen_sessions.open_session(
            pool, actor.tenant, found, patient_id, names.shown(known[patient_id]), now
        )
    except citizen_sessions.CodeOver:
        return _page(request, "citizen/code.html", fault=_OVER, is_over=True, status=401)
    if old is not None:
        await citizen_sessions.close(pool, old)
    response = RedirectResponse(_HOME, 303)
    own_sessions.set_cookie(request, response, own_sessions.IN, cookie)
    own_sessions.delete_cookie(request, response, own_sessions.ASKED)
    return response


async def _proven(request: Request, actor: Actor) -> citizen_sessions.Proven | None:
    cookie = own_sessions.cookie_of(request, own_sessions.ASKED)
    return await citizen_sessions.proven(request.app.state.store.pool, actor.tenant, cookie, clock.now())


async def _people(request: Request, actor: Actor, found: citizen_sessions.Proven) -> dict[str, Any]:
    """The people of a proven request by id. Nobody is in yet, so the house itself reads them, and is audited."""
    house = Actor(actor.tenant, "system", frozenset({"system"}), "HOPERAT", "/cua-toi", address=actor.address)
    async with request.app.state.store.begin(house) as tx:
        return await _read(tx, found.patients)


async def _read(tx: Transaction, patient_ids: tuple[str, ...]) -> dict[str, Any]:
    tx.access.note("search-type", query=own_sessions.ENTRY)
    return await resources.read_many(tx, "Patient", patient_ids)


def _sends(request: Request) -> bool:
    return outbox.is_connected(request.app.state.store.limits, codes.CHANNEL)


def _entry(
    request: Request, *, fault: str = "", faults: dict[str, str] | None = None, phone: str = "", birth: str = "",
    **more: Any,
) -> Response:  # fmt: skip
    said = {name: rendering.text(request, text) for name, text in (faults or {}).items()}
    return _page(request, "citizen/sign_in.html", fault=fault, faults=said, phone=phone, birth=birth, **more)


def _page(
    request: Request, template: str, *, fault: str = "", values: dict[str, object] | None = None, status: int = 200,
    headers: dict[str, str] | None = None, **more: Any,
) -> Response:  # fmt: skip
    proof = sessions.entry_proof(request)
    said = rendering.text(request, fault, **(values or {})) if fault else ""
    more = {"is_over": False, **more}
    response = rendering.render(
        request, template, status=status, headers=headers, fault=said, proof=proof, person="", **more
    )
    sessions.set_entry_cookie(request, response, proof)
    return response


ROUTES = (
    Route("/cua-toi", show),
    Route("/cua-toi", ask, methods=["POST"]),
    Route("/cua-toi/ma", show_code),
    Route("/cua-toi/ma", prove, methods=["POST"]),
    Route("/cua-toi/chon", show_choice),
    Route("/cua-toi/chon", choose, methods=["POST"]),
    Route("/cua-toi/ra", leave, methods=["POST"]),
)
