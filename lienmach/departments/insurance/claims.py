"""Pages of the noun "claims": the queue and the day's batch as views of one table, what is due first on top."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import catalogues, patients
from lienmach.care.banner import Banner
from lienmach.care.claims import claims, rejections
from lienmach.care.claims.claims import Claim
from lienmach.care.money import accounts
from lienmach.departments.insurance import (
    claim_clocks,
    claim_sums,
    claim_words,
    desk_rights,
    message_words,
    visit_people,
)
from lienmach.departments.insurance.claim_clocks import Clock
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering, shell
from lienmach.web.pages import page

_ROWS_MAX = 100
_PEOPLE_MAX = 50
_LOADED_MAX = 1_000
UNSENT = ("waiting", "findings", "ready")


@dataclass(frozen=True)
class Line:
    """One row. word: of claim_words.STATES. clocks: what is due, soonest first. is_late: SND-01."""

    claim: Claim
    name: str
    is_demo: bool
    word: str
    clocks: tuple[Clock, ...]
    is_late: bool

    @property
    def due_on(self) -> date:
        """What the list is sorted by; what was paid and has changed since has no day and waits for nobody else."""
        if self.word == claim_words.PAID_CHANGED:
            return date.min
        return self.clocks[0].due_on if self.clocks else date.max


@page("claims.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /insurance/claims?on=&state=&text= — with htmx the block `rows`. on: the day's batch, else what is open."""
    asked = request.query_params
    on, state, text = (
        read_day(asked.get("on", ""), request.app.state.store.now()),
        asked.get("state", ""),
        asked.get("text", "").strip()[:100],
    )
    state = state if state in claim_words.STATES else ""
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/insurance/claims")
        found = await _found(tx, on, state, text)
        lines = await _lines(tx, found, is_english=shell.language_of(request) == "en")
        return rendering.render(
            request,
            "insurance/claims.html",
            block="rows" if rendering.is_fragment(request) else "",
            lines=lines[:_ROWS_MAX],
            sums=_sums(await claim_sums.by_state(tx, on)),
            late=sum(one.is_late for one in lines),
            on=on,
            today=catalogues.today(tx),
            state=state,
            text=text,
            is_full=len(lines) > _ROWS_MAX,
            words=claim_words,
            kinds=claim_clocks.KINDS,
            problem_of=message_words.problem_of,
            may=desk_rights.of(actor),
        )


async def _found(tx: Transaction, on: date | None, state: str, text: str) -> list[Claim]:
    """What is due first is looked for among what is open; of what is done the newest are shown."""
    states, why = claim_words.states_of(state)
    if not state and not on and not text:
        states = claims.OPEN
    is_done = bool(state) and not set(states) & set(claims.OPEN)
    limit = _ROWS_MAX + 1 if is_done else _LOADED_MAX
    found = await claims.listed(tx, states=states, why=why, on=on, text=text, limit=limit, is_newest=is_done)
    if not state and not on and not text:
        found = [*await claim_sums.changed(tx), *found]
    if found or not text:
        return found
    people = (await patients.find(tx, text, limit=_PEOPLE_MAX)).people
    visits = await accounts.listed(
        tx, is_insured=True, patient_ids=[one.stored.id for one in people], on=on, limit=_ROWS_MAX
    )
    own = [await claims.of_visit(tx, one.encounter_id) for one in visits]
    return [one for one in own if one is not None and (not state or word_of(one) == state)]


def word_of(claim: Claim) -> str:
    """The word of claim_words.STATES for a claim."""
    return claim_words.state_of(claim.state, claim.why)


def _sums(found: Iterable[claim_sums.Sum]) -> list[claim_sums.Sum]:
    """In the order of the words."""
    order = list(claim_words.STATES)
    return sorted((one for one in found if one.word in order), key=lambda one: order.index(one.word))


async def _lines(tx: Transaction, found: list[Claim], *, is_english: bool) -> list[Line]:
    returned = await rejections.listed(tx, states=("open",), limit=_LOADED_MAX)
    due: dict[str, list[Any]] = {}
    for one in returned:
        due.setdefault(one.encounter_id, []).append(one)
    today = catalogues.today(tx)
    lines = [
        Line(
            one, "", False, word_of(one), clocks(one, due.get(one.encounter_id, ()), today),
            one.state in UNSENT and claim_clocks.is_late(one.finished_at, one.sent_at, tx.now),
        )
        for one in found
    ]  # fmt: skip
    lines.sort(key=lambda line: (line.due_on, not line.is_late))  # else in the order in which they were found
    shown = [line.claim.patient_id for line in lines[:_ROWS_MAX]]
    people = await visit_people.of(tx, shown, is_english=is_english)
    return [_named(line, people.get(line.claim.patient_id)) for line in lines]


def _named(line: Line, person: Banner | None) -> Line:
    return dataclasses.replace(line, name=person.name, is_demo=person.demo) if person else line


def clocks(claim: Claim, returned: Iterable[Any], today: date) -> tuple[Clock, ...]:
    """What is due of a claim, soonest first. returned: its open rejections."""
    found = [claim_clocks.clock(one.kind, one.due_on, today) for one in returned if one.due_on]
    if claim.state in UNSENT and claim.request_due_on:
        found.append(claim_clocks.clock("request", claim.request_due_on, today))
    return tuple(sorted(found, key=lambda one: one.due_on))


def read_day(text: str, now: datetime) -> date | None:
    """A whole day as people type it or as an address holds it, None for anything else."""
    try:
        return date.fromisoformat(forms.read_date(text[:20], now).fhir)
    except ValueError:
        return None


ROUTES = (Route("/insurance/claims", index),)
