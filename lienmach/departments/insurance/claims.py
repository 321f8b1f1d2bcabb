"""Pages of the noun "claims": the queue and the day's batch as views of one table, what is due first on top."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import catalogues, patients
from lienmach.care.claims import claims, rejections
from lienmach.care.claims.claims import Claim
from lienmach.care.claims.rejections import Rejection
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

ROWS_MAX = 100
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
    """GET /insurance/claims?on=&state=&text=&page= — with htmx the block `rows`. on: the day's batch, else what is open."""
    asked = request.query_params
    on, state, text = (
        read_day(asked.get("on", ""), request.app.state.store.now()),
        asked.get("state", ""),
        asked.get("text", "").strip()[:100],
    )
    state = state if state in claim_words.STATES else ""
    number = max(forms.read_count(asked.get("page", "1"), most=9999) or 1, 1)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/insurance/claims")
        passed = (number - 1) * ROWS_MAX
        found, is_cut = await _found(tx, on, state, text, passed)
        lines = await _lines(tx, found)
        shown = lines if _is_done(state) else lines[passed:]
        sums, silent = await claim_sums.by_state(tx, on), None if on else await claim_sums.silent(tx)
        return rendering.render(
            request,
            "insurance/claims.html",
            block="rows" if rendering.is_fragment(request) else "",
            lines=await _named(tx, shown[:ROWS_MAX], is_english=shell.language_of(request) == "en"),
            sums=_sums([*sums, silent] if silent and silent.claims else sums),
            late=sum(one.is_late for one in lines),
            on=on,
            today=catalogues.today(tx),
            state=state,
            text=text,
            page_number=number,
            has_more=len(shown) > ROWS_MAX,
            is_cut=is_cut,
            words=claim_words,
            kinds=claim_clocks.KINDS,
            problem_of=message_words.problem_of,
            may=desk_rights.of(actor),
        )


def _is_done(state: str) -> bool:
    """Whether a word names what needs nobody by a day: then the database turns the pages."""
    return bool(state) and not set(claim_words.states_of(state)[0]) & set(claims.OPEN)


async def _found(tx: Transaction, on: date | None, state: str, text: str, passed: int) -> tuple[list[Claim], bool]:
    """What is due first is looked for among what is open; of what is done the newest are shown.

    passed: so many of what is done are on the pages before. Beside them, whether there are more than are looked at.
    """
    states, why = claim_words.states_of(state)
    is_silent = state == claim_words.SILENT
    if not state and not on and not text:
        first = [*await claim_sums.first_changed(tx), *await claim_sums.first_silent(tx)]
        opened = await claims.opened(tx, _LOADED_MAX + 1)
        return [*first, *opened[:_LOADED_MAX]], len(opened) > _LOADED_MAX
    is_done = _is_done(state)
    found = await claims.listed(
        tx, states=states, why=why, on=on, text=text, limit=ROWS_MAX + 1 if is_done else _LOADED_MAX + 1,
        offset=passed if is_done else 0, is_newest=is_done and not is_silent, is_silent=is_silent,
    )  # fmt: skip
    if found or not text or passed:
        return found[:_LOADED_MAX], len(found) > _LOADED_MAX
    people = (await patients.find(tx, text, limit=_PEOPLE_MAX)).people
    visits = await accounts.listed(
        tx, is_insured=True, patient_ids=[one.stored.id for one in people], on=on, limit=ROWS_MAX
    )
    own = await claims.of_visits(tx, [one.encounter_id for one in visits])
    return [one for one in own if _has_word(one, state, tx.now)], False


def _has_word(claim: Claim, state: str, now: datetime) -> bool:
    if state == claim_words.SILENT:
        return claim.is_silent(now)
    return not state or word_of(claim) == state


def word_of(claim: Claim) -> str:
    """The word of claim_words.STATES for a claim."""
    return claim_words.state_of(claim.state, claim.why)


def _sums(found: Iterable[claim_sums.Sum]) -> list[claim_sums.Sum]:
    """In the order of the words."""
    order = list(claim_words.STATES)
    return sorted((one for one in found if one.word in order), key=lambda one: order.index(one.word))


async def _lines(tx: Transaction, found: list[Claim]) -> list[Line]:
    """In the order of the list, without names and, of what is open, without what became of the messages."""
    returned = await rejections.listed(tx, states=("open",), limit=_LOADED_MAX)
    due: dict[str, list[Rejection]] = {}
    for one in returned:
        due.setdefault(one.encounter_id, []).append(one)
    lines = [
        Line(
            one, "", False, word_of(one), clocks(one, due.get(one.encounter_id, ()), tx.now, tx.tenant.time_zone),
            one.state in UNSENT and claim_clocks.is_late(one.finished_at, one.sent_at, tx.now),
        )
        for one in found
    ]  # fmt: skip
    lines.sort(key=lambda line: (line.due_on, not line.is_late))  # else in the order in which they were found
    return lines


async def _named(tx: Transaction, lines: list[Line], *, is_english: bool) -> list[Line]:
    people = await visit_people.of(tx, [line.claim.patient_id for line in lines], is_english=is_english)
    told = {one.encounter_id: one for one in await claims.of_visits(tx, [line.claim.encounter_id for line in lines])}
    named = [
        (dataclasses.replace(line, claim=told[line.claim.encounter_id]), people.get(line.claim.patient_id))
        for line in lines
    ]
    return [dataclasses.replace(line, name=one.name, is_demo=one.demo) if one else line for line, one in named]


def clocks(claim: Claim, returned: Iterable[Rejection], now: datetime, zone: tzinfo) -> tuple[Clock, ...]:
    """What is due of a claim, soonest first. returned: its rejections."""
    found = [clock for one in returned if (clock := claim_clocks.of_rejection(one, now, zone))]
    if claim.state in UNSENT and claim.request_due_on:
        found.append(claim_clocks.clock("request", claim.request_due_on, now.astimezone(zone).date()))
    if claim.sent_at is not None and claim.is_silent(now):
        found.append(claim_clocks.silence(claim.sent_at, zone))
    return tuple(sorted(found, key=lambda one: one.due_on))


def read_day(text: str, now: datetime) -> date | None:
    """A whole day as people type it or as an address holds it, None for anything else."""
    try:
        return date.fromisoformat(forms.read_date(text[:20], now).fhir)
    except ValueError:
        return None


ROUTES = (Route("/insurance/claims", index),)
