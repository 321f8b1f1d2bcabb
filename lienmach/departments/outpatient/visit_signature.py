"""Pages of the noun "signature of a visit": exactly what will be signed, what is missing, and one PIN for all of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import (
    catalogues,
    drafts,
    drug_safety,
    notes,
    orders,
    prescription_words,
    prescriptions,
    signing,
    visit_category,
    visit_end,
    visit_facts,
    visits,
)
from lienmach.care.drug_danger import Danger
from lienmach.care.drug_lines import RxLine
from lienmach.care.resources import Resource
from lienmach.departments.outpatient import chart, note_drafts, preflight, refusals, visit_prescription_form
from lienmach.departments.outpatient.note_drafts import NoteDraft
from lienmach.departments.outpatient.visit_orders_frame import checked_id
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, sessions
from lienmach.web.pages import page

_DISCHARGED = "1"  # MA_LOAI_RV: the ordinary end


@dataclass(frozen=True)
class Content:
    """What one signature will cover. lines: of the prescription that is written with it; written: lines stored before.

    faults: of lines that cannot be understood. digest: of all of it, so that what is shown is what is signed.
    """

    note: NoteDraft
    lines: tuple[RxLine, ...]
    reasons: dict[str, str]
    has_line_faults: bool
    dangers: list[Danger]
    orders: list[Resource]
    written: list[Resource]
    digest: str


@page("visits.sign")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/signature — the preview, the list of what is missing, the form."""
    return await _render(request, actor)


@page("visits.sign")
async def sign(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/signature — sign and end the visit; says so only when it is durable."""
    encounter_id = checked_id(request)
    form = {name: str(value)[:200] for name, value in (await request.form()).items()}
    store = request.app.state.store
    cookie = _cookie(request)
    try:
        signer = await signing.signer_for(store, actor, session_key=cookie, pin=form.get("pin") or None)
    except signing.SigningRefused as refused:
        return await _render(request, actor, form=form, refused=refused, status=422)

    async def work(tx: Transaction) -> None:
        encounter = await visits.read(tx, encounter_id)
        visits.check_open(tx, encounter)
        content = await _content(tx, encounter)
        if not hmac.compare_digest(content.digest, form.get("shown", "")):
            raise errors.Conflict("Nội dung đã đổi sau khi bạn xem; hãy đọc lại rồi ký.")
        if content.has_line_faults:
            raise errors.Unprocessable("Đơn thuốc nháp còn dòng chưa đủ liều, số lần hoặc số ngày.")
        ending = visit_end.Ending(
            content.note.texts, content.note.main, content.note.others, content.lines, content.reasons
        )
        await visits.finish(
            tx, encounter_id, signer, result=form.get("result", ""), outcome=form.get("outcome", ""),
            category=form.get("category", ""), ending=ending,
        )  # fmt: skip

    try:
        await store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as failure:
        return await _render(request, actor, form=form, failure=failure, status=failure.status)
    return RedirectResponse(f"/outpatient/visits/{encounter_id}/addenda?signed=1", 303)


async def _content(tx: Transaction, encounter: Resource) -> Content:
    own = encounter["id"]
    note = await note_drafts.current(tx, encounter)
    kept = await drafts.find(tx, "prescription", own)
    typed = visit_prescription_form.of_draft(kept.data if kept else {})
    read = [visit_prescription_form.read(one)[0] for one in typed.lines]
    lines = tuple(one for one in read if one is not None)
    patient_id = visit_facts.patient_of(encounter)
    dangers = await drug_safety.check(tx, patient_id, list(lines), encounter_id=own) if lines else []
    placed = [
        one
        for one in await orders.of_visit(tx, own)
        if one.get("status") in ("active", "completed") and orders.kind_of(one) != "exam"
    ]
    written = await prescriptions.of_visit(tx, own)
    told = {
        "note": note.data(),
        "lines": [{name: str(value) for name, value in asdict(one).items()} for one in lines],
        "reasons": typed.reasons,
        "orders": sorted(one["id"] for one in placed),
        "written": sorted(f"{one['id']}/{one['meta']['versionId']}" for one in written),
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Content(note, lines, typed.reasons, len(lines) < len(read), dangers, placed, written, digest)


async def _render(
    request: Request,
    actor: Actor,
    *,
    form: dict[str, str] | None = None,
    refused: signing.SigningRefused | None = None,
    failure: errors.Failure | None = None,
    status: int = 200,
) -> Response:
    encounter_id = checked_id(request)
    fault = rendering.text(request, refused.key, **refused.values) if refused else ""
    state = await signing.state_of(request.app.state.store, actor, session_key=_cookie(request), fault=fault)
    async with request.app.state.store.begin(actor) as tx:
        encounter = await visits.read(tx, encounter_id)
        if not visit_facts.is_open(encounter):
            return RedirectResponse(f"/outpatient/visits/{encounter_id}/addenda", 303)
        content = await _content(tx, encounter)
        diagnoses = await chart.diagnosis_lines(tx, encounter, content.note)
        missing = await preflight.of_visit(
            tx, encounter, content.note, diagnoses,
            has_drugs=bool(content.lines or content.written), dangers=content.dangers, reasons=content.reasons,
            has_line_faults=content.has_line_faults,
        )  # fmt: skip
        day = tx.now.astimezone(tx.tenant.time_zone).date()
        decided = await visit_end.category_of(tx, encounter)
        category = (form or {}).get("category") or decided
        signs_from = await visit_end.signs_from(tx, encounter, category, [one.days for one in content.lines])
        values: dict[str, Any] = {
            **await chart.frame(tx, request, actor, encounter),
            **await chart.banner_values(tx, request, encounter),
            "content": content,
            "sections": notes.SECTIONS,
            "diagnoses": diagnoses,
            "drugs": await _drugs(tx, content),
            "missing": missing,
            "is_blocked": any(one.level == preflight.BAD for one in missing),
            "results": await catalogues.all_of(tx, "ket-qua-dtri", on=day),
            "outcomes": await catalogues.all_of(tx, "ma-loai-rv", on=day),
            "categories": await visit_category.choices(tx, day),
            "decided": decided,
            "chosen": {"outcome": _DISCHARGED, "category": decided, "result": "", **(form or {})},
            "signing_state": state,
            "signs_from": f"{signs_from:%H:%M}" if signs_from else "",
            "wait_seconds": math.ceil((signs_from - tx.now).total_seconds()) if signs_from else 0,
            "sentences": refusals.sentences_of(request, failure) if failure else [],
        }
        return rendering.render(request, "outpatient/visit_signature.html", status=status, **values)


async def _drugs(tx: Transaction, content: Content) -> list[dict[str, Any]]:
    """The lines of the prescription as they read on paper: those written before, then those that are written now."""
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    stored = [prescriptions.line_of(one) for one in content.written]
    rows = await catalogues.get_many(tx, "drug", [one.drug_code for one in (*stored, *content.lines)], on=day)
    return [
        {
            "name": rows[one.drug_code].name if one.drug_code in rows else one.drug_code,
            "words": prescription_words.dosage(one, rows[one.drug_code]) if one.drug_code in rows else "",
            "is_insured": one.payer == "bhyt",
            "is_new": index >= len(stored),
        }
        for index, one in enumerate((*stored, *content.lines))
    ]


def _cookie(request: Request) -> bytes:
    session = sessions.found(request)
    return session.cookie.encode() if session else b""


ROUTES = (
    Route("/outpatient/visits/{id}/signature", show),
    Route("/outpatient/visits/{id}/signature", sign, methods=["POST"]),
)
