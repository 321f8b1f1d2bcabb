"""Pages of the noun "day": the director's figures on a phone, the rows behind each tile, and the wish to count anew."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import disk
from lienmach.base.actor import Actor
from lienmach.base.jobs import JobRow
from lienmach.departments.leaders import charts, day_figures, day_rows, following
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("cockpit.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /leaders/day — the figures of today, how old they are, and thirty days; renews itself."""
    watched = disk.watch(request.app.state.settings, None).look()
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/leaders/day")
        cockpit = await day_figures.read(tx, disk=(watched.state, watched.free_mb))
        trend = cockpit.trend[-day_figures.TREND_DAYS :]
        return rendering.render(
            request,
            "leaders/day.html",
            block="live" if rendering.is_fragment(request) else "",
            cockpit=cockpit,
            trend=trend,
            bars=charts.bars([(f"{day:%d/%m}", sums.visits) for day, sums in trend]),
            now=tx.now,
        )


@page("cockpit.read")
async def rows(request: Request, actor: Actor) -> Response:
    """GET /leaders/day/{tile} — what the figure of a tile is made of."""
    tile = str(request.path_params["tile"])
    async with request.app.state.store.begin(actor) as tx:
        found = await day_rows.read(tx, tile)
        return rendering.render(
            request,
            "leaders/day_rows.html",
            title=day_rows.TILES[tile],
            rows=found,
            most=day_rows.ROWS_MAX,
            progress=await day_figures.progress(tx),
        )


@page("cockpit.read")
async def recount(request: Request, actor: Actor) -> Response:
    """POST /leaders/day/recount — count everything again from the record; the page goes on showing what it has."""

    async def work(tx: Transaction) -> None:
        tx.jobs.append(JobRow(following.REBUILD))

    await request.app.state.store.run(actor, work)
    return RedirectResponse("/leaders/day?recount=1", 303)


ROUTES = (
    Route("/leaders/day", index),
    Route("/leaders/day/recount", recount, methods=["POST"]),
    Route("/leaders/day/{tile}", rows),
)
