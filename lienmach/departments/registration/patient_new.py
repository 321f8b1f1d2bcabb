"""Pages of the noun "new patient": register by scan or by hand, with live warnings about who it might be already.

A warning never blocks. Beside somebody similar a person is registered with a reason, which stays in the record.
Who came from the arrivals page (`next` is arrival) goes back there as soon as the person is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import patients, person_draft
from lienmach.care.person_draft import PersonDraft
from lienmach.departments.registration import patient_fields
from lienmach.departments.registration import patients as people_pages
from lienmach.departments.registration.patient_fields import Typed
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import places, qr, telex
from lienmach.web import forms, rendering
from lienmach.web.pages import page

_REASONS = {
    "same-number": "Trùng số giấy tờ",
    "same-name-and-birth": "Trùng tên và ngày sinh",
    "same-name-and-year": "Trùng tên và năm sinh",
    "same-phone": "Trùng điện thoại",
}
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True)
class Onward:
    """Where to go when the person is stored. to: "" the record, "arrival" the arrival form. booking: an Appointment's id."""

    to: str = ""
    booking: str = ""

    @classmethod
    def read(cls, values: Any) -> Onward:
        """From a form or a query; anything strange is left out."""
        booking = str(values.get("booking", ""))
        to = "arrival" if values.get("next") == "arrival" else ""
        return cls(to, booking if to and _ID.fullmatch(booking) else "")

    def url(self, patient_id: str) -> str:
        """The page of this person to go to."""
        if self.to != "arrival":
            return f"/registration/patients/{patient_id}"
        return f"/registration/arrivals/{patient_id}" + (f"?booking={self.booking}" if self.booking else "")


@page("patients.register")
async def new(request: Request, actor: Actor) -> Response:
    """GET /registration/patients/new — the empty form."""
    return _form(request, PersonDraft(), await _lists(request, actor), onward=Onward.read(request.query_params))


@page("patients.register")
async def create(request: Request, actor: Actor) -> Response:
    """POST /registration/patients/new — `step` scan or draft fills the form, save stores the person."""
    form = await request.form()
    known = await _lists(request, actor)
    step, onward = str(form.get("step", "save")), Onward.read(form)
    if step == "scan":
        draft, hint = _of_scan(str(form.get("scan", "")), str(form.get("raw", "")))
        return _form(request, draft, known, hint=hint, onward=onward)
    typed = patient_fields.read(request, form, known)
    if step == "draft":
        return _form(request, typed.draft, known, onward=onward)
    faults = patient_fields.faults(request, typed)
    reason = str(form.get("reason", "")).strip()[: patient_fields.LENGTH_MAX]
    if faults:
        return _form(
            request, typed.draft, known, status=422, faults=faults, born=typed.born, reason=reason, onward=onward
        )
    return await _save(request, actor, typed, known, reason, onward)


async def _lists(request: Request, actor: Actor) -> patient_fields.Lists:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/registration/patients/new")
        return await patient_fields.lists(tx)


async def _save(
    request: Request,
    actor: Actor,
    typed: Typed,
    known: patient_fields.Lists,
    reason: str,
    onward: Onward,
    *,
    is_again: bool = False,
) -> Response:
    store = request.app.state.store
    if not reason:
        async with store.begin(actor) as tx:
            tx.access.note("search-type", query="/registration/patients/new/similar")
            similar = await similar_people(tx, typed.draft, request, actor, onward)
        if similar:
            return _form(
                request, typed.draft, known, status=409, similar=similar, is_reason_asked=True, born=typed.born,
                onward=onward,
            )  # fmt: skip

    async def register(tx: Transaction) -> str:
        return (await patients.register(tx, typed.draft, reason_override=reason or None)).id

    try:
        patient_id = await store.run(actor, register)
    except errors.Conflict:  # another desk was faster with the same card: show whom it registered
        if is_again:
            raise
        return await _save(request, actor, typed, known, "", onward, is_again=True)
    return RedirectResponse(onward.url(patient_id), 303)


@page("patients.register")
async def similar(request: Request, actor: Actor) -> Response:
    """POST /registration/patients/new/similar — who it might be already, and remarks on the numbers, while typing.

    `own`: the person whose details are put right, who is not similar to anybody.
    """
    form = await request.form()
    store = request.app.state.store
    born = forms.read_date(str(form.get("birth", "")), store.now())
    draft = replace(PersonDraft(), **{**patient_fields.texts(form), "birth": born.fhir})
    async with store.begin(actor) as tx:
        tx.access.note("search-type", query="/registration/patients/new/similar")
        found = await similar_people(tx, draft, request, actor, Onward.read(form), own=str(form.get("own", ""))[:64])
        return rendering.render(
            request,
            patient_fields.FORM,
            block="similar",
            similar=found,
            born=born,
            remarks=patient_fields.remarks(request, draft),
            is_reason_asked=False,
            reason="",
            faults={},
            own=str(form.get("own", ""))[:64],
        )


@page("patients.register")
async def communes(request: Request, actor: Actor) -> Response:
    """GET /registration/communes?province_code=…&commune=… — names for the list below the field."""
    text, province = request.query_params.get("commune", "")[:80], request.query_params.get("province_code", "")[:5]
    found = places.search(text, province_code=province or None, limit=12)
    return rendering.render(
        request,
        patient_fields.ADDRESS,
        block="communes",
        communes=found,
        province_of={one.code: one.name for one in places.provinces(places.REFORM_ON)},
    )


async def similar_people(
    tx: Transaction, draft: PersonDraft, request: Request, actor: Actor, onward: Onward, *, own: str = ""
) -> list[dict[str, Any]]:
    """Who it might be already, as lines of the warning."""
    return [
        {
            **people_pages.line(tx, one.found, request, actor),
            **({"url": onward.url(one.found.stored.id)} if onward.to else {}),
            "is_certain": one.certain,
            "reasons": [_REASONS.get(reason, reason) for reason in one.reasons],
        }
        for one in await patients.duplicates(tx, draft)
        if one.found.stored.id != own
    ]


def _of_scan(text: str, raw: str) -> tuple[PersonDraft, str]:
    """The draft of a scanned card, and a sentence about what an input method did to the scan."""
    for candidate in (text, raw):
        is_mangled = telex.is_mangled(candidate)
        readable = telex.restore(candidate) if is_mangled else candidate
        try:
            draft = person_draft.of_scan(qr.parse(readable or ""))
        except ValueError:
            continue
        if is_mangled or candidate is raw:
            return draft, "Bộ gõ tiếng Việt đã làm sai mã quét; thông tin đã được khôi phục. Hãy đối chiếu với thẻ."
        return draft, ""
    return PersonDraft(), "Không đọc được mã vừa quét. Hãy tắt bộ gõ tiếng Việt và quét lại, hoặc nhập tay."


def _form(
    request: Request,
    draft: PersonDraft,
    known: patient_fields.Lists,
    *,
    status: int = 200,
    hint: str = "",
    onward: Onward = Onward(),
    **more: Any,
) -> Response:
    """The page; more: what patient_fields.values takes."""
    return rendering.render(
        request,
        "registration/patient_new.html",
        status=status,
        hint=hint,
        onward=onward,
        form_url="/registration/patients/new",
        **patient_fields.values(draft, known, **more),
    )


ROUTES = (
    Route("/registration/patients/new", new),
    Route("/registration/patients/new", create, methods=["POST"]),
    Route("/registration/patients/new/similar", similar, methods=["POST"]),
    Route("/registration/communes", communes),
)
