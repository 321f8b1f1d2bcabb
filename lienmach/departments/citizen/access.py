"""Who opened my record: when, who, in which role, why; and a word to the facility where it looks wrong.

The word becomes a question to the data protection officer (care/access_questions.py), and the answer is read here. A
citizen writes nothing into the record, so the house writes it for them, after it has made sure that the opening they
mean is one of their own record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import access_questions
from lienmach.departments.citizen import own_pages
from lienmach.identity import roles
from lienmach.record import openings
from lienmach.record.openings import Opening
from lienmach.web import shell
from lienmach.web.pages import own

TEXT_CHARACTERS_MAX = 500
_COUNT = 200
#: FHIR restful-interaction -> what was done, a key of `web/words`.
_DONE = {
    "create": "Ghi vào hồ sơ",
    "update": "Ghi vào hồ sơ",
    "patch": "Ghi vào hồ sơ",
    "delete": "Xoá khỏi hồ sơ",
    "transaction": "Ghi vào hồ sơ",
    "batch": "Ghi vào hồ sơ",
    "search-type": "Tra cứu",
}
_SEEN = "Xem hồ sơ"
#: v3 PurposeOfUse -> why, a key of `web/words`.
_PURPOSES = {
    "TREAT": "Để khám và chữa bệnh",
    "ETREAT": "Để cấp cứu",
    "BTG": "Mở khẩn cấp",
    "HPAYMT": "Để tính tiền và thanh toán BHYT",
    "HOPERAT": "Để quản lý cơ sở",
    "PATADMIN": "Để tiếp đón",
    "SYSADMIN": "Để quản trị hệ thống",
    "HRESCH": "Để nghiên cứu",
    "PUBHLTH": "Vì y tế công cộng",
    "HTEST": "Dữ liệu thử",
    "PATRQT": "Chính bạn xem",
}


@dataclass
class Group:
    """Openings of one day by one person for one reason. event_id: of the newest. done: in the order of the day."""

    on: date
    first_at: datetime
    last_at: datetime
    who: str
    roles: tuple[str, ...]
    purpose: str
    event_id: str
    is_mine: bool
    is_refused: bool
    count: int = 0
    done: dict[str, None] = field(default_factory=dict)


@own("own.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /citizen/access?after=&sent=1 — openings by day; `after` goes on to older ones."""
    return await _page(request, actor, after=request.query_params.get("after", "")[:60])


@own("own.read")
async def report(request: Request, actor: Actor) -> Response:
    """POST /citizen/access — `event` looks wrong to me, and a `text` that says why; the facility's officer is told."""
    form = await request.form()
    event_id = str(form.get("event", ""))[:65]
    text = " ".join(str(form.get("text", "")).split())[:TEXT_CHARACTERS_MAX]
    store = request.app.state.store
    async with store.begin(actor) as tx:
        patient = await own_pages.person(tx)
        await openings.check(tx, patient["id"], event_id)
    officer = roles.ROLES["dpo"].title_vi
    try:
        await store.run(_house(actor), lambda tx: access_questions.ask(tx, patient, event_id, text, officer=officer))
    except errors.Conflict as full:
        return await _page(request, actor, failure=full)
    return RedirectResponse("/citizen/access?sent=1", 303)


def _house(actor: Actor) -> Actor:
    """Who writes and reads questions for a citizen, who sees no Task."""
    return Actor(actor.tenant, "system", frozenset({"system"}), "HOPERAT", "/citizen/access", address=actor.address)


async def _page(request: Request, actor: Actor, *, after: str = "", failure: errors.Failure | None = None) -> Response:
    store = request.app.state.store
    async with store.begin(_house(actor)) as tx:
        questions = await access_questions.of_person(tx, actor.reference.removeprefix("Patient/"))
        tx.access.withdraw()  # who looks is that person, whose own unit below says so
    async with store.begin(actor) as tx:
        tx.access.note("search-type", what=actor.reference, query="/citizen/access")
        patient = await own_pages.person(tx)
        found = await openings.of_person(tx, patient["id"], count=_COUNT + 1, after=after)
        shown = found[:_COUNT]
        language = shell.language_of(request)
        return own_pages.render(
            request,
            "citizen/access.html",
            patient,
            status=failure.status if failure else 200,
            failure=failure,
            is_sent=request.query_params.get("sent") == "1",
            questions=questions,
            asked_about={one.event_id: one for one in shown},
            groups=grouped(shown, zone=tx.tenant.time_zone, me=actor.reference),
            titles={name: role.title_vi if language == "vi" else role.title_en for name, role in roles.ROLES.items()},
            purposes=_PURPOSES,
            more="?" + urlencode({"after": shown[-1].mark}) if len(found) > len(shown) else "",
        )


def grouped(found: Sequence[Opening], *, zone: ZoneInfo, me: str) -> list[Group]:
    """Openings, newest first, put together by day, person and reason."""
    by_key: dict[tuple[Any, ...], Group] = {}
    for one in found:
        on = one.at.astimezone(zone).date()
        key = (on, one.who, one.roles, one.purpose, one.is_refused)
        group = by_key.get(key)
        if group is None:
            group = by_key[key] = Group(
                on, one.at, one.at, one.who, one.roles, one.purpose, one.event_id, one.reference == me, one.is_refused
            )
        group.first_at = one.at
        group.count += 1
        group.done[_DONE.get(one.interaction, _SEEN)] = None
    return list(by_key.values())


ROUTES = (Route("/citizen/access", show), Route("/citizen/access", report, methods=["POST"]))
