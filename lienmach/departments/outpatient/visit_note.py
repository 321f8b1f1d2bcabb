"""Pages of the noun "note of a visit": every change is kept as a draft; a draft found again is used or dropped."""

from __future__ import annotations

import re

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, drafts, notes, resources, visit_diagnoses, visit_facts, visits
from lienmach.care.resources import Resource
from lienmach.departments.outpatient import chart, note_drafts, refusals, snippets
from lienmach.departments.outpatient.note_drafts import NoteDraft
from lienmach.departments.outpatient.visit_orders_frame import checked_id
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_CODE = re.compile(r"[A-Za-z]\d{2}(\.\d{1,2})?[*+]?")
_FOUND_MAX = 12


@page("visits.sign")
@refusals.spoken
async def keep(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/note — keep what is typed as a draft; answers when that was.

    next: `signature` goes on to the preview, `record` stores the note unsigned.
    """
    encounter_id = checked_id(request)
    form = await request.form()
    follow = str(form.get("next", ""))

    async def work(tx: Transaction) -> None:
        encounter = await visits.read(tx, encounter_id)
        visits.check_open(tx, encounter)
        draft = await _typed(tx, encounter, form)
        notes.check_texts(draft.texts)
        if follow == "record":
            await visits.write_note(tx, encounter_id, draft.texts)
            if draft.main:
                await visits.set_diagnoses(tx, encounter_id, draft.main, draft.others)
            drafts.drop(tx, note_drafts.FORM, encounter_id)
        else:
            drafts.save(tx, note_drafts.FORM, encounter_id, draft.data())

    store = request.app.state.store
    await store.run(actor, work)
    if follow == "signature":
        return RedirectResponse(f"/outpatient/visits/{encounter_id}/signature", 303)
    if follow == "record" or not rendering.is_fragment(request):
        return RedirectResponse(f"/outpatient/visits/{encounter_id}", 303)
    return rendering.render(request, "outpatient/visit_note_parts.html", block="kept", draft_at=store.now())


@page("visits.sign")
@refusals.spoken
async def settle(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/note/draft — `choice` use shows the draft that was found, drop forgets it."""
    encounter_id = checked_id(request)
    if str((await request.form()).get("choice", "")) == "use":
        return RedirectResponse(f"/outpatient/visits/{encounter_id}?draft=use", 303)

    async def work(tx: Transaction) -> None:
        drafts.drop(tx, note_drafts.FORM, encounter_id)

    await request.app.state.store.run(actor, work)
    return RedirectResponse(f"/outpatient/visits/{encounter_id}", 303)


@page("visits.sign")
@refusals.spoken
async def expand(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/note/snippet — put a snippet or template into the form; answers the form.

    code: such as ".cam"; field: the section where it was typed. A snippet whose order set names a disease and drugs
    brings those along: into the form and into the draft of the prescription, to be looked at before anything is signed.
    """
    encounter_id = checked_id(request)
    form = await request.form()
    code, section = str(form.get("code", ""))[:40], str(form.get("field", ""))

    async def work(tx: Transaction) -> tuple[NoteDraft, str]:
        encounter = await visits.read(tx, encounter_id)
        visits.check_open(tx, encounter)
        draft, said = await snippets.expand(tx, encounter, note_drafts.of_form(form), code, section)
        drafts.save(tx, note_drafts.FORM, encounter_id, draft.data())
        return draft, said

    draft, said = await request.app.state.store.run(actor, work)
    return await _form(request, actor, encounter_id, draft, said)


@page("visits.sign")
@refusals.spoken
async def change_codes(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/note/codes — add:CODE, main:CODE or drop:CODE in `step`; answers the form."""
    encounter_id = checked_id(request)
    form = await request.form()
    verb, _, code = str(form.get("step", "")).partition(":")

    async def work(tx: Transaction) -> NoteDraft:
        encounter = await visits.read(tx, encounter_id)
        visits.check_open(tx, encounter)
        draft = _changed(note_drafts.of_form(form), verb, code[:20])
        drafts.save(tx, note_drafts.FORM, encounter_id, draft.data())
        return draft

    draft = await request.app.state.store.run(actor, work)
    return await _form(request, actor, encounter_id, draft, "", block="codes")


@page("visits.sign")
async def find_codes(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/note/codes?icd= — diseases for the list below the field, final codes only."""
    encounter_id = checked_id(request)
    text = request.query_params.get("icd", "").strip()[:80]
    async with request.app.state.store.begin(actor) as tx:
        encounter = await visits.read(tx, encounter_id)
        patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
        day = visit_facts.day_of(encounter, tx.tenant.time_zone, tx.now)
        sex = str(patient.get("gender", ""))
        found = await visit_diagnoses.offer(tx, text, on=day, sex=sex, limit=_FOUND_MAX) if text else []
        return rendering.render(
            request, "outpatient/visit_note_parts.html", block="found", found=found, text=text, visit_id=encounter_id
        )


async def _form(
    request: Request, actor: Actor, encounter_id: str, draft: NoteDraft, said: str, *, block: str = "form"
) -> Response:
    """The note form with these contents; without htmx the chart with the draft in it."""
    if not rendering.is_fragment(request):
        return RedirectResponse(f"/outpatient/visits/{encounter_id}?draft=use", 303)
    async with request.app.state.store.begin(actor) as tx:
        encounter = await visits.read(tx, encounter_id)
        day = tx.now.astimezone(tx.tenant.time_zone).date()
        return rendering.render(
            request,
            "outpatient/visit_note.html",
            block=block,
            headers={"HX-Trigger": "visit-changed"} if block == "form" else None,
            note=draft,
            sections=notes.SECTIONS,
            diagnoses=await chart.diagnosis_lines(tx, encounter, draft),
            snippets=await snippets.listed(tx, day),
            draft_at=tx.now,
            said=said,
            visit_id=encounter_id,
        )


async def _typed(tx: Transaction, encounter: Resource, form: FormData) -> NoteDraft:
    """The form; a code typed whole into the search field counts without having been chosen from the list."""
    draft = note_drafts.of_form(form)
    text = str(form.get("icd", "")).strip().upper()
    if _CODE.fullmatch(text):
        day = visit_facts.day_of(encounter, tx.tenant.time_zone, tx.now)
        row = await catalogues.get(tx, "icd10", text, on=day)
        if row is not None and not visit_diagnoses.fault(row):
            return _changed(draft, "add", row.code)
    return draft


def _changed(draft: NoteDraft, verb: str, code: str) -> NoteDraft:
    """The draft after a step on its codes: the first one added is the main one."""
    codes = [one for one in draft.codes if one != code]
    if verb == "add" and code:
        codes = [*draft.codes, *([] if code in draft.codes else [code])]
    elif verb == "main" and code in draft.codes:
        codes = [code, *codes]
    elif verb != "drop":
        raise errors.Unprocessable("Hãy chọn mã bệnh trong danh sách gợi ý.")
    return NoteDraft(draft.texts, codes[0] if codes else "", tuple(codes[1:]))


ROUTES = (
    Route("/outpatient/visits/{id}/note", keep, methods=["POST"]),
    Route("/outpatient/visits/{id}/note/draft", settle, methods=["POST"]),
    Route("/outpatient/visits/{id}/note/snippet", expand, methods=["POST"]),
    Route("/outpatient/visits/{id}/note/codes", find_codes),
    Route("/outpatient/visits/{id}/note/codes", change_codes, methods=["POST"]),
)
