"""Pages of the noun "visit" at the insurance desk: the cost statement before it is closed, its signature, its versions."""

from __future__ import annotations

import hmac
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import patients, resources, signing, visit_category, visit_end, visit_facts
from lienmach.care.claims import preflight
from lienmach.care.money import accounts, statements
from lienmach.care.money.accounts import Account
from lienmach.departments.insurance import (
    claim_words,
    desk_rights,
    mending,
    signing_session,
    statement_changes,
    statement_sheet,
)
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
WHYS = {
    "no-card": "không có thẻ",
    "late-card": "trước khi trình thẻ",
    "ended-card": "thẻ hết hạn",
    "rate-0": "đối tượng không được quỹ trả",
    "out-of-scope": "ngoài phạm vi BHYT",
}
_BY_RULE = "Theo quy tắc: thẻ, nơi đăng ký ban đầu và cấp của cơ sở."
_BY_PAPER = "Theo giấy tờ đã xem ở tiếp đón."
_CHOSEN = "Do người ký chọn khi kết thúc khám; quy tắc cho đối tượng khác."
_CHANGED = "Số tiền đã đổi sau khi bạn xem; hãy đọc lại rồi chốt."


@page("statements.close")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/visits/{id} — the statement of a visit (an Encounter's id) as it would be closed, or as it was."""
    return await _render(request, actor)


@page("statements.close")
async def close(request: Request, actor: Actor) -> Response:
    """POST /insurance/visits/{id} — sign and close it; says so only when it is durable."""
    own = checked_id(request)
    form = {name: str(value)[:200] for name, value in (await request.form()).items()}
    store = request.app.state.store
    try:
        signer = await signing.signer_for(
            store, actor, session_key=signing_session.key_of(request), pin=form.get("pin") or None
        )
    except signing.SigningRefused as refused:
        return await _render(request, actor, form=form, refused=refused, status=422)

    async def work(tx: Transaction) -> None:
        await _account(tx, own)
        draft = await statements.draft(tx, own)
        if not hmac.compare_digest(draft.digest, form.get("shown", "")):
            raise errors.Conflict(_CHANGED)
        found = await preflight.stored(tx, own)
        if any(one.level == "error" for one in found) and form.get("seen") != "1":
            raise errors.Unprocessable("Còn lỗi phải sửa. Hãy xem các lỗi, rồi đánh dấu đã xem nếu vẫn chốt.")
        await statements.close(tx, own, signer, reason=form.get("reason", ""))

    try:
        await store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as failure:
        return await _render(request, actor, form=form, failure=failure, status=failure.status)
    return RedirectResponse(f"/insurance/visits/{own}?done=closed", 303)


@page("claims.manage")
async def make_self_pay(request: Request, actor: Actor) -> Response:
    """POST /insurance/visits/{id}/category — make the visit the patient's own (category 9), with a reason `why`."""
    own = checked_id(request)
    form = {name: str(value)[:200] for name, value in (await request.form()).items()}

    async def work(tx: Transaction) -> None:
        await _account(tx, own)
        await statements.make_self_pay(tx, own, form.get("why", ""))

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as failure:
        return await _render(request, actor, form=form, failure=failure, status=failure.status)
    return RedirectResponse(f"/insurance/visits/{own}?done=category", 303)


async def _account(tx: Transaction, encounter_id: str) -> Account:
    account = await accounts.of_visit(tx, encounter_id)
    if account is None:
        raise errors.NotFound("Lượt khám này chưa kết thúc nên chưa có bảng kê; chờ bác sĩ ký.")
    return account


async def _render(
    request: Request,
    actor: Actor,
    *,
    form: dict[str, str] | None = None,
    refused: signing.SigningRefused | None = None,
    failure: errors.Failure | None = None,
    status: int = 200,
) -> Response:
    own = checked_id(request)
    pin_fault = rendering.text(request, refused.key, **refused.values) if refused else ""
    state = await signing.state_of(
        request.app.state.store, actor, session_key=signing_session.key_of(request), fault=pin_fault
    )
    async with request.app.state.store.begin(actor) as tx:
        account = await _account(tx, own)
        values = await _values(tx, actor, account)
        values |= {
            "banner": await patients.read_banner(tx, account.patient_id, en=shell.language_of(request) == "en"),
            "form": {"reason": "", "why": "", **(form or {})},
            "sentences": [rendering.sentence(request, failure)] if failure else [],
            "signing_state": state,
            "done": request.query_params.get("done", "") if not failure else "",
            "words": claim_words,
            "why_words": WHYS,
        }
        return rendering.render(request, "insurance/visit.html", status=status, **values)


async def _values(tx: Transaction, actor: Actor, account: Account) -> dict[str, Any]:
    own, may = account.encounter_id, desk_rights.of(actor)
    encounter = await resources.read(tx, "Encounter", own)
    current = await statements.current(tx, own)
    fault, draft = "", None
    try:
        draft = await statements.draft(tx, own)
    except errors.Unprocessable as problem:
        fault = problem.text
    is_stale = bool(current and draft and draft.is_changed)
    state = "running" if account.state == "running" else "stale" if is_stale else "closed" if current else "finished"
    shown = current if state == "closed" else draft
    may_close = state in ("finished", "stale") and draft is not None and not draft.refusal
    findings = await preflight.stored(tx, own)
    waiting = await accounts.listed(tx, states=("finished",), is_insured=True, limit=2)
    return {
        "account": account,
        "state": state,
        "current": current,
        "changes": statement_changes.between(current.lines, draft.lines) if is_stale and current and draft else [],
        "findings": mending.of_findings(actor, own, account.patient_id, findings),
        "has_errors": any(one.level == "error" for one in findings),
        "fault": fault,
        "sheet": statement_sheet.of(shown.lines, getattr(shown, "amounts", shown)) if shown else None,
        "remarks": draft.remarks if draft else (),
        "line_vnd": draft.amounts.line_vnd if draft else 0,
        "is_below_line": bool(draft and draft.amounts.is_below_line),
        "excluded": draft.excluded if draft and state != "closed" else (),
        "shown": draft.digest if draft else "",
        "refusal": draft.refusal if draft and state != "closed" else "",
        "may": may,
        "may_close": may_close,
        "next_visit": next((one.encounter_id for one in waiting if one.encounter_id != own), ""),
        **await _category(tx, encounter),
        "may_make_self_pay": may.manage and account.is_insured and account.state != "running",
        "versions": await _versions(tx, own),
    }


async def _category(tx: Transaction, encounter: dict[str, Any]) -> dict[str, Any]:
    code, day = visit_facts.category_of(encounter), visit_facts.day_of(encounter, tx.tenant.time_zone, tx.now)
    choices = await visit_category.choices(tx, day)
    decided = await visit_end.category_of(tx, encounter)
    why = _BY_PAPER if code in visit_category.BY_PAPER else _BY_RULE if code == decided else _CHOSEN
    return {
        "category_code": code,
        "category_name": next((one.name for one in choices if one.code == code), ""),
        "category_why": why,
        "is_provisional": visit_facts.is_category_provisional(encounter),
    }


async def _versions(tx: Transaction, encounter_id: str) -> list[tuple[Any, list[statement_changes.Change]]]:
    """Versions, newest first, each with what it changed."""
    found = await statements.versions(tx, encounter_id)
    pairs = zip([None, *found], found, strict=False)
    return [(one, statement_changes.between(before.lines, one.lines) if before else []) for before, one in pairs][::-1]


def checked_id(request: Request) -> str:
    """The Encounter's id in the path. Raises errors.NotFound for what cannot be one."""
    own = str(request.path_params["id"])
    if not _ID.fullmatch(own):
        raise errors.NotFound("Không có lượt khám này.")
    return own


ROUTES = (
    Route("/insurance/visits/{id}", show),
    Route("/insurance/visits/{id}", close, methods=["POST"]),
    Route("/insurance/visits/{id}/category", make_self_pay, methods=["POST"]),
)
