"""Pages of the noun "ledger": the trial balance, the entries of a day with the visit of each, and both as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care.money import ledger
from lienmach.care.money.ledger import Entry, Posting
from lienmach.departments.billing import bill
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

#: kind of an entry -> words (keys)
KINDS = {
    "statement": "Chốt bảng kê",
    "statement-reversal": "Huỷ bảng kê cũ",
    "payment": "Thu tiền",
    "deposit": "Nhận tạm ứng vào",
    "deposit-applied": "Trừ tạm ứng",
    "refund": "Hoàn tiền",
    "shift-open": "Mở ca thu",
    "shift-close": "Chốt ca thu",
    "bank-unmatched": "Chuyển khoản chưa rõ",
    "bank-assigned": "Gán chuyển khoản",
    "bank-returned": "Trả lại chuyển khoản",
    "fund-payment": "Quỹ BHYT thanh toán",
}
_SHOWN = 100
_EXPORTED = 50_000
_MARK_DIGITS_MAX = 18
_COLUMNS = ("entry", "at", "kind", "cause", "visit", "account", "account_name", "sub", "debit", "credit", "by", "note")


@page("ledger.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /billing/ledger?day=&before= — what stands on each account now, and what was booked on a day.

    before: the entry whose page of older ones is wanted.
    """
    async with request.app.state.store.begin(actor) as tx:
        on, typed, fault = _day(request, tx)
        tx.access.note("search-type", query="/billing/ledger")
        trial = await ledger.trial(tx)
        mark = request.query_params.get("before", "")
        before = int(mark) if mark.isascii() and mark.isdecimal() and len(mark) <= _MARK_DIGITS_MAX else None
        found = await _entries(tx, on, _SHOWN + 1, before=before)
        shown = found[:_SHOWN]
        return rendering.render(
            request,
            "billing/ledger.html",
            on=on,
            typed=typed,
            fault=fault,
            day_before=on - timedelta(days=1),
            day_after=on + timedelta(days=1),
            is_today=on >= tx.now.astimezone(tx.tenant.time_zone).date(),
            **_balances(trial),
            entries=[(one, [_side(posting) for posting in one.postings]) for one in shown],
            older=shown[-1].entry_id if len(found) > _SHOWN else 0,
            is_first=before is None,
            names=ledger.ACCOUNTS,
            kinds=KINDS,
        )


@page("ledger.read")
async def export(request: Request, actor: Actor) -> Response:
    """GET /billing/ledger/export?day= — the postings of a day as CSV, oldest first; no name of a person is in it."""
    async with request.app.state.store.begin(actor) as tx:
        on, _, _ = _day(request, tx)
        tx.access.note("search-type", query="/billing/ledger/export")
        found = await _entries(tx, on, _EXPORTED)
        out = io.StringIO()
        table = csv.writer(out)
        table.writerow(_COLUMNS)
        for one in reversed(found):
            table.writerows(_rows(one, tx))
    name = f"ledger-{on.isoformat()}.csv"
    body = ("\ufeff" + out.getvalue()).encode()  # the mark tells spreadsheets that it is UTF-8
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


def _balances(trial: dict[str, Decimal]) -> dict[str, Any]:
    """accounts: (account, title, debit, credit) as text, "" for nothing; their sums; difference: text, "" for none."""
    amounts = {account: trial.get(account, Decimal(0)) for account in ledger.ACCOUNTS}
    difference = sum(trial.values(), Decimal(0))
    return {
        "accounts": [
            (account, title, bill.dong(amounts[account]) if amounts[account] > 0 else "",
             bill.dong(-amounts[account]) if amounts[account] < 0 else "")
            for account, title in ledger.ACCOUNTS.items()
        ],
        "debits": bill.dong(sum((one for one in amounts.values() if one > 0), Decimal(0))),
        "credits": bill.dong(-sum((one for one in amounts.values() if one < 0), Decimal(0))),
        "difference": bill.dong(difference) if difference else "",
    }  # fmt: skip


def _side(posting: Posting) -> tuple[bool, str, str]:
    """(is it a debit, account, amount as text)."""
    return posting.amount > 0, posting.account, bill.dong(abs(posting.amount))


def _rows(one: Entry, tx: Transaction) -> Iterator[list[str]]:
    at = one.at.astimezone(tx.tenant.time_zone).isoformat(timespec="seconds")
    for posting in one.postings:
        debit = str(posting.amount) if posting.amount > 0 else ""
        credit = str(-posting.amount) if posting.amount < 0 else ""
        cells = [one.encounter_id, posting.account, ledger.ACCOUNTS[posting.account], posting.sub, debit, credit]
        yield [str(one.entry_id), at, one.kind, _plain(one.cause), *cells, _plain(one.by), _plain(one.note)]


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


async def _entries(tx: Transaction, on: date, limit: int, *, before: int | None = None) -> list[Entry]:
    start = datetime.combine(on, time(), tx.tenant.time_zone)
    return await ledger.entries(tx, from_at=start, to_at=start + timedelta(days=1), limit=limit, before=before)


def _day(request: Request, tx: Transaction) -> tuple[date, str, str]:
    """(the day asked for, as typed, what is wrong with it); today for none."""
    typed = request.query_params.get("day", "").strip()[:20]
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    read = forms.read_date(typed, tx.now)
    if typed and (read.fault or len(read.fhir) != 10):
        return today, typed, rendering.text(request, "Ngày chưa đúng. Viết như 21/11/2026.")
    return (date.fromisoformat(read.fhir) if typed else today), typed, ""


ROUTES = (Route("/billing/ledger", index), Route("/billing/ledger/export", export))
