"""Pages of the noun "details": what the desk knows of a person, putting it right, and who changed what before.

Two desks at once lose nothing: whoever saves second is shown both values and saves again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import person_change, resources
from lienmach.care.person_change import Change
from lienmach.care.person_draft import PersonDraft
from lienmach.departments.registration import banners, patient_fields, patient_new
from lienmach.departments.registration.patient import checked_id
from lienmach.departments.registration.patient_fields import Lists, Typed
from lienmach.departments.registration.patient_new import Onward
from lienmach.identity import roles
from lienmach.record import read as record_read
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering, shell
from lienmach.web.pages import page

_MEANWHILE = "Người khác vừa sửa hồ sơ này. Bên dưới là cả hai; xem lại rồi lưu lần nữa."
_TAKEN = "Hồ sơ khác đã mang số này; hãy xem lại số trên giấy tờ."


@dataclass(frozen=True)
class Standing:
    """The person as stored now. base: the form as it was when it was opened, None where that is the same version."""

    version: int
    now: PersonDraft
    base: PersonDraft | None
    locked: frozenset[str]
    lists: Lists


@page("patients.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /registration/patients/{id}/details — the details with their changes; a form for whoever may register."""
    return await _render(request, actor, Onward.read(request.query_params))


@page("patients.register")
async def save(request: Request, actor: Actor) -> Response:
    """POST /registration/patients/{id}/details — 303 when stored; 412 with both values if somebody was faster."""
    form = await request.form()
    patient_id, store = checked_id(request), request.app.state.store
    onward = Onward.read(form)
    seen = forms.read_count(str(form.get("version", "")), most=10**9) or 0
    async with store.begin(actor) as tx:
        tx.access.note("read", what=f"Patient/{patient_id}", query=f"/registration/patients/{patient_id}/details")
        standing = await _standing(tx, patient_id, seen)
    typed = patient_fields.read(request, form, standing.lists, own=standing.base or standing.now)
    kept: dict[str, Any] = {one: getattr(standing.now, one) for one in standing.locked}
    typed = replace(typed, draft=replace(typed.draft, **kept))
    if standing.base is not None:
        return await _meanwhile(request, actor, typed, standing, onward)
    faults = patient_fields.faults(request, typed)
    if faults:
        return await _render(request, actor, onward, typed=typed, faults=faults, status=422)
    try:
        await store.run(actor, lambda tx: person_change.change(tx, patient_id, typed.draft, if_match=seen))
    except person_change.NumberTaken:
        return await _taken(request, actor, typed, standing, onward)
    except errors.PreconditionFailed:  # between looking and storing
        async with store.begin(actor) as tx:
            tx.access.note("read", what=f"Patient/{patient_id}", query=f"/registration/patients/{patient_id}/details")
            standing = await _standing(tx, patient_id, seen)
        return await _meanwhile(request, actor, typed, standing, onward)
    except (errors.Conflict, errors.Unprocessable) as refusal:
        sentence = rendering.sentence(request, refusal)
        return await _render(request, actor, onward, typed=typed, sentence=sentence, status=refusal.status)
    to = onward.url(patient_id) if onward.to else f"/registration/patients/{patient_id}/details"
    return RedirectResponse(to, 303)


async def _standing(tx: Transaction, patient_id: str, seen: int) -> Standing:
    stored = await record_read.read(tx, "Patient", patient_id)
    patient = resources.of(stored)
    base = None
    if seen != stored.version_id:
        try:
            base = person_change.draft_of(resources.of(await record_read.vread(tx, "Patient", patient_id, str(seen))))
        except (errors.NotFound, errors.Gone):
            base = PersonDraft()  # a form without its version: everything counts as typed
    return Standing(
        stored.version_id,
        person_change.draft_of(patient),
        base,
        await person_change.locked(tx, patient) if roles.may(tx.actor, "patients.register") else frozenset(),
        await patient_fields.lists(tx),
    )


async def _meanwhile(request: Request, actor: Actor, typed: Typed, standing: Standing, onward: Onward) -> Response:
    """The form with what was typed over what stands now: a field that was not touched takes the new value."""
    base = standing.base or standing.now
    theirs, mine = vars(standing.now), vars(typed.draft)
    merged: dict[str, Any] = {
        name: mine[name] if mine[name] != value else theirs[name] for name, value in vars(base).items()
    }
    both = [
        (label, _word(request, name, theirs[name], standing.lists), _word(request, name, mine[name], standing.lists))
        for name, value in vars(base).items()
        if theirs[name] != value and (label := _LABELS.get(name))
    ]
    if any(mine[one] != vars(base)[one] for one in _PLACE):
        merged |= {one: mine[one] for one in _PLACE}
    draft = PersonDraft(**merged)
    born = typed.born if draft.birth == typed.draft.birth else forms.ReadDate(draft.birth, "", "")
    return await _render(request, actor, onward, typed=Typed(draft, born), both=both, sentence=_MEANWHILE, status=412)


#: Together they say one place: a commune of one hand and a province of the other would be a third place.
_PLACE = ("commune_code", "province_code", "address_text")
_LABELS = {
    **patient_fields.LABELS,
    "address_line": "Số nhà, đường, thôn",
    "province_code": "Tỉnh, thành phố",
    "commune_code": "Phường, xã",
    "address_text": "Địa chỉ",
    "nationality_code": "Quốc tịch",
    "nationality_text": "Quốc tịch",
    "ethnic_code": "Dân tộc",
    "occupation_name": "Nghề nghiệp",
}


def _word(request: Request, name: str, value: str, lists: Lists) -> str:
    return patient_fields.words(request, name.removesuffix("_code"), value, lists)


async def _taken(request: Request, actor: Actor, typed: Typed, standing: Standing, onward: Onward) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/registration/patients/new/similar")
        own = checked_id(request)
        similar = await patient_new.similar_people(tx, typed.draft, request, actor, Onward(), own=own)
    changed = [one for one in person_change.NUMBERS if getattr(typed.draft, one) != getattr(standing.now, one)]
    faults = {changed[0]: rendering.text(request, _TAKEN)} if changed else {}
    return await _render(request, actor, onward, typed=typed, faults=faults, similar=similar, status=409)


async def _render(
    request: Request,
    actor: Actor,
    onward: Onward,
    *,
    typed: Typed | None = None,
    faults: dict[str, str] | None = None,
    similar: list[dict[str, Any]] | None = None,
    both: list[tuple[str, str, str]] | None = None,
    sentence: str = "",
    status: int = 200,
) -> Response:
    """The page; typed: what stays in the form, None: what is stored."""
    patient_id = checked_id(request)
    async with request.app.state.store.begin(actor) as tx:
        path = f"/registration/patients/{patient_id}/details"
        tx.access.note("history-instance", what=f"Patient/{patient_id}", query=path)
        banner = await banners.read(tx, patient_id, shell.language_of(request))
        standing = await _standing(tx, patient_id, 0)
        patient = await resources.read(tx, "Patient", patient_id)
        changes = await person_change.history(tx, patient_id)
        draft = typed.draft if typed else standing.now
        can_edit = roles.may(actor, "patients.register")
        shown = person_change.shown(patient)
        return rendering.render(
            request,
            "registration/patient_details.html",
            status=status,
            banner=banner,
            patient_id=patient_id,
            tab="details",
            can_see_access=roles.may(actor, "patients.access"),
            can_edit=can_edit,
            version=standing.version,
            sentence=sentence,
            both=both or [],
            labels=patient_fields.LABELS,
            facts=[
                (one, patient_fields.words(request, one, shown[one], standing.lists)) for one in person_change.SHOWN
            ],
            has_address=person_change.has_address(patient),
            changes=[_change(request, one, standing.lists) for one in changes],
            onward=onward,
            form_url=path,
            **patient_fields.values(
                draft,
                standing.lists,
                faults=faults,
                born=typed.born if typed else None,
                similar=similar,
                locked=standing.locked,
                own=patient_id,
            ),
        )


def _change(request: Request, one: Change, lists: Lists) -> dict[str, Any]:
    """One version in the list of changes: each line a field, before, after."""
    lines = [
        (line.field, *(patient_fields.words(request, line.field, value, lists) for value in (line.old, line.new)))
        for line in one.lines
    ]
    return {"change": one, "lines": lines}


ROUTES = (
    Route("/registration/patients/{id}/details", show),
    Route("/registration/patients/{id}/details", save, methods=["POST"]),
)
