"""The entry: sign in, sign out, lock and unlock, set-up link, new password, language and letter size."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import clock
from lienmach.base.errors import Failure, NotFound, TooMany, Unauthenticated
from lienmach.identity import passwords, sign_in, users
from lienmach.identity import sessions as living
from lienmach.web import rendering, sessions, words

_WRONG = "Tên đăng nhập hoặc mật khẩu chưa đúng."
_WAIT = "Đăng nhập sai nhiều lần. Vui lòng đợi {seconds} giây rồi thử lại."
_DIFFERENT = "Hai lần nhập mật khẩu không giống nhau."


async def sign_in_page(request: Request) -> Response:
    """GET /sign-in — the form; who is already in goes on."""
    session = await sessions.find(request)
    if session is not None and not session.is_locked:
        return RedirectResponse(_next(request.query_params.get("next", "")), 303)
    return _form(request, "web/sign_in.html", next=request.query_params.get("next", ""), login="")


async def sign_in_post(request: Request) -> Response:
    """POST /sign-in — a new session, always under a new secret; the old one of this browser ends."""
    await sessions.check_entry_proof(request)
    form = await request.form()
    pool, login = request.app.state.store.pool, str(form.get("login", ""))
    try:
        account = await sign_in.verify(
            pool, login, str(form.get("password", "")), address=sessions.address_of(request), now=clock.now()
        )
    except (Unauthenticated, TooMany) as failure:
        return _form(request, "web/sign_in.html", failure=failure, next=str(form.get("next", "")), login=login)
    old = await sessions.find(request)
    if old is not None:
        await living.close(pool, old)
    response = RedirectResponse("/password" if account.must_change else _next(str(form.get("next", ""))), 303)
    sessions.set_cookie(request, response, await living.open_session(pool, account, clock.now()))
    return response


async def sign_out(request: Request) -> Response:
    """POST /sign-out — the session ends on the server, not only in the browser."""
    session = await sessions.find(request)
    if session is not None:
        await sessions.check_proof(request, session)
        await living.close(request.app.state.store.pool, session)
    response = RedirectResponse("/sign-in", 303)
    sessions.delete_cookie(request, response)
    return response


async def lock(request: Request) -> Response:
    """POST /lock — leave the desk without leaving the work."""
    session = await sessions.require(request)
    await sessions.check_proof(request, session)
    await living.set_locked(request.app.state.store.pool, session, True)
    form = await request.form()
    return RedirectResponse(f"/unlock?next={_next(str(form.get('next', '')))}", 303)


async def unlock_page(request: Request) -> Response:
    """GET /unlock — the password again."""
    session = await sessions.find(request)
    if session is None or not session.is_locked:
        return RedirectResponse("/sign-in" if session is None else "/", 303)
    return _form(request, "web/unlock.html", next=request.query_params.get("next", ""), name=session.display)


async def _old_password_failure(
    request: Request, session: living.Session, password: str
) -> Unauthenticated | TooMany | None:
    """Why this is not the password of the person who is here; guesses are counted like those of a sign-in."""
    try:
        await sign_in.verify(
            request.app.state.store.pool,
            f"{session.login}@{session.slug}",
            password,
            address=sessions.address_of(request),
            now=clock.now(),
        )
    except (Unauthenticated, TooMany) as failure:
        return failure
    return None


async def unlock_post(request: Request) -> Response:
    """POST /unlock — counted and locked out like a sign-in."""
    session = await sessions.find(request)
    if session is None:
        return RedirectResponse("/sign-in", 303)
    await sessions.check_entry_proof(request)
    form = await request.form()
    failure = await _old_password_failure(request, session, str(form.get("password", "")))
    if failure is not None:
        return _form(request, "web/unlock.html", failure=failure, next=str(form.get("next", "")), name=session.display)
    await living.set_locked(request.app.state.store.pool, session, False)
    return RedirectResponse(_next(str(form.get("next", ""))), 303)


async def setup_page(request: Request) -> Response:
    """GET /set-up/{secret} — choose the first password."""
    account = await users.of_setup_link(request.app.state.store.pool, request.path_params["secret"], clock.now())
    if account is None:
        raise NotFound("this link has been used or is too old")
    return _form(request, "web/password.html", login=account.login, name=account.display, action=request.url.path)


async def setup_post(request: Request) -> Response:
    """POST /set-up/{secret} — the link ends with its first use."""
    await sessions.check_entry_proof(request)
    pool, secret = request.app.state.store.pool, request.path_params["secret"]
    account = await users.of_setup_link(pool, secret, clock.now())
    if account is None:
        raise NotFound("this link has been used or is too old")
    form = await request.form()
    fault = _password_fault(form, account.login)
    if fault:
        return _form(
            request,
            "web/password.html",
            fault=fault,
            login=account.login,
            name=account.display,
            action=request.url.path,
        )
    await users.use_setup_link(pool, secret, str(form["password"]), clock.now())
    return RedirectResponse("/sign-in", 303)


async def password_page(request: Request) -> Response:
    """GET /password — choose another password."""
    session = await sessions.require(request)
    return _password_form(request, session)


def _password_form(request: Request, session: living.Session, **more: Any) -> Response:
    return _form(
        request,
        "web/password.html",
        login=session.login,
        name=session.display,
        action="/password",
        asks_old=True,
        **more,
    )


async def password_post(request: Request) -> Response:
    """POST /password — with the old one, counted like a sign-in; all sessions of the person end."""
    session = await sessions.require(request)
    await sessions.check_entry_proof(request)
    form = await request.form()
    fault = _password_fault(form, session.login)
    if fault:
        return _password_form(request, session, fault=fault)
    failure = await _old_password_failure(request, session, str(form.get("old", "")))
    if failure is not None:
        return _password_form(request, session, failure=failure)
    await users.set_password(request.app.state.store.pool, session.tenant, session.login, str(form["password"]))
    response = RedirectResponse("/sign-in", 303)
    sessions.delete_cookie(request, response)
    return response


async def preferences(request: Request) -> Response:
    """POST /preferences — language and letter size, for the person, or for the browser before sign-in."""
    session = await sessions.find(request)
    form = await request.form()
    language = str(form.get("language", "")) or (session.language if session else "vi")
    response = RedirectResponse(_next(str(form.get("next", ""))), 303)
    if language not in words.LANGUAGES:
        return response
    if session is None or session.is_locked:
        sessions.check_origin(request)
        response.set_cookie(
            "language", language, path="/", samesite="lax", httponly=True, secure=request.url.scheme == "https"
        )
        return response
    await sessions.check_proof(request, session)
    comfort = {"on": True, "off": False}.get(str(form.get("comfort", "")), session.comfort)
    await users.set_preferences(
        request.app.state.store.pool, session.tenant, session.login, comfort=comfort, language=language
    )
    return response


def _password_fault(form: object, login: str) -> str:
    first, second = str(form.get("password", "")), str(form.get("again", ""))  # type: ignore[attr-defined]
    return passwords.faults(first, login) or ("" if first == second else _DIFFERENT)


def _form(
    request: Request, template: str, *, failure: Failure | None = None, fault: str = "", **values: Any
) -> Response:
    status, headers = 200, {}
    if isinstance(failure, TooMany):
        status, headers = 429, {"Retry-After": str(failure.seconds)}
        fault = rendering.text(request, _WAIT, seconds=failure.seconds)
    elif failure is not None:
        status, fault = 401, rendering.text(request, _WRONG)
    elif fault:
        status, fault = 400, rendering.text(request, fault)
    proof = sessions.entry_proof(request)
    response = rendering.render(request, template, status=status, headers=headers, fault=fault, proof=proof, **values)
    sessions.set_entry_cookie(request, response, proof)
    return response


def _next(text: str) -> str:
    # Only a path of our own: "//host" and "/\host" lead away.
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_own else "/"


ROUTES = [
    Route("/sign-in", sign_in_page),
    Route("/sign-in", sign_in_post, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/lock", lock, methods=["POST"]),
    Route("/unlock", unlock_page),
    Route("/unlock", unlock_post, methods=["POST"]),
    Route("/set-up/{secret}", setup_page),
    Route("/set-up/{secret}", setup_post, methods=["POST"]),
    Route("/password", password_page),
    Route("/password", password_post, methods=["POST"]),
    Route("/preferences", preferences, methods=["POST"]),
]
