"""Cookie -> session -> actor, and the proof that a POST was meant (CSRF).

The CSRF proof of a session is masked anew on each page, so that a compressed page does not give it away.
Before sign-in the proof is a second, short cookie (double submit). Either way the browser's own word
about the origin of the request must not speak against it.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from lienmach.base import clock
from lienmach.base.errors import Refused, Unauthenticated
from lienmach.identity import citizen_sessions, sessions
from lienmach.identity.sessions import Session

FIELD = "csrf"
HEADER = "x-csrf-token"
_SECRET_BYTES = 32


class Locked(Unauthenticated):
    """The session is there but locked: the password is asked again."""


def cookie_name(request: Request, plain: str) -> str:
    """The name under which a cookie travels."""
    # `__Host-` cookies need TLS; plain HTTP exists on loopback only.
    return f"__Host-{plain}" if request.url.scheme == "https" else plain


def address_of(request: Request) -> str:
    """Network address of the client."""
    return request.client.host if request.client else ""


async def find(request: Request) -> Session | None:
    """The living session of this request, looked up once."""
    state: dict[str, Any] = request.scope.setdefault("lienmach", {})
    if "session" not in state:
        cookie = request.cookies.get(cookie_name(request, "lienmach"), "")
        state["session"] = (await sessions.find(request.app.state.store.pool, cookie, clock.now())) if cookie else None
    return state["session"]


def found(request: Request) -> Session | None:
    """The session that `find` looked up before, for the frame around a page."""
    return request.scope.get("lienmach", {}).get("session")


async def require(request: Request) -> Session:
    """The session, or Unauthenticated (Locked if it waits for the password)."""
    session = await find(request)
    if session is None:
        raise Unauthenticated("sign in first")
    if session.is_locked:
        raise Locked("the session is locked")
    return session


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    """Hand the session to the browser: for this browser run, out of reach of scripts and of other sites."""
    response.set_cookie(
        cookie_name(request, "lienmach"),
        cookie,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def delete_cookie(request: Request, response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(
        cookie_name(request, "lienmach"), path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


# -- CSRF ----------------------------------------------------------------------------------------------------------


def proof(session: Session | citizen_sessions.Session) -> str:
    """A fresh masked proof for the forms of one page."""
    mask = secrets.token_bytes(_SECRET_BYTES)
    return base64.urlsafe_b64encode(mask + _xor(mask, session.csrf)).decode()


async def check_proof(request: Request, session: Session | citizen_sessions.Session) -> None:
    """Raise Refused unless a changing request carries the proof of this session, by header or form field."""
    check_origin(request)
    given = request.headers.get(HEADER) or str((await request.form()).get(FIELD, ""))
    try:
        raw = base64.urlsafe_b64decode(given.encode())
    except ValueError:
        raw = b""
    if len(raw) != 2 * _SECRET_BYTES or not hmac.compare_digest(
        _xor(raw[:_SECRET_BYTES], raw[_SECRET_BYTES:]), session.csrf
    ):
        raise Refused("the page is too old or the request came from elsewhere; load the page again")


def entry_proof(request: Request) -> str:
    """The proof for a form before sign-in: the one in the cookie, or a new one."""
    given = request.cookies.get(cookie_name(request, "lienmach-entry"), "")
    return given if len(given) == 43 and given.isascii() else secrets.token_urlsafe(32)


def set_entry_cookie(request: Request, response: Response, value: str) -> None:
    """Set the second half of the entry proof."""
    response.set_cookie(
        cookie_name(request, "lienmach-entry"),
        value,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


async def check_entry_proof(request: Request) -> None:
    """Raise Refused unless the form before sign-in carries what its cookie carries."""
    check_origin(request)
    cookie = request.cookies.get(cookie_name(request, "lienmach-entry"), "")
    given = str((await request.form()).get(FIELD, ""))
    if not cookie or not hmac.compare_digest(cookie.encode(), given.encode()):
        raise Refused("the page is too old or the request came from elsewhere; load the page again")


def check_origin(request: Request) -> None:
    """Raise Refused if the browser says that the request comes from another site."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused("the request came from another site")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused("the request came from another site")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
