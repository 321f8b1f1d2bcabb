"""Page of the noun "visit": one bill. The files visit_*.py change it and show this page again when something is wrong."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors, ids
from lienmach.base.actor import Actor
from lienmach.care import banner, paper_codes, patients, resources, signing, systems, visit_facts
from lienmach.care.claims import preflight
from lienmach.care.money import accounts, einvoices, ledger, payment_requests, poll_turns, receipts, shifts
from lienmach.care.money.payment_requests import PaymentRequest
from lienmach.care.money.receipts import Receipt
from lienmach.departments.billing import bill, visits
from lienmach.departments.billing.bill import Bill
from lienmach.identity import roles
from lienmach.record import access
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.rules.findings import ERROR, Finding
from lienmach.standards.vietnam import number_words
from lienmach.web import rendering, sessions, shell
from lienmach.web.pages import page

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_TOLD = {
    "closed": "Đã chốt và ký bảng kê.",
    "paid": "Đã thu tiền.",
    "received": "Đã nhận tiền chuyển khoản.",
    "deposit": "Đã nhận tạm ứng.",
    "refunded": "Đã hoàn tiền.",
    "credit": "Đã cho nợ; dược được cấp thuốc.",
    "invoice": "Đã gửi yêu cầu hoá đơn điện tử.",
}
METHODS = {"cash": "Tiền mặt", "transfer": "Chuyển khoản"}
KINDS = {"payment": "Thu", "deposit": "Tạm ứng", "refund": "Hoàn"}


@dataclass(frozen=True)
class Refusal:
    """Why a form was not done. part: the form: statement, cash, deposit, refund, credit, request, invoice."""

    part: str
    sentence: str
    status: int = 422


@page("bills.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /billing/visits/{id} — the bill with everything that may be done to it now."""
    return await render(request, actor)


async def render(
    request: Request,
    actor: Actor,
    *,
    form: dict[str, str] | None = None,
    refusal: Refusal | None = None,
    refused: signing.SigningRefused | None = None,
) -> Response:
    """The page; after a refusal with what was typed and the sentence beside its form."""
    fault = rendering.text(request, refused.key, **refused.values) if refused else ""
    state = await signing.state_of(request.app.state.store, actor, session_key=cookie(request), fault=fault)
    encounter_id = checked_id(request)
    async with request.app.state.store.begin(actor) as tx:
        if not _may_read_lines(tx):
            return await _short(tx, request, encounter_id)
        found = await bill.read(tx, encounter_id)
        known = await patients.read_banner(
            tx, visit_facts.patient_of(found.encounter), en=shell.language_of(request) == "en"
        )
        asked = await payment_requests.of_visit(tx, encounter_id)
        findings = await preflight.stored(tx, encounter_id)
        return rendering.render(
            request,
            "billing/visit.html",
            status=422 if refused else refusal.status if refusal else 200,
            **_rights(actor),
            **_money(request, found, known),
            **await _till(tx, actor),
            visit_id=encounter_id,
            number=resources.identifier_of(found.encounter, systems.VISIT),
            bill=found,
            banner=known,
            badge=visits.BADGES[found.standing],
            poll=await poll_turns.state(tx),
            codes=[_code(one) for one in asked if one.state == "open" and _is_shown(one, found)],
            stamp=stamp(bill.standing_of(found.account), found.due, found.receipts),
            invoices_of_visit=await einvoices.of_visit(tx, encounter_id),
            findings=findings,
            holding=holding(findings, found),
            key=ids.new_id(),
            form=form or {},
            refusal=refusal,
            signing_state=state,
            **_told(request, found),
        )


def holding(findings: Sequence[Finding], found: Bill) -> list[Finding]:
    """The findings that hold the claim of an insured visit back; who closes its statement sees them first."""
    if found.account is None or not found.account.is_insured:
        return []
    return [one for one in findings if one.level == ERROR]


def _may_read_lines(tx: Transaction) -> bool:
    """Whether the role may see what was done: the desk of reception sees what is due, and no more."""
    try:
        access.check(tx, "read", "Invoice")
        access.check(tx, "read", "MedicationRequest")
    except errors.Refused:
        return False
    return True


async def _short(tx: Transaction, request: Request, encounter_id: str) -> Response:
    """The page for whoever may not see the lines."""
    encounter = await resources.read(tx, "Encounter", encounter_id)
    account = await accounts.of_visit(tx, encounter_id)
    standing = bill.standing_of(account)
    large = 0 if account is None else bill.owed(account) if standing == "refund" else max(account.due, 0)
    return rendering.render(
        request,
        "billing/visit_short.html",
        banner=await patients.read_banner(tx, visit_facts.patient_of(encounter), en=shell.language_of(request) == "en"),
        account=account,
        standing=standing,
        badge=visits.BADGES[standing],
        large=large,
        receipts=await receipts.of_visit(tx, encounter_id),
        kinds=KINDS,
    )


def _rights(actor: Actor) -> dict[str, Any]:
    return {"may_manage": roles.may(actor, "bills.manage"), "may_close": roles.may(actor, "statements.close")}


def _money(request: Request, found: Bill, known: banner.Banner) -> dict[str, Any]:
    """The sums in words and the sentences about them."""
    large = found.total if found.standing in ("open", "close") else max(found.due, 0)
    owed = bill.owed(found.account) if found.account else 0
    if found.standing == "refund":
        large = owed
    return {
        "large": large,
        "owed": owed,
        "large_words": number_words.in_words(large) if large <= number_words.NUMBER_MAX else "",
        "reasons": [_said(request, source, values) for source, values in found.reasons],
        "why_not": {one.charge_id: bill.why_not(one) for one in found.lines},
        "is_insured": found.account.is_insured if found.account else known.insurance != "",
        "methods": METHODS,
        "kinds": KINDS,
    }


def _said(request: Request, source: str, values: dict[str, Any]) -> str:
    filled = {name: value if isinstance(value, str) else bill.dong(value) for name, value in values.items()}
    return rendering.text(request, source, **filled)


async def _till(tx: Transaction, actor: Actor) -> dict[str, Any]:
    """The open shift of the cashier and what lies in its drawer."""
    own = await shifts.current(tx) if roles.may(actor, "bills.manage") else None
    return {"shift": own, "drawer": await ledger.balance(tx, "1111", own.shift_id) if own else None}


def _is_shown(one: PaymentRequest, found: Bill) -> bool:
    """Whether an open request still fits the bill."""
    if one.kind == "deposit":
        return found.standing in ("open", "close")
    return found.account is not None and found.due > 0 and payment_requests.is_current(one, found.account)


def _code(one: PaymentRequest) -> dict[str, Any]:
    return {"request": one, "svg": Markup(paper_codes.qr(one.payload))}  # drawn here: a path of squares


def _told(request: Request, found: Bill) -> dict[str, Any]:
    """What the last step did, from the address that it led to: words, the receipt and the change to hand back."""
    done = request.query_params.get("done", "")
    number = request.query_params.get("receipt", "")
    receipt = next((one for one in found.receipts if one.number == number), None)
    change = 0
    if receipt is not None and receipt.method == "cash" and (given := request.query_params.get("given", "")):
        change = max(int(given) - receipt.amount, 0) if given.isdecimal() and len(given) <= 12 else 0
    return {"told": _TOLD.get(done, ""), "receipt": receipt, "change": change}


def stamp(standing: str, due: int, known: tuple[Receipt, ...]) -> str:
    """What the page stands on: another one says that somebody or the bank changed it meanwhile."""
    text = f"{standing}|{due}|{'|'.join(one.number for one in known)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def checked_id(request: Request) -> str:
    """The id of the visit that the address names. Raises errors.NotFound for what cannot be one."""
    own = str(request.path_params["id"])
    if not _ID.fullmatch(own):
        raise errors.NotFound("Không có lượt khám này.")
    return own


def cookie(request: Request) -> bytes:
    """What binds an unlocked signing key to this session."""
    session = sessions.found(request)
    return session.cookie.encode() if session else b""


async def form_of(request: Request, names: str) -> dict[str, str]:
    """The fields of a form by name, cut to 300 letters. names: divided by spaces."""
    sent = await request.form()
    return {name: str(sent.get(name, "")).strip()[:300] for name in names.split()}


def request_key(form: dict[str, str]) -> str:
    """The key of a form: the same again is the same step. Raises errors.Invalid for a form without one."""
    if not _ID.fullmatch(form.get("key", "")):
        raise errors.Invalid("Biểu mẫu này đã cũ. Hãy tải lại trang rồi làm lại.")
    return form["key"]


ROUTES = (Route("/billing/visits/{id}", show),)
