"""Pages of the noun "visits": the cashier's desk, every visit whose money waits for somebody, oldest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import banner, patients, people_search, resources
from lienmach.care.money import accounts, ledger, shifts
from lienmach.care.money.accounts import Account
from lienmach.departments.billing import bill
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, shell
from lienmach.web.pages import page

#: view -> (title, standings it holds); keys of the words
VIEWS = {
    "waiting": ("Đang chờ", ("stale", "pay", "refund", "close")),
    "close": ("Chờ chốt bảng kê", ("close",)),
    "pay": ("Chờ thu", ("pay",)),
    "stale": ("Cần lập lại", ("stale",)),
    "refund": ("Phải hoàn", ("refund",)),
    "credit": ("Cho nợ", ("credit",)),
    "paid": ("Đã xong hôm nay", ("paid", "free")),
}
BADGES = {
    "open": ("Đang khám", ""),
    "close": ("Chờ chốt bảng kê", "blue"),
    "stale": ("Cần lập lại", "bad"),
    "pay": ("Chờ thu", "warn"),
    "credit": ("Cho nợ", ""),
    "refund": ("Phải hoàn", "bad"),
    "paid": ("✓ Đã thu", "good"),
    "free": ("✓ Không phải trả", "good"),
}
_LIMIT = 300
_SHOWN = 60
_PEOPLE = 8
_NUMBER_CHARACTERS_MAX = 40


@page("bills.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /billing/visits?view= — visits whose money waits, oldest first; with htmx the block `desk`."""
    return await _render(request, actor, block="desk" if rendering.is_fragment(request) else "")


@page("bills.read")
async def find(request: Request, actor: Actor) -> Response:
    """POST /billing/visits — find by name, bill number, MA_LK, card number or scan; one hit opens its bill.

    What was typed is a person's data: it travels in the body and never in an address.
    """
    form = await request.form()
    typed, raw = str(form.get("text", "")).strip()[:2000], str(form.get("raw", ""))[:2000]
    if not typed and not raw:
        return RedirectResponse("/billing/visits", 303)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/billing/visits")
        found = await meant(tx, typed, raw)
    if len(found) == 1:
        return RedirectResponse(f"/billing/visits/{found[0].encounter_id}", 303)
    return await _render(request, actor, found=found, typed=typed[: people_search.CHARS_MAX])


async def meant(tx: Transaction, typed: str, raw: str = "") -> list[Account]:
    """Accounts that a text or scan means: by the number of the bill or the visit, else by the person whom it names."""
    text = typed or raw
    if len(text) <= _NUMBER_CHARACTERS_MAX and any(one.isdecimal() for one in text):
        found = await accounts.listed(tx, text=text, limit=_SHOWN)
        if found:
            return found
    people = (await patients.find(tx, text, _PEOPLE)).people if text else []
    if not people and raw and raw != text:
        people = (await patients.find(tx, raw, _PEOPLE)).people
    if not people:
        return []
    return (await accounts.listed(tx, patient_ids=[one.stored.id for one in people], limit=_LIMIT))[-_SHOWN:]


async def _render(
    request: Request, actor: Actor, *, block: str = "", found: list[Account] | None = None, typed: str = ""
) -> Response:
    view = request.query_params.get("view", "waiting")
    view = view if view in VIEWS else "waiting"
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/billing/visits")
        listed = await waiting(tx)
        counts = Counter(bill.standing_of(one) for one in listed)
        wanted = VIEWS[view][1]
        shown = found if found is not None else [one for one in listed if bill.standing_of(one) in wanted]
        return rendering.render(
            request,
            "billing/visits.html",
            block=block,
            view=view,
            views=VIEWS,
            counts={name: sum(counts[one] for one in standings) for name, (_, standings) in VIEWS.items()},
            lines=await _lines(tx, request, shown[:_SHOWN]),
            more=max(len(shown) - _SHOWN, 0),
            typed=typed,
            is_search=found is not None,
            badges=BADGES,
            shift=await _shift(tx, actor),
            may_manage=roles.may(actor, "bills.manage"),
        )


async def waiting(tx: Transaction) -> list[Account]:
    """What stands on the desk: everything that is not settled, and what was settled today; oldest first."""
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    asked: tuple[dict[str, Any], ...] = ({"is_due": True}, {"is_owed": True}, {"is_stale": True}, {"on": today})
    listed = await accounts.listed(tx, states=("finished",), limit=_LIMIT)
    for one in asked:
        listed += await accounts.listed(tx, states=("closed",), limit=_LIMIT, **one)
    found = {one.encounter_id: one for one in [*listed, *await bill.held(tx, "closed")]}
    return sorted(found.values(), key=lambda one: (one.finished_at or tx.now, one.encounter_id))


async def _lines(tx: Transaction, request: Request, shown: Sequence[Account]) -> list[dict[str, Any]]:
    """What a row of the desk says: who, where the bill stands, how much."""
    people = await resources.read_many(tx, "Patient", list({one.patient_id for one in shown}))
    today, en = tx.now.astimezone(tx.tenant.time_zone).date(), shell.language_of(request) == "en"
    return [
        {
            "account": one,
            "person": banner.build(people.get(one.patient_id, {}), today=today, en=en),
            "standing": bill.standing_of(one),
            "owed": bill.owed(one),
            "minutes": int((tx.now - one.finished_at).total_seconds() // 60) if one.finished_at else None,
        }
        for one in shown
    ]


async def _shift(tx: Transaction, actor: Actor) -> dict[str, Any] | None:
    """The open shift of a cashier with what should lie in the drawer now; {} where one must be opened first."""
    if not roles.may(actor, "bills.manage"):
        return None
    own = await shifts.current(tx)
    if own is None:
        return {}
    cash = await ledger.balance(tx, "1111", own.shift_id)
    return {"own": own, "cash": cash, "is_forgotten": own.is_forgotten(tx.now)}


ROUTES = (Route("/billing/visits", index), Route("/billing/visits", find, methods=["POST"]))
