"""The session that an unlocked signing key belongs to: what care/signing asks for beside the PIN."""

from __future__ import annotations

from starlette.requests import Request

from lienmach.web import sessions


def key_of(request: Request) -> bytes:
    """The session key of this request; empty when nobody is signed in."""
    session = sessions.found(request)
    return session.cookie.encode() if session else b""
