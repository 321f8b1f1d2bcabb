"""The board for the TV: who is called to which room. Everybody may see it, so it shows half a name and no reason.

It asks again every three seconds by its own small script, which an old television understands; without JavaScript
the page reloads itself. With `?tieng=1` the browser's own voice says the call.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import queue
from lienmach.web import rendering
from lienmach.web.pages import public

_LINES_MAX = 12


@public("booking.public")
async def show(request: Request, actor: Actor) -> Response:
    """GET /bang-goi?phong=P101,P102&tieng=1 — the board, of these rooms if named; with htmx's header its lines only."""
    wanted = {code.strip() for code in request.query_params.get("phong", "")[:200].split(",") if code.strip()}
    async with request.app.state.store.begin(actor) as tx:
        lines = [one for one in await queue.board(tx) if not wanted or one.place_code in wanted]
        return rendering.render(
            request,
            "registration/board.html",
            block="lines" if rendering.is_fragment(request) else "",
            lines=lines[:_LINES_MAX],
            now=tx.now,
            has_voice=request.query_params.get("tieng") == "1",
        )


ROUTES = (Route("/bang-goi", show),)
