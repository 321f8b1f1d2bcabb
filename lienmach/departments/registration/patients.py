"""Pages of the noun "patients": find a person by whatever the desk has in hand.

What is typed or scanned is a person's data, so it travels in the body of a POST and never in a URL.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import banner, patients, people_search, person_draft
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import qr
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_WHY = {
    "number": "Đúng số",
    "citizen-number": "Đúng số căn cước",
    "insurance-number": "Đúng số BHYT",
    "old-number": "Đúng số giấy tờ cũ",
    "last-four": "4 số cuối",
    "phone": "Đúng điện thoại",
    "name": "Tên",
    "name-year": "Tên và năm sinh",
    "initials": "Chữ cái đầu",
    "initials-year": "Chữ cái đầu và năm sinh",
    "birth-date": "Ngày sinh",
}
EXACT = frozenset({"number", "citizen-number", "insurance-number", "old-number", "phone"})
LIMIT = 20


@page("patients.find")
async def index(request: Request, actor: Actor) -> Response:
    """GET /registration/patients — the box; nothing is read yet."""
    return rendering.render(
        request,
        "registration/patients.html",
        result=None,
        typed="",
        hint="",
        drafts={},
        is_raw=False,
        can_register=roles.may(actor, "patients.register"),
    )


@page("patients.find")
async def find(request: Request, actor: Actor) -> Response:
    """POST /registration/patients — people that the text may mean, best first, as a page or the block `results`."""
    form = await request.form()
    typed, raw = str(form.get("text", "")), str(form.get("raw", ""))
    block = "results" if rendering.is_fragment(request) else ""
    async with request.app.state.store.begin(actor) as tx:
        result, is_raw = await look_up(tx, typed, raw)
        hint = hint_of(request, result)
        return rendering.render(
            request,
            "registration/patients.html",
            block=block,
            typed=typed,
            hint=hint,
            is_raw=is_raw,
            result=None
            if result is None
            else {
                "people": [line(tx, one, request, actor) for one in result.people],
                "mangled": result.mangled,
                "scanned": result.scanned,
            },
            drafts=draft_fields(person_draft.of_scan(result.scanned)) if result and result.scanned else {},
            can_register=roles.may(actor, "patients.register"),
        )


async def look_up(tx: Transaction, typed: str, raw: str) -> tuple[patients.FindResult | None, bool]:
    """Find by the text; where an input method spoilt a scan, by the raw keys. The bool says that those were used."""
    text = typed.strip() or raw.strip()
    if not text:
        return None, False
    tx.access.note("search-type", query=f"/registration/patients?text={text[:200]}")
    result = await patients.find(tx, text, LIMIT)
    if raw and result.hint in ("scan-mangled", "scan-unreadable", "scan-number-only") and qr.looks_scanned(raw):
        again = await patients.find(tx, raw, LIMIT)
        if again.people or again.scanned:
            return again, True
    return result, False


def hint_of(request: Request, result: patients.FindResult | None) -> str:
    """What a find says about the text itself, in the language of the page; "" for nothing."""
    said = 0 if shell.language_of(request) == "vi" else 1
    return people_search.HINTS[result.hint][said] if result and result.hint in people_search.HINTS else ""


def line(tx: Transaction, found: patients.Found, request: Request, actor: Actor) -> dict[str, Any]:
    """What a row of the list says of a person."""
    today: date = tx.now.astimezone(tx.tenant.time_zone).date()
    known = banner.build(found.patient, today=today, en=shell.language_of(request) == "en")
    tail = "" if roles.may(actor, "patients.read") else "/access"
    return {
        "url": f"/registration/patients/{found.stored.id}{tail}",
        "known": known,
        "is_exact": found.why in EXACT,
        "why": _WHY.get(found.why, ""),
    }


def draft_fields(draft: person_draft.PersonDraft) -> dict[str, str]:
    """The filled fields of a draft as form fields."""
    return {name: value for name, value in vars(draft).items() if isinstance(value, str) and value}


ROUTES = (
    Route("/registration/patients", index, name="patients"),
    Route("/registration/patients", find, methods=["POST"]),
)
