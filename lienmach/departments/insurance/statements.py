"""Pages of the noun "statements": insured visits that wait for their cost statement; many are closed under one PIN."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import insurance, insurance_words, patients, signing
from lienmach.care.banner import Banner
from lienmach.care.claims import preflight
from lienmach.care.money import accounts, statements
from lienmach.care.money.accounts import Account
from lienmach.departments.insurance import (
    desk_rights,
    signing_session,
    statement_batch,
    statement_changes,
    visit_people,
)
from lienmach.departments.insurance.statement_changes import Change
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering, shell
from lienmach.web.pages import page

_ROWS_MAX = 30
_PEOPLE_MAX = 50
_CHOSEN_MAX = 200
_AT_ONCE = 5  # statements that one request of a page with script closes before it tells how far it is
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_BAD_CARDS = frozenset({"ended", "locked", "unknown", "mismatch", "none"})


@dataclass(frozen=True)
class Amounts:
    """What a statement would say: the whole cost, the fund's part, what the patient pays in whole đồng."""

    T_TONGCHI_BV: Decimal
    T_BHTT: Decimal
    patient_total: int


@dataclass(frozen=True)
class Waiting:
    """One row. amounts: what would be closed now, None where it cannot be computed; changes: since the last version."""

    account: Account
    name: str
    is_demo: bool
    amounts: Amounts | None = None
    errors: int = 0
    warnings: int = 0
    card_word: str = ""
    card_tone: str = ""
    changes: Sequence[Change] = field(default_factory=tuple)

    @property
    def is_clean(self) -> bool:
        """Whether it is marked for closing from the start."""
        return self.amounts is not None and not self.errors


@dataclass(frozen=True)
class Counts:
    """How much waits. mark: changes whenever the list does; is_new: the page shows an older one."""

    waiting: int
    stale: int
    mark: str
    is_new: bool = False


@page("statements.close")
async def index(request: Request, actor: Actor) -> Response:
    """GET /insurance/statements?text= — what waits, oldest first; with htmx only the counts (`seen`: their mark)."""
    if rendering.is_fragment(request):
        async with request.app.state.store.begin(actor) as tx:
            counts = await _counts(tx, seen=request.query_params.get("seen", ""))
        return rendering.render(request, "insurance/statements.html", block="counts", counts=counts)
    return await _render(request, actor)


@page("statements.close")
async def close(request: Request, actor: Actor) -> Response:
    """POST /insurance/statements — close the chosen `visit`s without errors; one PIN opens the key for all of them."""
    form = await request.form()
    chosen = list(dict.fromkeys(own for text in form.getlist("visit") if _ID.fullmatch(own := str(text))))
    store, is_part = request.app.state.store, rendering.is_fragment(request)
    if not 0 < len(chosen) <= _CHOSEN_MAX:
        text = rendering.text(request, "Hãy chọn ít nhất một lượt, nhiều nhất {count}.", count=_CHOSEN_MAX)
        return await _refuse(request, actor, text)
    try:
        signer = await signing.signer_for(
            store, actor, session_key=signing_session.key_of(request), pin=str(form.get("pin", ""))[:20] or None
        )
    except signing.SigningRefused as refused:
        return await _refuse(request, actor, "", pin_fault=rendering.text(request, refused.key, **refused.values))
    now, rest = (chosen[:_AT_ONCE], chosen[_AT_ONCE:]) if is_part else (chosen, [])
    outcomes = await statement_batch.close(store, actor, signer, now)
    closed = sum(bool(one.number) for one in outcomes) + _count(form, "closed")
    values: dict[str, Any] = {
        "outcomes": [_spoken(request, one) for one in outcomes],
        "rest": rest,
        "closed": closed,
        "left": sum(not one.number for one in outcomes) + _count(form, "left"),
        "is_done": not rest,
        "chunk_fault": "",
    }
    if is_part:
        return rendering.render(request, "insurance/statements.html", block="results", **values)
    return await _render(request, actor, values=values)


def _count(form: Any, name: str) -> int:
    return forms.read_count(str(form.get(name, "")), most=_CHOSEN_MAX) or 0


def _spoken(request: Request, outcome: statement_batch.Outcome) -> dict[str, str]:
    said = rendering.sentence(request, outcome.failure) if outcome.failure else ""
    return {
        "encounter_id": outcome.encounter_id, "name": outcome.name, "number": outcome.number, "sentence": said,
    }  # fmt: skip


async def _refuse(request: Request, actor: Actor, text: str, *, pin_fault: str = "") -> Response:
    if not rendering.is_fragment(request):
        return await _render(request, actor, fault=text, pin_fault=pin_fault, status=422)
    return rendering.render(
        request, "insurance/statements.html", block="results", outcomes=[], rest=[], closed=0, left=0, is_done=False,
        chunk_fault=text or pin_fault,
    )  # fmt: skip


async def _render(
    request: Request,
    actor: Actor,
    *,
    fault: str = "",
    pin_fault: str = "",
    status: int = 200,
    values: dict[str, Any] | None = None,
) -> Response:
    store = request.app.state.store
    state = await signing.state_of(store, actor, session_key=signing_session.key_of(request), fault=pin_fault)
    text = request.query_params.get("text", "").strip()[:100] if request.method == "GET" else ""
    async with store.begin(actor) as tx:
        tx.access.note("search-type", query="/insurance/statements")
        stale = await _listed(tx, text, states=("closed",), is_stale=True, limit=_ROWS_MAX)
        found = await _listed(tx, text, states=("finished",), limit=_ROWS_MAX + 1)
        people = await visit_people.of(
            tx, [one.patient_id for one in (*stale, *found)], is_english=shell.language_of(request) == "en"
        )
        shown: dict[str, Any] = {
            "counts": await _counts(tx),
            "stale": [await _stale(tx, one, people.get(one.patient_id)) for one in stale],
            "waiting": await _waiting(tx, found[:_ROWS_MAX], people),
            "is_full": len(found) > _ROWS_MAX,
            "text": text,
            "fault": fault,
            "signing_state": state,
            "may": desk_rights.of(actor),
            **(values or {"outcomes": [], "rest": [], "closed": 0, "left": 0, "is_done": False, "chunk_fault": ""}),
        }
        return rendering.render(request, "insurance/statements.html", status=status, **shown)


async def _listed(tx: Transaction, text: str, **more: Any) -> list[Account]:
    """Insured visits by MA_LK, or else by the person whom the text means."""
    found = await accounts.listed(tx, is_insured=True, text=text, **more)
    if found or not text:
        return found
    people = (await patients.find(tx, text, limit=_PEOPLE_MAX)).people
    return await accounts.listed(tx, is_insured=True, patient_ids=[one.stored.id for one in people], **more)


async def _counts(tx: Transaction, *, seen: str = "") -> Counts:
    most = _CHOSEN_MAX
    stale = await accounts.listed(tx, states=("closed",), is_insured=True, is_stale=True, limit=most)
    waiting = await accounts.listed(tx, states=("finished",), is_insured=True, limit=most)
    named = ",".join(sorted(one.encounter_id for one in (*stale, *waiting)))
    mark = hashlib.sha256(named.encode()).hexdigest()[:12]
    return Counts(len(waiting), len(stale), mark, bool(seen) and seen != mark)


async def _stale(tx: Transaction, account: Account, person: Banner | None) -> Waiting:
    current = await statements.current(tx, account.encounter_id)
    draft = await statements.draft(tx, account.encounter_id)
    changes = statement_changes.between(current.lines if current else (), draft.lines)
    return Waiting(account, _name(person, account), bool(person and person.demo), changes=changes[:4])


async def _waiting(tx: Transaction, listed: Sequence[Account], people: dict[str, Banner]) -> list[Waiting]:
    """The rows of what waits, read together; amounts as the job left them, computed only where it has not looked yet."""
    cards = await insurance.states_of(tx, [one.patient_id for one in listed])
    found = await preflight.counted(tx, [one.encounter_id for one in listed])
    rows = []
    for one in listed:
        person, card = people.get(one.patient_id), cards[one.patient_id]
        tone = "good" if card.kind in insurance_words.VERIFIED else "bad" if card.kind in _BAD_CARDS else "warn"
        level = found.get(one.encounter_id, {})
        rows.append(
            Waiting(
                one, _name(person, one), bool(person and person.demo), await _expected(tx, one),
                level.get("error", 0), level.get("warn", 0), card.word, tone,
            )
        )  # fmt: skip
    return rows


async def _expected(tx: Transaction, account: Account) -> Amounts | None:
    if account.expected_total is not None and account.expected_fund is not None:
        return Amounts(account.expected_total, account.expected_fund, account.expected_patient or 0)
    try:
        found = (await statements.draft(tx, account.encounter_id)).amounts
    except errors.Unprocessable:
        return None
    return Amounts(found.T_TONGCHI_BV, found.T_BHTT, found.patient_total)


def _name(person: Banner | None, account: Account) -> str:
    return person.name if person else account.ma_lk


ROUTES = (Route("/insurance/statements", index), Route("/insurance/statements", close, methods=["POST"]))
