"""Pages of the noun "new patient": register by scan or by hand, with live warnings about who it might be already.

A warning never blocks. Beside somebody similar a person is registered with a reason, which stays in the record.
Who came from the arrivals page (`next` is arrival) goes back there as soon as the person is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, patients, person_draft
from lienmach.care.person_draft import PersonDraft
from lienmach.departments.registration import patients as people_pages
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import ethnic_groups, names, places, qr, telex
from lienmach.web import formats, forms, rendering, shell
from lienmach.web.pages import page

_TEXTS = (
    "name",
    "sex",
    "citizen_number",
    "old_number",
    "insurance_number",
    "social_number",
    "passport",
    "phone",
    "address_line",
    "province_code",
    "commune_code",
    "address_text",
    "former_address",
    "ethnic_code",
    "occupation_code",
    "guardian",
)
_REASONS = {
    "same-number": "Trùng số giấy tờ",
    "same-name-and-birth": "Trùng tên và ngày sinh",
    "same-name-and-year": "Trùng tên và năm sinh",
    "same-phone": "Trùng điện thoại",
}
_LENGTH_MAX = 500
_NAME_CHARACTERS_MAX = 200
_NAME_LONG = "Họ tên dài quá 200 ký tự. Hãy xem lại: có thể thông tin khác đã bị dán vào ô này."
_BIRTH_AHEAD = "Ngày sinh ở tương lai. Hãy xem lại năm sinh trên thẻ."
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
    await _read_occupations(request, actor)
    return _form(request, PersonDraft(), onward=Onward.read(request.query_params))


@page("patients.register")
async def create(request: Request, actor: Actor) -> Response:
    """POST /registration/patients/new — `step` scan or draft fills the form, save stores the person."""
    form = await request.form()
    await _read_occupations(request, actor)
    step, onward = str(form.get("step", "save")), Onward.read(form)
    if step == "scan":
        draft, hint = _of_scan(str(form.get("scan", "")), str(form.get("raw", "")))
        return _form(request, draft, hint=hint, onward=onward)
    typed = str(form.get("birth", ""))[:_LENGTH_MAX]
    draft = replace(_draft(form), birth=typed)
    known = {row.code: row.name for row in request.state.occupations}
    draft = replace(draft, occupation_name=known.get(draft.occupation_code, ""))
    if not draft.occupation_name:
        draft = replace(draft, occupation_code="")
    if step == "draft":
        return _form(request, draft, onward=onward)
    born = forms.read_date(typed, request.app.state.store.now())
    faults = _faults(request, draft, born)
    reason = str(form.get("reason", "")).strip()[:_LENGTH_MAX]
    if faults:
        return _form(request, draft, status=422, faults=faults, born=born, reason=reason, onward=onward)
    return await _save(request, actor, replace(draft, birth=born.fhir), reason, born, onward)


async def _read_occupations(request: Request, actor: Actor) -> None:
    """Keep the occupations of today's list beside the request, for the form."""
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/registration/patients/new")
        request.state.occupations = await catalogues.all_of(tx, "nghe-nghiep", on=catalogues.today(tx))


def _faults(request: Request, draft: PersonDraft, born: forms.ReadDate) -> dict[str, str]:
    """Field -> what must be mended before the person can be stored, in the order of the form."""
    found: dict[str, str] = {}
    for remark in person_draft.missing(draft):
        found[remark.code.partition("-")[0]] = remark.vi if shell.language_of(request) == "vi" else remark.en
    if len(draft.name) > _NAME_CHARACTERS_MAX:
        found["name"] = rendering.text(request, _NAME_LONG)
    if born.fault:
        found["birth"] = rendering.text(request, born.fault)
    elif born.fhir > request.app.state.store.now().astimezone(formats.ZONE).date().isoformat():
        found["birth"] = rendering.text(request, _BIRTH_AHEAD)
    return found


async def _save(
    request: Request,
    actor: Actor,
    draft: PersonDraft,
    reason: str,
    born: forms.ReadDate,
    onward: Onward,
    *,
    is_again: bool = False,
) -> Response:
    store = request.app.state.store
    if not reason:
        async with store.begin(actor) as tx:
            tx.access.note("search-type", query="/registration/patients/new/similar")
            similar = await _similar(tx, draft, request, actor, onward)
        if similar:
            return _form(request, draft, status=409, similar=similar, is_reason_asked=True, born=born, onward=onward)

    async def register(tx: Transaction) -> str:
        return (await patients.register(tx, draft, reason_override=reason or None)).id

    try:
        patient_id = await store.run(actor, register)
    except errors.Conflict:  # another desk was faster with the same card: show whom it registered
        if is_again:
            raise
        return await _save(request, actor, draft, "", born, onward, is_again=True)
    return RedirectResponse(onward.url(patient_id), 303)


@page("patients.register")
async def similar(request: Request, actor: Actor) -> Response:
    """POST /registration/patients/new/similar — who it might be already, and remarks on the numbers, while typing."""
    form = await request.form()
    store = request.app.state.store
    born = forms.read_date(str(form.get("birth", "")), store.now())
    draft = replace(_draft(form), birth=born.fhir)
    async with store.begin(actor) as tx:
        tx.access.note("search-type", query="/registration/patients/new/similar")
        found = await _similar(tx, draft, request, actor, Onward.read(form))
        return rendering.render(
            request,
            "registration/patient_new.html",
            block="similar",
            similar=found,
            born=born,
            remarks=_remarks(request, draft),
            is_reason_asked=False,
            reason="",
            faults={},
        )


@page("patients.register")
async def communes(request: Request, actor: Actor) -> Response:
    """GET /registration/communes?province_code=…&commune=… — names for the list below the field."""
    text, province = request.query_params.get("commune", "")[:80], request.query_params.get("province_code", "")[:5]
    found = places.search(text, province_code=province or None, limit=12)
    return rendering.render(
        request,
        "registration/patient_new.html",
        block="communes",
        communes=found,
        province_of={one.code: one.name for one in places.provinces(places.REFORM_ON)},
    )


async def _similar(
    tx: Transaction, draft: PersonDraft, request: Request, actor: Actor, onward: Onward
) -> list[dict[str, Any]]:
    found = await patients.duplicates(tx, draft)
    return [
        {
            **people_pages.line(tx, one.found, request, actor),
            **({"url": onward.url(one.found.stored.id)} if onward.to else {}),
            "is_certain": one.certain,
            "reasons": [_REASONS.get(reason, reason) for reason in one.reasons],
        }
        for one in found
    ]


def _draft(form: FormData) -> PersonDraft:
    """The draft of a form, without the birth date. A typed commune becomes its code if exactly one fits."""
    draft = replace(PersonDraft(), **_texts(form))
    typed = str(form.get("commune", "")).strip()[:80]
    province = places.province(draft.province_code)
    if not typed:
        return draft
    name, _, behind = typed.partition(",")
    fits = [
        one
        for one in places.search(typed, province_code=draft.province_code or None)
        if one.full_name.casefold() == name.strip().casefold()
    ]
    if len(fits) == 1:
        return replace(draft, commune_code=fits[0].code, province_code=fits[0].province, address_text="")
    whole = ", ".join(
        part for part in (draft.address_line, typed, province.full_name if province and not behind else "") if part
    )
    return replace(draft, commune_code="", address_text=whole)


def _texts(form: FormData) -> dict[str, Any]:
    return {name: str(form.get(name, "")).strip()[:_LENGTH_MAX] for name in _TEXTS}


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


def _remarks(request: Request, draft: PersonDraft) -> list[str]:
    store = request.app.state.store
    is_vietnamese = shell.language_of(request) == "vi"
    return [remark.vi if is_vietnamese else remark.en for remark in person_draft.check(draft, on=store.now().date())]


def _form(
    request: Request,
    draft: PersonDraft,
    *,
    status: int = 200,
    hint: str = "",
    faults: dict[str, str] | None = None,
    similar: list[dict[str, Any]] | None = None,
    is_reason_asked: bool = False,
    reason: str = "",
    born: forms.ReadDate | None = None,
    onward: Onward = Onward(),
) -> Response:
    commune = places.commune(draft.commune_code)
    return rendering.render(
        request,
        "registration/patient_new.html",
        status=status,
        draft=draft,
        hint=hint,
        faults=faults or {},
        similar=similar or [],
        is_reason_asked=is_reason_asked,
        reason=reason,
        remarks=[],
        born=born or forms.ReadDate(draft.birth, "", ""),
        birth=forms.write_date(draft.birth),
        onward=onward,
        first_fault=next(iter(faults or {}), ""),
        commune=commune.full_name if commune else "",
        communes=(successors := places.read(draft.address_text).candidates),
        successors=[one.full_name for one in successors],
        province_of={},
        provinces=sorted(places.provinces(places.REFORM_ON), key=lambda one: names.alphabet_key(one.name)),
        groups=ethnic_groups.all_groups(),
        occupations=request.state.occupations,
    )


ROUTES = (
    Route("/registration/patients/new", new),
    Route("/registration/patients/new", create, methods=["POST"]),
    Route("/registration/patients/new/similar", similar, methods=["POST"]),
    Route("/registration/communes", communes),
)
