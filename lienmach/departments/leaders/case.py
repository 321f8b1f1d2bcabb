"""Pages of the noun "case": its figures and steps, the doctor's word, the pharmacy's, the decision, and the whole file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import prescribing_questions
from lienmach.departments.leaders import case_steps, cases, day_figures, day_rows, measures, prescribing
from lienmach.departments.leaders.case_steps import Case
from lienmach.departments.leaders.statistics import Comparison
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_SPAN_DAYS_MAX = 90
_REFUSALS = (errors.Conflict, errors.Unprocessable, errors.Refused)
Verb = Callable[[Transaction, Case], Awaitable[None]]


@dataclass(frozen=True)
class Effect:
    """Before and after a decision, over spans of the same length. None where nothing can be compared."""

    before: Comparison | None
    after: Comparison | None
    before_from_on: date
    decided_on: date
    to_on: date


@page("cases.answer")
async def show(request: Request, actor: Actor) -> Response:
    """GET /leaders/cases/{id} — the frozen figures, every step with who and when, and what one may add to it."""
    return await _page(request, actor)


@page("cases.answer")
async def file(request: Request, actor: Actor) -> Response:
    """GET /leaders/cases/{id}/file — the whole case to print or keep: figures, steps, digests, effect."""
    return await _page(request, actor, template="leaders/case_file.html")


@page("cases.answer")
async def answer(request: Request, actor: Actor) -> Response:
    """POST /leaders/cases/{id}/answer — the doctor's `words`, with `chart` once for each of up to ten own visits."""
    form = await request.form()
    words, charts = str(form.get("words", "")), [str(one)[:64] for one in form.getlist("chart")]
    return await _step(request, actor, lambda tx, case: case_steps.answer(tx, case, words, charts), words)


@page("cases.answer")
async def comment(request: Request, actor: Actor) -> Response:
    """POST /leaders/cases/{id}/comment — what the pharmacy says, `words`."""
    words = str((await request.form()).get("words", ""))
    return await _step(request, actor, lambda tx, case: case_steps.comment(tx, case, words), words)


@page("monitor.decide")
async def decide(request: Request, actor: Actor) -> Response:
    """POST /leaders/cases/{id}/decision — `outcome` with its reason `words`; for ask-reason `block` and `days`."""
    form = await request.form()
    outcome, words, block = (str(form.get(name, "")).strip() for name in ("outcome", "words", "block"))
    days = str(form.get("days", "90")).strip()

    async def verb(tx: Transaction, case: Case) -> None:
        span = int(days) if days.isdecimal() and len(days) <= 4 else 0
        await case_steps.decide(tx, case, outcome, words, block=block, days=span)

    return await _step(request, actor, verb, words)


@page("monitor.decide")
async def end_rule(request: Request, actor: Actor) -> Response:
    """POST /leaders/cases/{id}/rule-end — ask for no reason any longer, with `words` why."""
    words = str((await request.form()).get("words", ""))
    return await _step(request, actor, lambda tx, case: case_steps.end_rule(tx, case, words), words)


async def _step(request: Request, actor: Actor, verb: Verb, words: str) -> Response:
    case_id = str(request.path_params["id"])

    async def work(tx: Transaction) -> None:
        await verb(tx, await case_steps.read(tx, case_id))

    try:
        await request.app.state.store.run(actor, work)
    except _REFUSALS as problem:
        return await _page(
            request, actor, fault=rendering.sentence(request, problem), status=problem.status, typed=words
        )
    return RedirectResponse(f"/leaders/cases/{case_id}", 303)


async def _page(
    request: Request,
    actor: Actor,
    *,
    template: str = "leaders/case.html",
    fault: str = "",
    status: int = 200,
    typed: str = "",
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        case = await case_steps.read(tx, str(request.path_params["id"]))
        tx.access.note("read", query="/leaders/cases")
        is_own = actor.reference == case.doctor
        is_open = case.state != "decided"
        offered = await _offered(tx, case) if is_own and is_open else []
        return rendering.render(
            request,
            template,
            status=status,
            case=case,
            measure=measures.BY_NAME[case.measure],
            frozen=frozen_of(case),
            state=cases.STATES[case.state],
            kinds=case_steps.KINDS,
            outcomes=case_steps.OUTCOMES,
            charts=await _charts(tx, case),
            offered=offered,
            charts_max=case_steps.CHARTS_MAX,
            may_answer=is_own and is_open,
            may_comment="pharmacist" in actor.roles and not is_own and is_open,
            may_decide="director" in actor.roles and not is_own and is_open,
            may_end=await _may_end(tx, actor, case),
            is_askable=case.measure in case_steps.ASKABLE,
            effect=await _effect(tx, case),
            whisker=prescribing.whisker_of,
            fault=fault,
            typed=typed,
            now=tx.now,
        )


def frozen_of(case: Case) -> Comparison:
    """The figures on which a case was opened."""
    own = {name: case.figures[name] for name in Comparison.__dataclass_fields__}
    return Comparison(**own)


async def _offered(tx: Transaction, case: Case) -> list[day_rows.Row]:
    return await prescribing.visits_of(tx, case.doctor, case.from_on, case.to_on, case.measure)


async def _charts(tx: Transaction, case: Case) -> dict[str, day_rows.Row]:
    """The charts that answers link, by visit."""
    wanted = [chart for one in case.steps for chart in one.data.get("charts", ())]
    if not wanted:
        return {}
    rows = await tx.fetch(
        """select encounter_id, patient_id, begun_at, icd from leaders_visit
           where tenant = $1 and encounter_id = any($2::text[])""",
        tx.tenant.number, wanted,
    )  # fmt: skip
    names = await day_rows.names_of(tx, [row["patient_id"] for row in rows])
    return {
        row["encounter_id"]: day_rows.Row(
            names.get(row["patient_id"], "—"), "", row["begun_at"], (row["icd"],), None,
            f"/registration/patients/{row['patient_id']}", (), row["encounter_id"],
        )
        for row in rows
    }  # fmt: skip


async def _may_end(tx: Transaction, actor: Actor, case: Case) -> bool:
    question = (case.decision.data if case.decision else {}).get("question", "")
    if not question or "director" not in actor.roles:
        return False
    rules = await prescribing_questions.of_doctor(tx, case.doctor)
    on = day_figures.today_of(tx)
    return any(one.question_id == question and prescribing_questions.is_holding(one, on) for one in rules)


async def _effect(tx: Transaction, case: Case) -> Effect | None:
    """The figure in the days since the decision and in as many before it; None on the day of the decision."""
    if case.decision is None:
        return None
    decided_on = case.decision.said_at.astimezone(tx.tenant.time_zone).date()
    days = min((day_figures.today_of(tx) - decided_on).days, _SPAN_DAYS_MAX)
    if days < 1:
        return None
    to_on = decided_on + timedelta(days=days)
    from_on = decided_on - timedelta(days=days)
    before = await measures.read(tx, case.measure, from_on, decided_on - timedelta(days=1))
    after = await measures.read(tx, case.measure, decided_on + timedelta(days=1), to_on)
    return Effect(before.of(case.doctor), after.of(case.doctor), from_on, decided_on, to_on)


ROUTES = (
    Route("/leaders/cases/{id}", show),
    Route("/leaders/cases/{id}/file", file),
    Route("/leaders/cases/{id}/answer", answer, methods=["POST"]),
    Route("/leaders/cases/{id}/comment", comment, methods=["POST"]),
    Route("/leaders/cases/{id}/decision", decide, methods=["POST"]),
    Route("/leaders/cases/{id}/rule-end", end_rule, methods=["POST"]),
)
