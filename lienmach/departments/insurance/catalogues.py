"""Pages of the noun "catalogues": what the insurer has accepted of this facility, and what is used without it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import catalogues, resources, systems
from lienmach.care.claims import accepted, hand_ins, own_lists
from lienmach.departments.insurance import accepted_columns, desk_rights
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_SHOWN_MAX = 60


@dataclass(frozen=True)
class Form:
    """One form. accepted: rows that hold today, coming: that begin later. missing: (code, name) of what is used and
    not accepted today. is_known: the facility has brought this list at all. to_hand_in: rows of ours that are not
    accepted or differ, waiting: of these handed in and not answered, refused: of these refused when last handed in.
    """

    form: str
    title: str
    accepted: int
    coming: int
    is_known: bool
    missing: tuple[tuple[str, str], ...]
    to_hand_in: int
    waiting: int
    refused: int


@page("claims.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /insurance/catalogues — the forms, each with what is used today and not accepted."""
    async with request.app.state.store.begin(actor) as tx:
        today = catalogues.today(tx)
        forms = [await _form(tx, form, today) for form in accepted.FORMS]
        return rendering.render(
            request, "insurance/catalogues.html", forms=forms, most=_SHOWN_MAX, may=desk_rights.of(actor)
        )


async def _form(tx: Transaction, form: str, today: date) -> Form:
    rows = await catalogues.all_of(tx, accepted_columns.list_of(form), limit=20_000)
    valid = {one.code for one in rows if one.valid_from <= today and (one.valid_to is None or one.valid_to >= today)}
    missing = [(code, name) for code, name in await _used(tx, form, today) if code not in valid] if rows else []
    last = await hand_ins.last_of(tx, form)
    ours = await own_lists.of_form(tx, form, today, machine_codes=hand_ins.machine_codes(last))
    differing = [one.code for one in ours if one.state != own_lists.SAME]
    states = Counter(last[code].state for code in differing if code in last)
    return Form(
        form, accepted_columns.TITLES[form], len(valid), sum(one.valid_from > today for one in rows), bool(rows),
        tuple(sorted(missing)), len(differing) - states[hand_ins.WAITING], states[hand_ins.WAITING],
        states[hand_ins.REFUSED],
    )  # fmt: skip


async def _used(tx: Transaction, form: str, today: date) -> list[tuple[str, str]]:
    """(our code, name) of what may be ordered, given out or signed today and would be claimed."""
    if form in ("03", "05"):
        rows = await catalogues.all_of(tx, "drug" if form == "03" else "service", on=today)
        return [(one.code, one.name) for one in rows if one.data.get("is_insured", True)]
    if form == "02":
        found = await resources.find(tx, "Practitioner", ("active", "true"), count=500)
        licences = [(resources.identifier_of(one, systems.LICENCE), one) for one in found]
        return [(code, str((one.get("name") or [{}])[0].get("text", ""))) for code, one in licences if code]
    return []


ROUTES = (Route("/insurance/catalogues", index),)
