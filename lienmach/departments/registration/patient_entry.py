"""Pages of the noun "entry of a patient's record": one resource as a card, as JSON, and its versions."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.departments.registration import banners, card, fhir_words, summaries, titles
from lienmach.departments.registration.patient import checked_id
from lienmach.identity import roles
from lienmach.record import history, read
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_VERSIONS_MAX = 100


@page("patients.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET …/entries/{type}/{key}?version= — the card with its JSON; with htmx the block `card`."""
    patient_id, kind, key = _path(request)
    version = request.query_params.get("version", "")
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("vread" if version else "read", what=f"{kind}/{key}")
        stored = await (read.vread(tx, kind, key, version) if version else read.read(tx, kind, key))
        _check_person(stored, patient_id)
        resource = fhir_json.parse(stored.body)
        language = shell.language_of(request)
        values: dict[str, Any] = {
            "stored": stored,
            "summary": summaries.of(resource, language, tx.tenant.time_zone),
            "facts": (await _reader(tx, request, patient_id, resource)).read(resource),
            "json": card.pretty(stored.body),
            "url": f"/registration/patients/{patient_id}/entries/{kind}/{key}",
            "patient_id": patient_id,
            "kind_word": fhir_words.type_word(kind, language),
            "is_old": bool(version),
        }
        if rendering.is_fragment(request):
            return rendering.render(request, "registration/patient_entry.html", block="card", **values)
        banner = await banners.read(tx, patient_id, language)
        return rendering.render(
            request,
            "registration/patient_entry.html",
            banner=banner,
            tab="timeline",
            can_see_access=roles.may(actor, "patients.access"),
            **values,
        )


@page("patients.read")
async def versions(request: Request, actor: Actor) -> Response:
    """GET …/entries/{type}/{key}/versions?left=&right= — all versions, and two of them side by side."""
    patient_id, kind, key = _path(request)
    language = shell.language_of(request)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("history-instance", what=f"{kind}/{key}")
        found = await history.history(tx, kind, key, count=_VERSIONS_MAX)
        for one in found.entries:
            _check_person(one, patient_id)
            tx.show(one)
        listed = [one for one in found.entries if one.op != "D"]
        by_number = {one.version_id: one for one in listed}
        right = by_number.get(_number(request, "right")) or (listed[0] if listed else None)
        left = by_number.get(_number(request, "left")) or next(
            (one for one in listed if right and one.version_id < right.version_id), right
        )
        pair = [fhir_json.parse(one.body) for one in (left, right) if one]
        reader = await _reader(tx, request, patient_id, pair)
        lines = card.compare(reader.read(pair[0]), reader.read(pair[-1])) if pair else []
        banner = await banners.read(tx, patient_id, language)
        return rendering.render(
            request,
            "registration/patient_versions.html",
            banner=banner,
            tab="details" if kind == "Patient" else "timeline",
            patient_id=patient_id,
            entries=found.entries,
            left=left,
            right=right,
            lines=lines,
            kind_word=fhir_words.type_word(kind, language),
            url=f"/registration/patients/{patient_id}/entries/{kind}/{key}",
            changes=sum(line.state != "same" for line in lines),
            can_see_access=roles.may(actor, "patients.access"),
        )


def _path(request: Request) -> tuple[str, str, str]:
    kind, key = str(request.path_params["type"]), str(request.path_params["key"])
    if not request.app.state.store.definitions.is_resource_type(kind) or kind == "AuditEvent":
        raise errors.NotFound("no such entry")
    return checked_id(request), kind, key[:64]


def _check_person(stored: Stored, patient_id: str) -> None:
    # Another person's entry under this person's banner would be read as this person's.
    if stored.patient is not None and stored.patient != patient_id:
        raise errors.NotFound("this entry is not about this person")


async def _reader(tx: Transaction, request: Request, patient_id: str, resources: Any) -> card.Reader:
    names = await titles.of(tx, card.references_of(resources))
    return card.Reader(
        tx.definitions,
        shell.language_of(request),
        tx.tenant.time_zone,
        f"/registration/patients/{patient_id}/entries",
        names,
    )


def _number(request: Request, name: str) -> int:
    text: Any = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


ROUTES = (
    Route("/registration/patients/{id}/entries/{type}/{key}", show, name="patient-entry"),
    Route("/registration/patients/{id}/entries/{type}/{key}/versions", versions, name="patient-versions"),
)
