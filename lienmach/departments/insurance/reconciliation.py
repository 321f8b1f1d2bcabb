"""Pages of the noun "reconciliation": what the fund owes by the ledger and by month, and booking its list of payments.

A list is read, shown beside what is known here, and booked only if all of it can be: an unknown visit or more than the
fund owes is named and changes nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.claims import payments_of_fund
from lienmach.care.claims.payments_of_fund import FundLine, Paid
from lienmach.care.money import ledger
from lienmach.departments.insurance import claim_sums, claim_words, desk_rights, fund_list
from lienmach.departments.insurance.fund_list import Line, ListFault
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_FORM_BYTES_MAX = 4 * 1024 * 1024
_SHOWN_MAX = 200
UNKNOWN = "Không có lượt khám nào mang mã này; dòng này không làm thay đổi gì."
TOO_MUCH = "Nhiều hơn số quỹ còn nợ; dòng này không làm thay đổi gì."
LESS = "Ít hơn số đề nghị; phần còn lại quỹ vẫn nợ."
SAME = "Khớp"
_NOTHING = "Hãy dán danh sách hoặc chọn tệp của quỹ."


@dataclass(frozen=True)
class Compared:
    """One line beside what is known. paid: None for an unknown visit. text: a key of the words; is_wrong: not booked."""

    line: Line
    paid: Paid | None
    text: str
    is_wrong: bool

    @property
    def tone(self) -> str:
        """Of the tag."""
        return "bad" if self.is_wrong else "good" if self.text == SAME else "warn"


@page("claims.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/reconciliation — the receivable, the months, the form for the fund's list."""
    return await _render(request, actor)


@page("claims.manage", form_bytes_max=_FORM_BYTES_MAX)
async def take(request: Request, actor: Actor) -> Response:
    """POST /insurance/reconciliation — `step` preview reads a list (`file` or `text`, `batch`: its name), book books it."""
    form = await request.form()
    step, batch = str(form.get("step", "")), " ".join(str(form.get("batch", "")).split())[:60]
    if step not in ("preview", "book"):
        raise errors.Invalid("Hãy chọn xem trước hoặc ghi sổ.")
    name, content = await _content(form)
    if not content.strip() or not batch:
        text = _NOTHING if not content.strip() else "Hãy ghi tên danh sách của quỹ, như số công văn hoặc tháng."
        return await _render(request, actor, fault=rendering.text(request, text), batch=batch, status=422)
    lines, faults = await asyncio.to_thread(fund_list.read, name, content)
    if step == "preview" or faults:
        return await _render(request, actor, batch=batch, lines=lines, faults=faults, status=422 if faults else 200)

    async def work(tx: Transaction) -> int:
        return await payments_of_fund.reconcile(tx, batch, [_fund_line(one) for one in lines])

    try:
        booked = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as failure:
        fault = rendering.sentence(request, failure)
        return await _render(request, actor, batch=batch, lines=lines, fault=fault, status=failure.status)
    return RedirectResponse(f"/insurance/reconciliation?booked={booked}", 303)


async def _content(form: FormData) -> tuple[str, bytes]:
    """(name of the file, "" for what was pasted; bytes)."""
    file = form.get("file")
    if isinstance(file, UploadFile) and file.filename:
        return file.filename[:120], await file.read()
    return "", str(form.get("text", "")).encode()


def _fund_line(line: Line) -> FundLine:
    return FundLine(line.ma_lk, line.accepted, line.cut, line.reason, line.number)


async def _render(
    request: Request,
    actor: Actor,
    *,
    batch: str = "",
    lines: list[Line] | None = None,
    faults: list[ListFault] | None = None,
    fault: str = "",
    status: int = 200,
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/insurance/reconciliation")
        known = await payments_of_fund.paid_of(tx, [one.ma_lk for one in lines or ()])
        compared = [_compare(one, known.get(one.ma_lk)) for one in lines or ()]
        wrong = [one for one in compared if one.is_wrong]
        values: dict[str, Any] = {
            "receivable": (await ledger.trial(tx)).get("1312", Decimal(0)),
            "months": await claim_sums.by_month(tx),
            "changed_text": claim_words.WHAT_TO_DO,
            "changed": await claim_sums.first_changed(tx),
            "changed_count": await claim_sums.count_changed(tx),
            "batch": batch,
            "compared": [*wrong, *(one for one in compared if not one.is_wrong)][:_SHOWN_MAX],
            "more": max(0, len(compared) - _SHOWN_MAX),
            "count": len(compared),
            "wrong": len(wrong),
            "accepted": sum((one.line.accepted for one in compared), Decimal(0)),
            "cut": sum((one.line.cut for one in compared), Decimal(0)),
            "kept": _kept(lines or []),
            "faults": [(one.line, rendering.sentence(request, one.failure)) for one in (faults or [])[:_SHOWN_MAX]],
            "fault": fault,
            "booked": request.query_params.get("booked", "")[:6] if request.method == "GET" else "",
            "may": desk_rights.of(actor),
        }
        return rendering.render(request, "insurance/reconciliation.html", status=status, **values)


def _compare(line: Line, paid: Paid | None) -> Compared:
    if paid is None:
        return Compared(line, None, UNKNOWN, True)
    told = line.accepted + line.cut
    if told > paid.owed:
        return Compared(line, paid, TOO_MUCH, True)
    return Compared(line, paid, SAME if told == paid.owed else LESS, False)


def _kept(lines: list[Line]) -> str:
    """The list as the form carries it to its booking: read again then."""
    rows = ["MA_LK\tAccepted\tCut\tReason"]
    rows += [f"{one.ma_lk}\t{one.accepted}\t{one.cut}\t{' '.join(one.reason.split())}" for one in lines]
    return "\n".join(rows).replace('"', "'") if lines else ""


ROUTES = (Route("/insurance/reconciliation", show), Route("/insurance/reconciliation", take, methods=["POST"]))
