"""Pages of the noun "patient": the banner and the life-long timeline, newest first."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.departments.registration import banners, summaries, titles
from lienmach.departments.registration.summaries import KIND_OF, KINDS
from lienmach.identity import roles
from lienmach.record import life
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json
from lienmach.web import formats, forms, rendering, shell
from lienmach.web.pages import page

PAGE_COUNT = 40
_VISITS_MAX = 200
_FACILITY_CODES = ("service-provider", "provider", "organization", "performer", "custodian", "managing-organization")
_VISIT_CODES = ("encounter", "context")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@page("patients.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /registration/patients/{id}?kind=&facility=&year=&after= — the page, or with htmx the block `entries`."""
    patient_id = checked_id(request)
    asked = {name: request.query_params.get(name, "")[:80] for name in ("kind", "facility", "year", "after", "day")}
    language = shell.language_of(request)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-system", what=f"Patient/{patient_id}", query=f"/registration/patients/{patient_id}")
        banner = await banners.read(tx, patient_id, language)
        counts = await life.overview(tx, patient_id)
        visits = await _visits(tx, patient_id) if asked["facility"] or not rendering.is_fragment(request) else []
        wanted = _filter(tx, asked, counts, visits)
        found = await life.page(tx, patient_id, wanted, count=PAGE_COUNT, after=asked["after"])
        days = await _days(tx, found.entries, patient_id, language)
        more = ""
        if found.next_mark:
            last = days[-1]["day"] if days else ""
            more = "?" + urlencode(
                {**{name: value for name, value in asked.items() if value}, "after": found.next_mark, "day": last}
            )
        return rendering.render(
            request,
            "registration/patient.html",
            block="entries" if rendering.is_fragment(request) else "",
            banner=banner,
            patient_id=patient_id,
            days=days,
            more=more,
            asked=asked,
            tab="timeline",
            kinds=_kinds(counts),
            years=_years(counts),
            facilities=_facilities(visits),
            total=sum(number for _, _, number in counts),
            can_see_access=roles.may(actor, "patients.access"),
        )


def checked_id(request: Request) -> str:
    """The id in the path; NotFound for text that cannot be one."""
    patient_id = str(request.path_params["id"])
    if not _ID.fullmatch(patient_id):
        raise errors.NotFound("no such person")
    return patient_id


def _filter(
    tx: Transaction, asked: dict[str, str], counts: list[tuple[str, int | None, int]], visits: list[dict[str, Any]]
) -> life.Filter:
    present = tuple(sorted({name for name, _, _ in counts}))
    types: tuple[str, ...] = ()
    if asked["kind"]:
        types = tuple(name for name in present if KIND_OF.get(name, "other") == asked["kind"]) or ("Basic",)
    year = year if (year := forms.read_count(asked["year"], most=2199)) and year > 1800 else None
    wanted = life.Filter(types=types, year=year)
    if asked["facility"]:
        targets = [f"Organization/{asked['facility']}"]
        inside = [f"Encounter/{one['id']}" for one in visits if one["facility"] == asked["facility"]]
        found = [
            term
            for name in types or present
            for term in (
                *life.terms_of(tx, name, _FACILITY_CODES, targets),
                *life.terms_of(tx, name, _VISIT_CODES, inside),
            )
        ]
        wanted = replace(wanted, terms=tuple(found) or (0,))
    return wanted


async def _visits(tx: Transaction, patient_id: str) -> list[dict[str, Any]]:
    """The person's visits with their facilities, newest first."""
    found = await life.page(tx, patient_id, life.Filter(types=("Encounter",)), count=_VISITS_MAX)
    visits = []
    for entry in found.entries:
        provider = fhir_json.parse(entry.stored.body).get("serviceProvider") or {}
        reference = str(provider.get("reference", ""))
        visits.append(
            {
                "id": entry.stored.id,
                "name": str(provider.get("display", "")),
                "facility": reference.removeprefix("Organization/") if reference.startswith("Organization/") else "",
            }
        )
    missing = {f"Organization/{one['facility']}" for one in visits if one["facility"] and not one["name"]}
    names = await titles.of(tx, missing)
    for one in visits:
        one["name"] = one["name"] or names.get(f"Organization/{one['facility']}", one["facility"])
    return visits


async def _days(tx: Transaction, entries: list[life.Entry], patient_id: str, language: str) -> list[dict[str, Any]]:
    """Entries as lines, under their days; undated ones come last under the day ""."""
    zone = tx.tenant.time_zone
    lines = []
    wanted: set[str] = set()
    for entry in entries:
        resource = fhir_json.parse(entry.stored.body)
        summary = summaries.of(resource, language, zone)
        wanted |= {reference for reference in (summary.title_ref, summary.place_ref) if reference}
        lines.append((entry, summary))
    names = await titles.of(tx, wanted)
    days: list[dict[str, Any]] = []
    for entry, summary in lines:
        day = formats.day(entry.at, zone) if entry.at else ""
        if not days or days[-1]["day"] != day:
            days.append({"day": day, "lines": []})
        days[-1]["lines"].append(
            {
                "url": f"/registration/patients/{patient_id}/entries/{entry.stored.type}/{entry.stored.id}",
                "time": _time(entry.at, zone),
                "summary": summary,
                "title": names.get(summary.title_ref, "") or summary.title,
                "place": names.get(summary.place_ref, "") or summary.place,
            }
        )
    return days


def _time(at: datetime | None, zone: Any) -> str:
    text = formats.clock_time(at, zone) if at else ""
    return "" if text == "00:00" else text  # the low edge of a bare date


def _kinds(counts: list[tuple[str, int | None, int]]) -> list[tuple[str, str, int]]:
    sums: dict[str, int] = {}
    for name, _, number in counts:
        key = KIND_OF.get(name, "other")
        sums[key] = sums.get(key, 0) + number
    words = {key: word for key, word, _ in KINDS} | {"other": "Khác"}
    return [(key, words[key], sums[key]) for key in words if key in sums]


def _years(counts: list[tuple[str, int | None, int]]) -> list[tuple[int, int]]:
    sums: dict[int, int] = {}
    for _, year, number in counts:
        if year is not None:
            sums[year] = sums.get(year, 0) + number
    return sorted(sums.items(), reverse=True)


def _facilities(visits: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return list({one["facility"]: one["name"] for one in visits if one["facility"]}.items())


ROUTES = (Route("/registration/patients/{id}", show, name="patient"),)
