"""The first page: the find box, and the work that the person's roles open."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from lienmach.base.actor import Actor
from lienmach.web import rendering


async def show(request: Request, actor: Actor) -> Response:
    """GET / — nothing of the record is read here."""
    return rendering.render(request, "web/home.html")
