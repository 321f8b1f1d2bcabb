"""Pages of the noun "prescription of a visit": lines in the order on paper, dangers while they are typed, print, state.

Like the orders page: one form, each step sends all of it, keeps it as a draft and shows it again with what the lines
mean. Nothing is prescribed before the step `write`; what blocks cannot be written. After the end of the visit the same
form replaces a prescription that was sent, on the same day, under a signature of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import (
    catalogues,
    drafts,
    drug_facts,
    drug_safety,
    paper,
    papers_prescription,
    prescription_replacement,
    prescriptions,
    resources,
    signing,
    visit_facts,
)
from lienmach.care.drug_lines import RxLine
from lienmach.departments.outpatient import (
    order_sets,
    visit_orders_frame,
    visit_prescription_form,
    visit_prescription_lines,
)
from lienmach.departments.outpatient.visit_orders_frame import VisitFrame
from lienmach.departments.outpatient.visit_prescription_form import TypedPrescription
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering, sessions, shell
from lienmach.web.pages import page

FORM = "prescription"
_FOUND_MAX = 12
Said = tuple[str, str, dict[str, object]]  # words, kind of note, places
_NOTHING: Said = ("", "", {})


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/prescription — what is prescribed, and the form (htmx: block `prescription`)."""
    return await _render(request, actor)


@page("visits.sign")
async def find_drugs(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/prescription/drugs?find= — drugs and sets for the list below the field."""
    text = request.query_params.get("find", "").strip()[:80]
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        found = await _find(tx, text, frame)
        return rendering.render(request, "outpatient/visit_prescription.html", block="found", found=found, text=text)


@page("visits.sign")
async def change(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/prescription — `step` is a verb with an argument: add:CODE, set:CODE, drop:N, keep,

    find, repeat, edit:PRESCRIPTION, clear, write, replace (with a PIN, after the end), stop:MedicationRequest. Answers
    the form with what the lines mean.
    """
    form = await request.form()
    verb, _, argument = str(form.get("step", "keep")).partition(":")
    if verb == "stop":
        return _moved(await _stop(request, actor, argument, str(form.get(f"reason-of:{argument}", ""))))
    typed = visit_prescription_form.of_form({key: value for key, value in form.items() if isinstance(value, str)})
    if verb == "write":
        return _moved(await _write(request, actor, typed))
    if verb == "replace":
        return await _replace(request, actor, typed, pin=str(form.get("pin", "")))
    encounter_id = visit_orders_frame.checked_id(request)

    async def work(tx: Transaction) -> tuple[TypedPrescription, Said]:
        kept, said = await _changed(tx, encounter_id, typed, verb, argument)
        save(tx, encounter_id, kept)
        return kept, said

    kept, said = await request.app.state.store.run(actor, work)
    text = str(form.get("find", "")) if verb == "find" else ""
    is_new = verb == "add" and len(kept.lines) > len(typed.lines)
    focus = len(kept.lines) - 1 if is_new else "" if verb == "keep" else "find"
    return await _render(request, actor, typed=kept, said=said, text=text, focus=focus)


def _moved(answer: Response) -> Response:
    """Let the panels beside this one show what came of it."""
    answer.headers["HX-Trigger"] = "prescription-changed"
    return answer


@page("visits.read")
async def show_paper(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/prescription/paper?code= — the prescription of that code on A5, as PDF."""
    code = request.query_params.get("code", "")[:20]
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        data = await papers_prescription.sheet(tx, frame.encounter_id, code)
        pdf = await paper.render(tx, "prescription", data)
    return Response(
        pdf, media_type="application/pdf", headers={"Content-Disposition": "inline; filename=don-thuoc.pdf"}
    )


def save(tx: Transaction, encounter_id: str, typed: TypedPrescription) -> None:
    """Keep the form as the actor's draft, or drop the draft of an empty one."""
    if typed.lines:
        drafts.save(tx, FORM, encounter_id, visit_prescription_form.to_draft(typed))
    else:
        drafts.drop(tx, FORM, encounter_id)


async def _changed(
    tx: Transaction, encounter_id: str, typed: TypedPrescription, verb: str, argument: str
) -> tuple[TypedPrescription, Said]:
    today = visit_orders_frame.today(tx)
    dropped = forms.read_count(argument, most=999) if verb == "drop" else None
    if dropped is not None:
        return visit_prescription_form.without_line(typed, dropped), _NOTHING
    if verb == "clear":
        return TypedPrescription(), _NOTHING
    if verb == "add":
        drug = await catalogues.get(tx, "drug", argument, on=today)
        if drug is None:
            return typed, ("Không có thuốc này trong danh mục hôm nay; hãy gõ lại tên.", "warn", {})
        if any(one.drug_code == argument for one in typed.lines):
            return typed, ("Thuốc này đã có trong đơn; hãy sửa ở dòng của nó.", "warn", {})
        payer = await visit_prescription_lines.payer_of(tx, encounter_id, drug)
        return visit_prescription_form.with_line(typed, [visit_prescription_form.of_usual(drug, payer)]), _NOTHING
    if verb == "set":
        return await _with_set(tx, encounter_id, typed, argument)
    if verb == "repeat":
        return await _with_last(tx, encounter_id, typed)
    if verb == "edit":
        return await _edited(tx, encounter_id, argument)
    return typed, _NOTHING


async def _with_set(
    tx: Transaction, encounter_id: str, typed: TypedPrescription, code: str
) -> tuple[TypedPrescription, Said]:
    today = visit_orders_frame.today(tx)
    chosen = await order_sets.read(tx, code, on=today)
    if chosen is None:
        return typed, ("Bộ chỉ định này không còn hiệu lực.", "warn", {})
    lines = [
        {"drug_code": str(one.get("code", "")), **{k: v for k, v in one.items() if k != "code"}} for one in chosen.drugs
    ]
    added = visit_prescription_form.of_draft({"lines": lines}).lines
    known = await catalogues.get_many(tx, "drug", [one.drug_code for one in added], on=today)
    fitting = await visit_prescription_lines.with_payers(tx, encounter_id, added, known)
    return visit_prescription_form.with_line(typed, fitting), ("Đã thêm bộ {name}.", "", {"name": chosen.name})


async def _with_last(tx: Transaction, encounter_id: str, typed: TypedPrescription) -> tuple[TypedPrescription, Said]:
    """The lines of the person's last prescription; all of them are checked again like new ones."""
    encounter = await resources.read(tx, "Encounter", encounter_id)
    last = await prescriptions.last_of(
        tx, resources.id_of(encounter["subject"], "Patient"), before_encounter_id=encounter_id
    )
    if not last:
        return typed, ("Người bệnh chưa có đơn thuốc nào trước đây.", "warn", {})
    lines = [visit_prescription_form.of_line(prescriptions.line_of(one)) for one in last]
    known = await catalogues.get_many(tx, "drug", [one.drug_code for one in lines], on=visit_orders_frame.today(tx))
    fitting = await visit_prescription_lines.with_payers(tx, encounter_id, lines, known)
    left_out = len(lines) - len(fitting)
    words = "Đã chép đơn trước; mọi dòng đang được kiểm tra lại."
    if left_out:
        words = (
            "Đã chép đơn trước; {count} thuốc không còn trong danh mục nên bị bỏ ra. Mọi dòng đang được kiểm tra lại."
        )
    return visit_prescription_form.with_line(typed, fitting), (words, "warn" if left_out else "", {"count": left_out})


async def _edited(tx: Transaction, encounter_id: str, code: str) -> tuple[TypedPrescription, Said]:
    """The lines of a written prescription in the form again; saving them replaces it by a new one."""
    found = [
        one
        for one in await prescriptions.of_visit(tx, encounter_id)
        if one.get("status") == "active" and drug_safety.code_of(one) == code
    ]
    if not found:
        return TypedPrescription(), ("Không có đơn nào đang hiệu lực với mã này.", "warn", {})
    lines = tuple(visit_prescription_form.of_line(prescriptions.line_of(one)) for one in found)
    reasons: dict[str, str] = {}
    for one in found:
        reasons |= drug_facts.overrides_of(one)
    return TypedPrescription(lines, reasons, code), (
        "Đang sửa đơn {code}: khi lưu, đơn mới thay thế đơn này.",
        "",
        {"code": code},
    )


async def _write(request: Request, actor: Actor, typed: TypedPrescription) -> Response:
    encounter_id = visit_orders_frame.checked_id(request)

    async def work(tx: Transaction) -> int:
        if not visit_facts.is_open(await resources.read(tx, "Encounter", encounter_id)):
            raise errors.Conflict("Lượt khám đã kết thúc: chỉ thay được đơn đã có, và đơn mới phải được ký.")
        written = await prescriptions.write(
            tx, encounter_id, _lines_of(typed), reasons=typed.reasons, replaces=typed.replaces
        )
        drafts.drop(tx, FORM, encounter_id)
        return len(written)

    try:
        count = await request.app.state.store.run(actor, work)
    except errors.Failure as failure:
        return await _render(request, actor, typed=typed, failure=failure)
    said: Said = ("Đã lưu đơn thuốc, {count} dòng. Đơn được gửi đi khi kết thúc lượt khám.", "", {"count": count})
    return await _render(request, actor, typed=TypedPrescription(), said=said)


async def _replace(request: Request, actor: Actor, typed: TypedPrescription, *, pin: str) -> Response:
    """After the end of the visit: the form's lines in the place of a sent prescription, signed."""
    encounter_id, store = visit_orders_frame.checked_id(request), request.app.state.store
    try:
        signer = await signing.signer_for(store, actor, session_key=_cookie(request), pin=pin or None)
    except signing.SigningRefused as refused:
        return await _render(request, actor, typed=typed, refused=refused)

    async def work(tx: Transaction) -> str:
        made = await prescription_replacement.replace(
            tx, encounter_id, signer, typed.replaces, _lines_of(typed), reasons=typed.reasons
        )
        drafts.drop(tx, FORM, encounter_id)
        return ", ".join(sorted({drug_safety.code_of(resources.of(one)) for one in made}))

    try:
        code = await store.run(actor, work)
    except errors.Failure as failure:
        return await _render(request, actor, typed=typed, failure=failure)
    said: Said = (
        "Đã ký đơn {code} thay đơn {old}. Đơn cũ không cấp được nữa; hãy in đơn mới cho người bệnh.",
        "",
        {"code": code, "old": typed.replaces},
    )
    return await _render(request, actor, typed=TypedPrescription(), said=said)


def _lines_of(typed: TypedPrescription) -> list[RxLine]:
    read = [visit_prescription_form.read(one) for one in typed.lines]
    if any(line is None for line, _ in read):
        raise errors.Unprocessable("Còn dòng chưa đủ liều, số lần hoặc số ngày; hãy sửa các ô được đánh dấu.")
    return [line for line, _ in read if line is not None]


async def _stop(request: Request, actor: Actor, request_id: str, reason: str) -> Response:
    async def work(tx: Transaction) -> None:
        one = await resources.read(tx, "MedicationRequest", visit_orders_frame.checked(request_id))
        if resources.id_of(one.get("encounter"), "Encounter") != visit_orders_frame.checked_id(request):
            raise errors.NotFound("no such line in this visit")
        if not reason.strip():
            raise errors.Unprocessable("Hãy ghi lý do ngừng thuốc.")
        await prescriptions.stop(tx, request_id, reason)

    try:
        await request.app.state.store.run(actor, work)
    except errors.Failure as failure:
        return await _render(request, actor, failure=failure)
    return await _render(request, actor, said=("Đã ngừng dòng thuốc này.", "", {}))


async def _render(
    request: Request,
    actor: Actor,
    *,
    typed: TypedPrescription | None = None,
    said: Said = _NOTHING,
    failure: errors.Failure | None = None,
    refused: signing.SigningRefused | None = None,
    text: str = "",
    focus: int | str = "find",
) -> Response:
    """The page as it stands now. typed: None takes the draft. focus: the new line, or "find"."""
    fault = rendering.text(request, refused.key, **refused.values) if refused else ""
    state = await signing.state_of(request.app.state.store, actor, session_key=_cookie(request), fault=fault)
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        may_type = frame.may_change or frame.may_replace
        draft = await drafts.find(tx, FORM, frame.encounter_id) if typed is None and may_type else None
        if typed is None:
            typed = visit_prescription_form.of_draft(draft.data) if draft else TypedPrescription()
        shown = await visit_prescription_lines.of_form(tx, frame, typed, is_english=_is_english(request))
        insured = [one.drug_code for one in typed.lines if one.payer == "bhyt"]
        return rendering.render(
            request,
            "outpatient/visit_prescription.html",
            block=visit_orders_frame.block_of(request, "prescription"),
            status=422 if refused and not rendering.is_fragment(request) else _status(request, failure),
            frame=frame,
            form=shown,
            warnings=await visit_orders_frame.not_accepted(tx, frame, "drug", insured),
            shows_form=frame.may_change or (frame.may_replace and bool(shown.replaces)),
            signing_state=state,
            written=await visit_prescription_lines.written(tx, frame),
            found=await _find(tx, text, frame) if text else [],
            text=text,
            focus=focus,
            said=said,
            faults=visit_orders_frame.sentences_of(failure, is_english=_is_english(request)),
            draft_at=draft.at if draft and typed.lines else None,
            tab="prescription",
        )


async def _find(tx: Transaction, text: str, frame: VisitFrame) -> list[dict[str, Any]]:
    """Sets with drugs first, then drugs with what is in stock."""
    if not text:
        return []
    sets = [one for one in await order_sets.find(tx, text, on=frame.today, limit=3) if one.drugs]
    drugs = await catalogues.find(tx, "drug", text, on=frame.today, limit=_FOUND_MAX)
    stock = await visit_prescription_lines.stock_of(tx, [one.code for one in drugs])
    return [
        *({"step": f"set:{one.code}", "name": one.name, "count": len(one.drugs)} for one in sets),
        *(_option(one, stock) for one in drugs),
    ]


def _option(drug: catalogues.Row, stock: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "step": f"add:{drug.code}",
        "name": drug.name,
        "count": 0,
        "brand": str(drug.data.get("brand", "")),
        "is_insured": bool(drug.data.get("is_insured")),
        "stock": stock.get(drug.code),
        "unit": str(drug.data.get("unit", "")),
    }


def _status(request: Request, failure: errors.Failure | None) -> int:
    return visit_orders_frame.status_of(request, failure) if failure else 200


def _cookie(request: Request) -> bytes:
    session = sessions.found(request)
    return session.cookie.encode() if session else b""


def _is_english(request: Request) -> bool:
    return shell.language_of(request) == "en"


ROUTES = (
    Route("/outpatient/visits/{id}/prescription", show),
    Route("/outpatient/visits/{id}/prescription", change, methods=["POST"]),
    Route("/outpatient/visits/{id}/prescription/drugs", find_drugs),
    Route("/outpatient/visits/{id}/prescription/paper", show_paper),
)
