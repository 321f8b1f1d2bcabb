"""Request -> page or fragment; errors -> page or fragment; and the app of all pages.

A page is `async (request, actor) -> Response` under `@page(right)`. It opens its own unit of work and
renders inside it, so that the audit rows are committed before the answer leaves:

    @page("patients.read")
    async def show(request, actor):
        async with request.app.state.store.begin(actor) as tx:
            ...
            return rendering.render(request, "registration/patient.html", ...)
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.identity import roles
from lienmach.record import failures as record_failures
from lienmach.web import entry, failures, home, own_sessions, rendering, sessions
from lienmach.web.department import Department
from lienmach.web.headers import FORM_LIMIT, SecurityHeaders

_log = logging.getLogger("lienmach.web")
Page = Callable[[Request, Actor], Awaitable[Response]]


def page(right: str, *, form_bytes_max: int = 0) -> Callable[[Page], Callable[[Request], Awaitable[Response]]]:
    """Open a page to those who are signed in and have this right; a changing request must prove that it was meant.

    form_bytes_max: how large a form they may send, where the usual limit (web/headers.py) is too small for a file.
    """
    if right not in roles.RIGHTS:
        raise ValueError(f"no right named {right}")

    def wrap(show: Page) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(show)
        async def guarded(request: Request) -> Response:
            session = await sessions.require(request)
            actor = session.actor(sessions.address_of(request))
            if form_bytes_max and roles.may(actor, right):
                request.scope[FORM_LIMIT] = form_bytes_max
            if request.method not in ("GET", "HEAD"):
                await sessions.check_proof(request, session)
            if session.must_change:
                return RedirectResponse("/password", 303)
            roles.check(actor, right)
            return await show(request, actor)

        guarded.right = right  # type: ignore[attr-defined]  # read by the who-may table
        return guarded

    return wrap


def public(right: str, *, is_signed: bool = False) -> Callable[[Page], Callable[[Request], Awaitable[Response]]]:
    """Open a page to everybody, without signing in: its actor is a visitor of the first tenant.

    A changing request carries the entry proof: `sessions.entry_proof`, set as a cookie by the page with the form.
    is_signed: it comes from a machine and carries a signature of its own, which the page checks before anything else.
    """
    if right not in roles.ROLES[roles.VISITOR].rights:
        raise ValueError(f"a visitor has no right {right}")

    def wrap(show: Page) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(show)
        async def guarded(request: Request) -> Response:
            if request.method not in ("GET", "HEAD") and not is_signed:
                await sessions.check_entry_proof(request)
            return await show(request, visitor(request))

        guarded.right, guarded.is_public, guarded.is_signed = right, True, is_signed  # type: ignore[attr-defined]
        return guarded

    return wrap


def own(right: str) -> Callable[[Page], Callable[[Request], Awaitable[Response]]]:
    """Open a page to a citizen who has signed in to their own record (web/own_sessions.py), and to nobody else.

    Its actor sees what is about this one person. A changing request carries the proof of the session.
    """
    if right not in roles.ROLES[roles.CITIZEN].rights:
        raise ValueError(f"a citizen has no right {right}")

    def wrap(show: Page) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(show)
        async def guarded(request: Request) -> Response:
            session = await own_sessions.require(request)
            if request.method not in ("GET", "HEAD"):
                await sessions.check_proof(request, session)
            return await show(request, session.actor(sessions.address_of(request)))

        guarded.right = right  # type: ignore[attr-defined]  # read by the who-may table
        return guarded

    return wrap


def visitor(request: Request) -> Actor:
    """Whoever has not signed in."""
    tenant = min(request.app.state.store.tenants, default=1)
    return Actor(
        tenant, roles.VISITOR, frozenset({roles.VISITOR}), "PATADMIN", "Khách", "", sessions.address_of(request)
    )


def routes(departments: Sequence[Department], renderer: rendering.Renderer) -> list[Route]:
    """All routes of the pages: the entry, the first page, static files, and each department's."""
    return [
        Route("/", page("home")(home.show), name="home"),
        *entry.ROUTES,
        renderer.static.route(),
        *(route for department in departments for route in department.routes),
    ]


def build(departments: Sequence[Department], *, store: Any, settings: Any) -> ASGIApp:
    """The app of all pages. store: an open record.transaction.Store; settings: base.settings.Settings."""
    renderer = rendering.Renderer.build(departments)
    app = Starlette(
        routes=routes(departments, renderer),
        exception_handlers={
            errors.Failure: _on_failure,
            HTTPException: _on_http,
            ClientDisconnect: _on_gone,
            500: _on_bug,
            **dict.fromkeys(record_failures.KINDS, _on_database),
        },
    )
    app.router.redirect_slashes = False  # a wrong address is said, not guessed
    app.state.store, app.state.settings, app.state.renderer = store, settings, renderer
    return SecurityHeaders(app)


async def _on_failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.Failure)
    if isinstance(error, own_sessions.Outside):
        return RedirectResponse(own_sessions.ENTRY, 303)
    if isinstance(error, errors.Unauthenticated):
        return _to_entry(request, "/unlock" if isinstance(error, sessions.Locked) else "/sign-in")
    return await _message(request, failures.of(error))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    by_status = {404: errors.NotFound, 405: errors.NotAllowed}
    return await _message(request, failures.of(by_status.get(error.status_code, errors.Invalid)()))


async def _on_gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it: a newer keystroke took the place of this one


async def _on_database(request: Request, error: Exception) -> Response:
    failure = record_failures.failure_of(error)
    return await _on_bug(request, error) if failure is None else await _message(request, failures.of(failure))


async def _on_bug(request: Request, error: Exception) -> Response:
    _log.error("page failed: %s %s: %s", request.method, _route_of(request), type(error).__name__, exc_info=error)
    return await _message(request, failures.BUG)


def _route_of(request: Request) -> str:
    # The path itself may name a patient; the log gets the pattern only.
    return getattr(request.scope.get("route"), "path", "?")


def _to_entry(request: Request, path: str) -> Response:
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if rendering.is_fragment(request) or request.method != "GET":
        back = request.headers.get("hx-current-url", "/")
        back = "/" + back.split("/", 3)[3] if back.count("/") > 2 else "/"
    target = f"{path}?{urlencode({'next': back}, quote_via=quote)}" if back != "/" else path
    if rendering.is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)


async def _message(request: Request, failure: failures.Sentence) -> Response:
    if failure.status < 500:  # the frame shows who is here; when something is broken, it asks for nothing more
        await sessions.find(request)
    return rendering.render(
        request,
        "web/message.html",
        block="body" if rendering.is_fragment(request) else "",
        status=failure.status,
        headers=failure.headers,
        failure=failure,
    )
