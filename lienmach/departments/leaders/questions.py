"""Page of the noun "questions": what citizens ask about openings of their records, and how long until an answer is due."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import access_questions
from lienmach.web import rendering
from lienmach.web.pages import page


@page("questions.answer")
async def index(request: Request, actor: Actor) -> Response:
    """GET /leaders/questions — those that wait, oldest first, then the last fifty that were answered."""
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/leaders/questions")
        return rendering.render(
            request,
            "leaders/questions.html",
            waiting=await access_questions.waiting(tx),
            answered=await access_questions.answered(tx),
            hours=access_questions.HOURS,
            is_notice=False,
            now=tx.now,
        )


@page("questions.answer")
async def notice(request: Request, actor: Actor) -> Response:
    """GET /leaders/questions/notice — a strip while a question waits; empty else."""
    async with request.app.state.store.begin(actor) as tx:
        waiting = await access_questions.waiting(tx)
        tx.access.withdraw()  # the strip says how many and how long, every minute, and names nobody
        return rendering.render(
            request, "leaders/questions.html", block="notice", waiting=waiting, is_notice=True, now=tx.now
        )


ROUTES = (Route("/leaders/questions", index), Route("/leaders/questions/notice", notice))
