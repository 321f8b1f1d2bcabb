"""Page of the noun "question": what a citizen asks, what was opened by whom and when, and the officer's answer."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import access_questions, resources
from lienmach.care.access_questions import Question
from lienmach.identity import roles
from lienmach.record import openings
from lienmach.record.openings import Opening
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_PAGE_COUNT, _PAGES_MAX = 500, 10  # of the openings of one record in one day
#: v3 PurposeOfUse -> why, a key of `web/words`.
_PURPOSES = {
    "TREAT": "Khám chữa bệnh",
    "ETREAT": "Cấp cứu",
    "BTG": "Mở khẩn cấp",
    "HPAYMT": "Thanh toán",
    "HOPERAT": "Quản lý cơ sở",
    "PATADMIN": "Tiếp đón, hành chính",
    "SYSADMIN": "Quản trị hệ thống",
    "HRESCH": "Nghiên cứu",
    "PUBHLTH": "Y tế công cộng",
    "HTEST": "Dữ liệu thử",
    "PATRQT": "Người bệnh tự xem",
}
_WRITES = frozenset({"create", "update", "patch", "delete", "transaction", "batch"})


@page("questions.answer")
async def show(request: Request, actor: Actor) -> Response:
    """GET /leaders/questions/{id}?told= — the question, the openings that it is about, the answer or its form."""
    return await _page(request, actor)


@page("questions.answer")
async def answer(request: Request, actor: Actor) -> Response:
    """POST /leaders/questions/{id}/answer — `words` for the citizen; who answered is kept, and nothing of it changes."""
    question_id = str(request.path_params["id"])[:65]
    words = str((await request.form()).get("words", ""))[: access_questions.WORDS_MAX + 1]
    try:
        is_told = await request.app.state.store.run(actor, lambda tx: access_questions.answer(tx, question_id, words))
    except (errors.Conflict, errors.Unprocessable) as problem:
        fault = rendering.sentence(request, problem)
        return await _page(request, actor, fault=fault, status=problem.status, typed=words)
    return RedirectResponse(f"/leaders/questions/{question_id}?told={'yes' if is_told else 'no'}", 303)


async def _page(request: Request, actor: Actor, *, fault: str = "", status: int = 200, typed: str = "") -> Response:
    question_id, language = str(request.path_params["id"])[:65], shell.language_of(request)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("read", what=f"Task/{question_id}", query="/leaders/questions")
        question = await access_questions.read(tx, question_id)
        return rendering.render(
            request,
            "leaders/question.html",
            status=status,
            question=question,
            openings=await _of_day(tx, question),
            titles={name: one.title_vi if language == "vi" else one.title_en for name, one in roles.ROLES.items()},
            purposes=_PURPOSES,
            writes=_WRITES,
            told=request.query_params.get("told", ""),
            fault=fault,
            typed=typed,
            now=tx.now,
        )


async def _of_day(tx: Transaction, question: Question) -> list[Opening]:
    """The opening asked about, and all of the same day by the same one for the same reason: the citizen saw them as one.

    Empty where the event is gone; at most `_PAGES_MAX` pages of the day are looked through.
    """
    try:
        event = await resources.read(tx, "AuditEvent", question.event_id)
    except (errors.NotFound, errors.Gone):
        return []
    zone = tx.tenant.time_zone
    on = datetime.fromisoformat(str(event["recorded"])).astimezone(zone).date()
    after = openings.mark_before(datetime.combine(on + timedelta(days=1), time(), zone))
    found: list[Opening] = []
    for _ in range(_PAGES_MAX):
        listed = await openings.of_person(tx, question.patient_id, count=_PAGE_COUNT, after=after)
        found += [one for one in listed if one.at.astimezone(zone).date() == on]
        if len(listed) < _PAGE_COUNT or listed[-1].at.astimezone(zone).date() < on:
            break
        after = listed[-1].mark
    asked = next((one for one in found if one.event_id == question.event_id), None)
    if asked is None:
        return []
    own = (asked.who, asked.roles, asked.purpose, asked.is_refused)
    return [one for one in found if (one.who, one.roles, one.purpose, one.is_refused) == own]


ROUTES = (Route("/leaders/questions/{id}", show), Route("/leaders/questions/{id}/answer", answer, methods=["POST"]))
