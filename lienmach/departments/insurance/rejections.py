"""Pages of the noun "rejections": what the insurer sent back, what is due first on top, and what it costs by cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care.claims import rejections
from lienmach.care.claims.rejections import Rejection
from lienmach.departments.insurance import claim_clocks, claim_words, desk_rights, message_words, visit_people
from lienmach.departments.insurance.claim_clocks import Clock
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_ROWS_MAX = 100
SILENT = "silent"
VIEWS = {"open": ("open",), "answered": ("answered", "sent", "mended"), "closed": ("accepted", "kept", "closed")}
VIEW_WORDS = {"open": "Chưa xử lý", "answered": "Chờ trả lời", SILENT: "Không có trả lời", "closed": "Đã xong"}


@dataclass(frozen=True)
class Line:
    """One row. clock: None where nothing is due."""

    rejection: Rejection
    name: str
    is_demo: bool
    clock: Clock | None


@page("claims.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /insurance/rejections?view=open|answered|silent|closed — by the day that they are due; with htmx the block
    `rows`. silent: our words of which the portal has said nothing for as long as it shows answers.
    """
    view = request.query_params.get("view", "open")
    view = view if view in VIEW_WORDS else "open"
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/insurance/rejections")
        if view == SILENT:
            found = await rejections.silent(tx, limit=_ROWS_MAX)
        else:
            found = await rejections.listed(tx, states=VIEWS[view], limit=_ROWS_MAX)
        return rendering.render(
            request,
            "insurance/rejections.html",
            block="rows" if rendering.is_fragment(request) else "",
            lines=await _lines(tx, found, is_english=shell.language_of(request) == "en"),
            losses=losses(found),
            view=view,
            silent=await rejections.count_silent(tx),
            views=VIEW_WORDS,
            is_full=len(found) >= _ROWS_MAX,
            words=claim_words,
            kinds=claim_clocks.KINDS,
            problem_of=message_words.problem_of,
            may=desk_rights.of(actor),
        )


async def _lines(tx: Transaction, found: list[Rejection], *, is_english: bool) -> list[Line]:
    people = await visit_people.of(tx, [one.patient_id for one in found], is_english=is_english)
    lines = []
    for one in sorted(found, key=lambda one: (one.due_on or date.max, one.said_at)):
        person = people.get(one.patient_id)
        due = claim_clocks.of_rejection(one, tx.now, tx.tenant.time_zone)
        lines.append(Line(one, person.name if person else one.ma_lk, bool(person and person.demo), due))
    return lines


def losses(found: Iterable[Rejection]) -> list[tuple[str, str, int, Decimal]]:
    """(kind, rule or code, how many, đồng) by cause, the dearest first."""
    causes: dict[tuple[str, str], list[Decimal]] = {}
    for one in found:
        causes.setdefault((one.kind, one.code), []).append(one.amount_vnd or Decimal(0))
    told = [(kind, code, len(own), sum(own, Decimal(0))) for (kind, code), own in causes.items()]
    return sorted(told, key=lambda one: (-one[3], -one[2], one[1]))


ROUTES = (Route("/insurance/rejections", index),)
