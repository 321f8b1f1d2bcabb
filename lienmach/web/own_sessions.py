"""Cookie -> session of a citizen, beside the sessions of staff (sessions.py): another cookie, another table.

Two cookies: `lienmach-asked` of a browser that has asked for a code, and `lienmach-own` of one that is in.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lienmach.base import clock
from lienmach.base.errors import Unauthenticated
from lienmach.identity import citizen_sessions
from lienmach.identity.citizen_sessions import Session
from lienmach.web import sessions

IN, ASKED = "lienmach-own", "lienmach-asked"
ENTRY = "/cua-toi"


class Outside(Unauthenticated):
    """Nobody has signed in to their own record here, or the session is over."""


async def find(request: Request) -> Session | None:
    """The living session of this request, looked up once."""
    state: dict[str, Any] = request.scope.setdefault("lienmach", {})
    if "own" not in state:
        cookie = cookie_of(request, IN)
        state["own"] = (
            (await citizen_sessions.find(request.app.state.store.pool, cookie, clock.now())) if cookie else None
        )
    found: Session | None = state["own"]
    return found


async def require(request: Request) -> Session:
    """The session, or Outside."""
    session = await find(request)
    if session is None:
        raise Outside("sign in first")
    return session


def cookie_of(request: Request, name: str) -> str:
    """What the browser brings under this name, or ""."""
    return request.cookies.get(sessions.cookie_name(request, name), "")


def set_cookie(request: Request, response: Response, name: str, cookie: str) -> None:
    """Hand a secret to the browser: for this browser run, out of reach of scripts and of other sites."""
    response.set_cookie(
        sessions.cookie_name(request, name),
        cookie,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Take a secret from the browser."""
    response.delete_cookie(
        sessions.cookie_name(request, name),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
