"""Pages of the noun "transfers": money that came by bank and found no bill; a person assigns it or sends it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import banner, resources
from lienmach.care.money import accounts, poll_turns, transfers, unread_lines
from lienmach.care.money.accounts import Account
from lienmach.care.money.transfers import Transfer
from lienmach.departments.billing import bill, visits
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_OPEN_BILLS = 300
_GUESSES = 4
_WORDS_IN_COMMON = 3  # of a name that stands in the purpose; fewer are half the country
_STATE_WORDS = {"matched": "Đã khớp", "assigned": "Đã gán", "returned": "Đã trả lại", "unmatched": "Đang chờ"}


@page("bills.manage")
async def index(request: Request, actor: Actor) -> Response:
    """GET /billing/transfers — the tray, oldest first, each with the bills that it may be for; and what came last."""
    return await _render(request, actor)


@page("bills.manage")
async def change(request: Request, actor: Actor) -> Response:
    """POST /billing/transfers/{id} — `step` bill or deposit assigns it to a visit, return sends it back with a reason.

    The visit is `visit`, or whatever bill `text` (number, MA_LK, name) means alone. `step` seen says in `reason` what
    became of a line of the statement that could not be read.
    """
    sent = await request.form()
    form = {name: str(sent.get(name, "")).strip()[:500] for name in ("step", "visit", "text", "reason")}
    transfer_id = str(request.path_params["id"])[:100]
    step = form["step"]
    if step not in ("bill", "deposit", "return", "seen"):
        raise errors.Invalid("Hãy chọn gán vào hoá đơn, nhận làm tạm ứng, hoặc trả lại.")

    async def work(tx: Transaction) -> str:
        if step == "return":
            await transfers.send_back(tx, transfer_id, form["reason"])
            return "returned"
        if step == "seen":
            await unread_lines.settle(tx, transfer_id, form["reason"])
            return "seen"
        encounter_id = form["visit"] or await _meant(tx, form["text"])
        await transfers.assign(tx, transfer_id, encounter_id, as_=step, rest_as_deposit=step == "bill")
        return "assigned"

    return await _do(request, actor, transfer_id, form, work)


async def _do(
    request: Request,
    actor: Actor,
    transfer_id: str,
    form: dict[str, str],
    work: Callable[[Transaction], Awaitable[str]],
) -> Response:
    try:
        done = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        return await _render(
            request, actor, at=transfer_id, form=form, fault=rendering.sentence(request, problem),
            status=problem.status,
        )  # fmt: skip
    return RedirectResponse(f"/billing/transfers?done={done}", 303)


async def _meant(tx: Transaction, text: str) -> str:
    """The one visit that a text means. Raises errors.Invalid where it means none or several."""
    if not text:
        raise errors.Invalid("Hãy chọn hoá đơn, hoặc gõ số bảng kê, mã lượt khám hay họ tên.")
    found = await visits.meant(tx, text)
    if not found:
        raise errors.Invalid("Không có hoá đơn nào như vậy. Hãy kiểm tra số bảng kê hoặc họ tên.")
    if len(found) > 1:
        raise errors.Invalid("Có nhiều hoá đơn như vậy. Hãy gõ số bảng kê hoặc mã lượt khám.")
    return found[0].encounter_id


async def _render(
    request: Request,
    actor: Actor,
    *,
    at: str = "",
    form: dict[str, str] | None = None,
    fault: str = "",
    status: int = 200,
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/billing/transfers")
        tray = await transfers.unmatched(tx)
        owing = await accounts.listed(tx, states=("closed",), is_due=True, limit=_OPEN_BILLS) if tray else []
        people = await resources.read_many(tx, "Patient", list({one.patient_id for one in owing}))
        today, en = tx.now.astimezone(tx.tenant.time_zone).date(), shell.language_of(request) == "en"
        known = {key: banner.build(one, today=today, en=en) for key, one in people.items()}
        return rendering.render(
            request,
            "billing/transfers.html",
            status=status,
            tray=[{"one": one, "guesses": guesses(one, owing, known)} for one in tray],
            unread=await unread_lines.waiting(tx),
            poll=await poll_turns.state(tx),
            recent=[one for one in await transfers.recent(tx, limit=50) if one.state != "unmatched"],
            why=transfers.WHY,
            states=_STATE_WORDS,
            badges=visits.BADGES,
            at=at,
            form=form or {},
            fault=fault,
            done=request.query_params.get("done", ""),
        )


def guesses(one: Transfer, owing: list[Account], known: dict[str, banner.Banner]) -> list[dict[str, Any]]:
    """Open bills that a transfer may be for, best first: named by its number, then the name, then the same amount."""
    purpose = set(folding.fold(f"{one.purpose} {one.payer}").split())
    found: list[dict[str, Any]] = []
    for account in owing:
        person = known.get(account.patient_id)
        name = folding.fold(person.name).split() if person else []
        is_named = bool(name) and len(set(name) & purpose) >= min(_WORDS_IN_COMMON, len(set(name)))
        marks = (one.suggested == account.encounter_id, is_named, account.due == one.amount)
        if any(marks) and account.due > 0:
            why = [word for word, is_so in zip(("số phiếu", "họ tên", "số tiền"), marks, strict=True) if is_so]
            standing = bill.standing_of(account)
            found.append({"account": account, "person": person, "marks": marks, "why": why, "standing": standing})
    return sorted(found, key=lambda guess: guess["marks"], reverse=True)[:_GUESSES]


ROUTES = (Route("/billing/transfers", index), Route("/billing/transfers/{id}", change, methods=["POST"]))
