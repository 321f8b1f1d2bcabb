"""Pages of the noun "arrival of a visit": referral and accident put right after the person was received.

The claim asks for them (MA_NOI_DI, GIAY_CHUYEN_TUYEN, MA_TAI_NAN); the doctor may be the first to know of an accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, resources, systems, visit_facts, visit_origin
from lienmach.care.catalogues import Row
from lienmach.care.visit_origin import Origin
from lienmach.departments.registration import banners
from lienmach.departments.registration.patient import checked_id
from lienmach.identity import roles
from lienmach.web import forms, rendering, shell
from lienmach.web.pages import page

_FIELDS = ("from_code", "referral", "accident")
_LABELS = {"from_code": "Mã cơ sở chuyển đến đây", "referral": "Số giấy chuyển", "accident": "Tai nạn"}
_MEANWHILE = "Người khác vừa sửa lượt khám này. Bên dưới là cả hai; xem lại rồi lưu lần nữa."


@page("patients.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /registration/visits/{id}/arrival — referral and accident of a visit, a form for whoever may register."""
    return await _render(request, actor)


@page("patients.register")
async def save(request: Request, actor: Actor) -> Response:
    """POST /registration/visits/{id}/arrival — 303 when stored; 422 at the field, 412 with both if these changed meanwhile."""
    encounter_id = checked_id(request)
    form = await request.form()
    origin = Origin(**{name: str(form.get(name, "")).strip()[:200] for name in _FIELDS})
    seen = forms.read_count(str(form.get("version", "")), most=10**9) or 0
    try:
        await request.app.state.store.run(
            actor, lambda tx: visit_origin.change(tx, encounter_id, origin, if_match=seen)
        )
    except errors.PreconditionFailed:
        return await _render(request, actor, typed=origin, seen=seen, sentence=_MEANWHILE, status=412)
    except visit_origin.OriginFaulty as refusal:
        faults = {refusal.field: rendering.sentence(request, refusal)}
        return await _render(request, actor, typed=origin, faults=faults, status=422)
    except errors.Conflict as refusal:
        return await _render(request, actor, typed=origin, sentence=refusal.text, status=409)
    return RedirectResponse(f"/registration/visits/{encounter_id}/arrival", 303)


async def _render(
    request: Request,
    actor: Actor,
    *,
    typed: Origin | None = None,
    seen: int | None = None,
    faults: dict[str, str] | None = None,
    sentence: str = "",
    status: int = 200,
) -> Response:
    """The page. typed: what stays in the form. seen: the version that the form showed, where somebody was faster."""
    encounter_id = checked_id(request)
    async with request.app.state.store.begin(actor) as tx:
        path = f"/registration/visits/{encounter_id}/arrival"
        tx.access.note("read", what=f"Encounter/{encounter_id}", query=path)
        encounter = await resources.read(tx, "Encounter", encounter_id)
        patient_id = visit_facts.patient_of(encounter)
        accidents = await catalogues.all_of(tx, visit_origin.LIST, on=catalogues.today(tx))
        now, both = visit_origin.of(encounter), []
        if typed is not None and seen is not None:
            base = await visit_origin.at(tx, encounter, seen) or Origin()
            both = [(_LABELS[one], *(_word(said, one, accidents) for said in (now, typed))) for one in _FIELDS
                    if getattr(now, one) != getattr(base, one)]  # fmt: skip
            mine = {one: getattr(typed, one) for one in _FIELDS if getattr(typed, one) != getattr(base, one)}
            typed = replace(now, **mine)
        values: dict[str, Any] = {
            "banner": await banners.read(tx, patient_id, shell.language_of(request)),
            "patient_id": patient_id,
            "key": resources.identifier_of(encounter, systems.VISIT),
            "begun_at": visit_facts.begun_at(encounter),
            "version": encounter.get("meta", {}).get("versionId", ""),
            "origin": typed or now,
            "both": both,
            "accidents": sorted(accidents, key=lambda one: one.code),
            "can_edit": roles.may(actor, "patients.register"),
            "visit_url": f"/outpatient/visits/{encounter_id}" if roles.may(actor, "visits.read") else "",
            "form_url": path,
        }
        return rendering.render(
            request, "registration/visit_arrival.html", status=status, sentence=sentence, faults=faults or {}, **values
        )


def _word(origin: Origin, field: str, accidents: Sequence[Row]) -> str:
    """One of the fields as a person reads it."""
    value: str = getattr(origin, field)
    return next((one.name for one in accidents if field == "accident" and one.code == value), value)


ROUTES = (
    Route("/registration/visits/{id}/arrival", show),
    Route("/registration/visits/{id}/arrival", save, methods=["POST"]),
)
