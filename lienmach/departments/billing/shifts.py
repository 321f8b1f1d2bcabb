"""Pages of the noun "shifts": a cashier opens a shift with its float, sees what was taken, counts, and hands over.

A shift that was left open is counted and closed by the director.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.money import receipts, shifts
from lienmach.care.money.shifts import Shift
from lienmach.departments.billing import amounts_typed, visit
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

#: Notes that are in use, largest first, in đồng.
NOTES = (500_000, 200_000, 100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200)
_EARLIER = 60
_SHOWN, _PRINTED = 100, 1000  # receipts on the page of the own shift, on a slip


@page("ledger.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /billing/shifts — the own shift with its receipts and the count; earlier shifts of all."""
    return await _render(request, actor)


@page("bills.manage")
async def change(request: Request, actor: Actor) -> Response:
    """POST /billing/shifts — `step` open with a `float`; count adds the notes up; close hands over what was counted.

    A difference is refused without a `reason`.
    """
    form = await _form(request)
    step = form.get("step", "")
    if step not in ("open", "count", "close"):
        raise errors.Invalid("Hãy chọn mở ca, cộng tiền hoặc chốt ca.")
    try:
        if step == "count":
            return await _render(request, actor, form=form, counted=_counted(form))
        shift_id = await request.app.state.store.run(actor, lambda tx: _open(tx, form) if step == "open"
                                                     else _close(tx, form))  # fmt: skip
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        return await _render(
            request, actor, form=form, fault=rendering.sentence(request, problem), status=problem.status
        )
    return RedirectResponse("/billing/shifts?done=opened" if step == "open" else f"/billing/shifts/{shift_id}", 303)


@page("ledger.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /billing/shifts/{id} — the handover slip of a shift: float, taken, given out, counted, difference."""
    return await _slip(request, actor)


@page("shifts.close-for")
async def close_for(request: Request, actor: Actor) -> Response:
    """POST /billing/shifts/{id} — close the shift of somebody who left it open, as counted, with a `reason`.

    `step` count adds the notes up, close closes. The slip and the ledger name both people.
    """
    shift_id = _id(request)
    form = await _form(request)
    step = form.get("step", "")
    if step not in ("count", "close"):
        raise errors.Invalid("Hãy chọn cộng tiền hoặc chốt ca.")
    try:
        counted = _counted(form)
        if step == "count":
            return await _slip(request, actor, form=form, counted=counted)
        await request.app.state.store.run(
            actor, lambda tx: shifts.close_for(tx, shift_id, counted, form.get("reason", ""))
        )
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        fault = rendering.sentence(request, problem)
        return await _slip(request, actor, form=form, fault=fault, status=problem.status)
    return RedirectResponse(f"/billing/shifts/{shift_id}", 303)


async def _slip(
    request: Request,
    actor: Actor,
    *,
    form: dict[str, str] | None = None,
    counted: int | None = None,
    fault: str = "",
    status: int = 200,
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        one = await shifts.read(tx, _id(request))
        is_open = one.closed_at is None
        may_close = is_open and one.login != actor.user and roles.may(actor, "shifts.close-for")
        count, sums = await receipts.sums_of_shift(tx, one.shift_id)
        return rendering.render(
            request,
            "billing/shift.html",
            status=status,
            one=one,
            is_forgotten=one.is_forgotten(tx.now),
            may_close=may_close,
            number=count,
            receipts=await receipts.listed(tx, shift_id=one.shift_id, limit=_PRINTED),
            sums=sums,
            expected=await shifts.expected(tx, one.shift_id) if is_open else one.expected,
            kinds=visit.KINDS,
            methods=visit.METHODS,
            notes=NOTES,
            form=form or {},
            counted=counted,
            fault=fault,
        )


def _id(request: Request) -> str:
    return str(request.path_params["id"])[:64]


async def _form(request: Request) -> dict[str, str]:
    sent = await request.form()
    return {name: str(value).strip()[:300] for name, value in sent.items() if isinstance(value, str)}


async def _open(tx: Transaction, form: dict[str, str]) -> str:
    amount = amounts_typed.read(form.get("float", ""), may_be_nothing=True)
    return (await shifts.open_shift(tx, amount)).shift_id


async def _close(tx: Transaction, form: dict[str, str]) -> str:
    own = await shifts.current(tx)
    if own is None or own.shift_id != form.get("shift"):
        raise errors.Conflict("Ca này không phải ca đang mở của bạn; hãy tải lại trang.")
    await shifts.close(tx, own.shift_id, _counted(form), reason=form.get("reason", ""))
    return own.shift_id


def _counted(form: dict[str, str]) -> int:
    """What lies in the drawer: the notes, and what was typed besides. Raises errors.Invalid."""
    notes = sum(one * amounts_typed.read_counted(form.get(f"note-{one}", "")) for one in NOTES)
    other = form.get("other", "")
    total = notes + (amounts_typed.read(other, may_be_nothing=True) if other else 0)
    if total > amounts_typed.AMOUNT_MAX:
        raise errors.Invalid("Số tiền mỗi lần không quá 10 tỷ đồng. Hãy kiểm tra lại các số 0.")
    return total


async def _render(
    request: Request,
    actor: Actor,
    *,
    form: dict[str, str] | None = None,
    counted: int | None = None,
    fault: str = "",
    status: int = 200,
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/billing/shifts")
        may_manage = roles.may(actor, "bills.manage")
        own = await shifts.current(tx) if may_manage else None
        values: dict[str, Any] = await _drawer(tx, own) if own else {}
        running = [one for one in await shifts.open_now(tx) if own is None or one.shift_id != own.shift_id]
        return rendering.render(
            request,
            "billing/shifts.html",
            status=status,
            own=own,
            drawer=values,
            may_manage=may_manage,
            notes=NOTES,
            counted=counted,
            running=running,
            forgotten=sum(one.is_forgotten(tx.now) for one in running),
            earlier=await shifts.listed(tx, is_open=False, limit=_EARLIER),
            may_close=roles.may(actor, "shifts.close-for"),
            now=tx.now,
            kinds=visit.KINDS,
            methods=visit.METHODS,
            form=form or {},
            fault=fault,
            done=request.query_params.get("done", ""),
        )


async def _drawer(tx: Transaction, own: Shift) -> dict[str, Any]:
    count, sums = await receipts.sums_of_shift(tx, own.shift_id)
    return {
        "receipts": await receipts.listed(tx, shift_id=own.shift_id, limit=_SHOWN),
        "count": count,
        "sums": sums,
        "expected": await shifts.expected(tx, own.shift_id),
        "is_forgotten": own.is_forgotten(tx.now),
    }


ROUTES = (
    Route("/billing/shifts", index),
    Route("/billing/shifts", change, methods=["POST"]),
    Route("/billing/shifts/{id}", show),
    Route("/billing/shifts/{id}", close_for, methods=["POST"]),
)
