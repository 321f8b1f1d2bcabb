"""What changes what a visit owes: cash taken, a deposit, a refund, and letting it stand over ("cho nợ").

Every form carries a key: sent twice, it is done once, and the second answer leads to the same receipt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.money import accounts, payments
from lienmach.departments.billing import amounts_typed, visit
from lienmach.departments.billing.visit import Refusal
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("bills.manage")
async def take(request: Request, actor: Actor) -> Response:
    """POST /billing/visits/{id}/payments — cash: `amount` of the bill, all of it or a part; `given`: what was handed."""
    form = await visit.form_of(request, "key amount given")

    async def work(tx: Transaction) -> payments.Done:
        amount = amounts_typed.read(form["amount"])
        if form["given"] and amounts_typed.read(form["given"]) < amount:
            raise errors.Invalid("Tiền khách đưa ít hơn số tiền thu. Hãy sửa số tiền thu nếu chỉ thu một phần.")
        return await payments.take(
            tx, visit.checked_id(request), amount, method="cash", request_key=visit.request_key(form)
        )

    given = f"&given={amounts_typed.read(form['given'])}" if _is_amount(form["given"]) else ""
    return await _do(request, actor, "cash", form, work, f"done=paid{given}")


@page("bills.manage")
async def deposit(request: Request, actor: Actor) -> Response:
    """POST /billing/visits/{id}/deposits — cash that is held until the statement is closed."""
    form = await visit.form_of(request, "key amount")

    async def work(tx: Transaction) -> payments.Done:
        return await payments.take_deposit(
            tx, visit.checked_id(request), amounts_typed.read(form["amount"]), method="cash",
            request_key=visit.request_key(form),
        )  # fmt: skip

    return await _do(request, actor, "deposit", form, work, "done=deposit")


@page("bills.manage")
async def refund(request: Request, actor: Actor) -> Response:
    """POST /billing/visits/{id}/refunds — give back `amount` with a `reason`, in cash or by transfer (`method`)."""
    form = await visit.form_of(request, "key amount reason method")

    async def work(tx: Transaction) -> payments.Done:
        if form["method"] not in visit.METHODS:
            raise errors.Invalid("Hãy chọn hoàn bằng tiền mặt hay chuyển khoản.")
        amount = amounts_typed.read(form["amount"])
        return await payments.refund(
            tx, visit.checked_id(request), amount, method=form["method"], reason=form["reason"],
            request_key=visit.request_key(form),
        )  # fmt: skip

    return await _do(request, actor, "refund", form, work, "done=refunded")


@page("bills.manage")
async def allow_credit(request: Request, actor: Actor) -> Response:
    """POST /billing/visits/{id}/credit — the patient pays later, with a `reason`; the dispensary may give out."""
    form = await visit.form_of(request, "reason")

    async def work(tx: Transaction) -> None:
        accounts.allow_credit(tx, (await accounts.read(tx, visit.checked_id(request))).encounter_id, form["reason"])

    return await _do(request, actor, "credit", form, work, "done=credit")


async def _do(
    request: Request,
    actor: Actor,
    part: str,
    form: dict[str, str],
    work: Callable[[Transaction], Awaitable[payments.Done | None]],
    told: str,
) -> Response:
    """Run a step; then its receipt, or the page again with what was typed."""
    encounter_id = visit.checked_id(request)
    try:
        done = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        refusal = Refusal(part, rendering.sentence(request, problem), problem.status)
        return await visit.render(request, actor, form=form, refusal=refusal)
    number = f"&receipt={done.receipt.number}" if done is not None and done.receipt is not None else ""
    return RedirectResponse(f"/billing/visits/{encounter_id}?{told}{number}", 303)


def _is_amount(text: str) -> bool:
    try:
        amounts_typed.read(text)
    except errors.Invalid:
        return False
    return True


ROUTES = (
    Route("/billing/visits/{id}/payments", take, methods=["POST"]),
    Route("/billing/visits/{id}/deposits", deposit, methods=["POST"]),
    Route("/billing/visits/{id}/refunds", refund, methods=["POST"]),
    Route("/billing/visits/{id}/credit", allow_credit, methods=["POST"]),
)
