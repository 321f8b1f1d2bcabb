"""Pages of the noun "cases": all cases that one may see, open one from a marked figure, and the doctor's notice of one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.departments.leaders import case_steps, day_figures, measures, prescribing
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

STATES = {"open": "Chờ bác sĩ giải trình", "heard": "Chờ kết luận", "decided": "Đã kết luận"}


@page("cases.answer")
async def index(request: Request, actor: Actor) -> Response:
    """GET /leaders/cases — for leaders and the pharmacy all of them, for a doctor those about themselves."""
    return await _index(request, actor)


@page("monitor.decide")
async def create(request: Request, actor: Actor) -> Response:
    """POST /leaders/cases — open one on `doctor`, `measure` and `days`, with `words`: what is to be made clear."""
    form = await request.form()
    doctor, measure, words = (str(form.get(name, "")).strip()[:5000] for name in ("doctor", "measure", "words"))
    days = prescribing.read_period(str(form.get("days", "")))

    async def work(tx: Transaction) -> str:
        to_on = day_figures.today_of(tx)
        name = measure if measure in measures.BY_NAME else measures.MEASURES[0].name
        monitor = await measures.read(tx, name, prescribing.first_day(to_on, days), to_on)
        return await case_steps.open_case(tx, monitor, doctor, words)

    try:
        case_id = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        return await _index(request, actor, fault=rendering.sentence(request, problem), status=problem.status)
    return RedirectResponse(f"/leaders/cases/{case_id}", 303)


@page("cases.answer")
async def notice(request: Request, actor: Actor) -> Response:
    """GET /leaders/cases/notice — a strip for the doctor whose word is awaited; empty for everybody else."""
    async with request.app.state.store.begin(actor) as tx:
        waiting = []
        if actor.reference:
            found = await case_steps.listed(tx, doctor=actor.reference)
            waiting = [one for one in found if one.state == "open"]
        return rendering.render(request, "leaders/cases.html", block="notice", waiting=waiting)


async def _index(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/leaders/cases")
        sees_all = case_steps.may_see(tx, "")
        found = await case_steps.listed(tx, doctor="" if sees_all else actor.reference or "-")
        return rendering.render(
            request,
            "leaders/cases.html",
            status=status,
            cases=found,
            states=STATES,
            outcomes=case_steps.OUTCOMES,
            by_name=measures.BY_NAME,
            fault=fault,
            waiting=(),
            today=day_figures.today_of(tx),
        )


ROUTES = (
    Route("/leaders/cases", index),
    Route("/leaders/cases", create, methods=["POST"]),
    Route("/leaders/cases/notice", notice),
)
