"""One's own queue number on the phone: people ahead and a range of minutes, by the secret of the ticket."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import queue
from lienmach.web import rendering
from lienmach.web.pages import public


@public("booking.public")
async def show(request: Request, actor: Actor) -> Response:
    """GET /so/{secret} — where this number stands; with htmx's header only the block `state`."""
    async with request.app.state.store.begin(actor) as tx:
        found = await queue.ahead(tx, str(request.path_params["secret"])[:80])
        return rendering.render(
            request,
            "registration/number.html",
            block="state" if rendering.is_fragment(request) else "",
            position=found,
            ticket=found.ticket,
            now=tx.now,
        )


ROUTES = (Route("/so/{secret}", show),)
