"""Pages of the noun "key": one's own signing key and its PIN."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.care import signing, signing_certificates, signing_keys
from lienmach.identity import sign_in
from lienmach.web import rendering, sessions
from lienmach.web.pages import page

_DIFFERENT = "Hai lần nhập PIN không giống nhau."
_PASSWORD = "Mật khẩu chưa đúng."
_WAIT = "Nhập sai nhiều lần. Vui lòng đợi {seconds} giây rồi thử lại."
_OLD_MISSING = "Nhập PIN đang dùng."


@page("signing.key")
async def show(request: Request, actor: Actor) -> Response:
    """GET /signing/key — the key that may sign, the former ones, and the forms for PIN and new key."""
    return await _show(request, actor)


@page("signing.key")
async def change(request: Request, actor: Actor) -> Response:
    """POST /signing/key — `step` create: a new key, with the password; change: another PIN, with the old one;
    lock: forget the unlocked key of this session."""
    form = await request.form()
    texts = {name: str(form.get(name, ""))[:200] for name in ("step", "password", "old", "pin", "again")}
    store = request.app.state.store
    if texts["step"] == "lock":
        await signing_keys.lock(store, actor, session_key=_cookie(request))
        return RedirectResponse("/signing/key", 303)
    fault = signing_certificates.pin_fault(texts["pin"]) or ("" if texts["pin"] == texts["again"] else _DIFFERENT)
    if fault:
        return await _show(request, actor, step=texts["step"], fault=rendering.text(request, fault))
    if texts["step"] == "change":
        return await _change(request, actor, texts)
    said = await _password_fault(request, texts["password"])
    if said:
        return await _show(request, actor, step="create", fault=said)
    await signing.set_pin(store, actor, texts["pin"])
    return RedirectResponse("/signing/key?done=create", 303)


async def _change(request: Request, actor: Actor, texts: dict[str, str]) -> Response:
    if not texts["old"]:
        return await _show(request, actor, step="change", fault=rendering.text(request, _OLD_MISSING))
    try:
        await signing.set_pin(request.app.state.store, actor, texts["pin"], old=texts["old"])
    except signing.SigningRefused as refused:
        fault = rendering.text(request, refused.key, **refused.values)
        return await _show(request, actor, step="change", fault=fault)
    return RedirectResponse("/signing/key?done=change", 303)


async def _password_fault(request: Request, password: str) -> str:
    """A sentence if this is not the password of the person who is here; guesses count like those of a sign-in."""
    session = await sessions.require(request)
    try:
        await sign_in.verify(
            request.app.state.store.pool,
            f"{session.login}@{session.slug}",
            password,
            address=sessions.address_of(request),
            now=clock.now(),
        )
    except errors.TooMany as many:
        return rendering.text(request, _WAIT, seconds=many.seconds)
    except errors.Unauthenticated:
        return rendering.text(request, _PASSWORD)
    return ""


async def _show(request: Request, actor: Actor, *, step: str = "", fault: str = "") -> Response:
    store = request.app.state.store
    state = await signing.state_of(store, actor, session_key=_cookie(request))
    kept = await signing_keys.of_person(store, actor.tenant, actor.user)
    return rendering.render(
        request,
        "signing/key.html",
        status=422 if fault else 200,
        state=state,
        keys=[_key(one) for one in kept],
        step=step,
        fault=fault,
        done=request.query_params.get("done", ""),
    )


def _key(known: signing_keys.KnownKey) -> dict[str, Any]:
    return {
        "short": known.key_id[:12],
        "issued_at": known.issued_at,
        "ends_at": signing_certificates.ends_at(known.certificate),
        "withdrawn_at": known.withdrawn_at,
    }


def _cookie(request: Request) -> bytes:
    session = sessions.found(request)
    return session.cookie.encode() if session else b""


ROUTES = (Route("/signing/key", show), Route("/signing/key", change, methods=["POST"]))
