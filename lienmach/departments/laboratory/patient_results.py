"""Page of the noun "patient results": last results of a person, what was before, trends; whole and as a fragment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import patients, resources, systems
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import charts, facts, screens
from lienmach.record import history
from lienmach.record.transaction import Transaction
from lienmach.web import formats, rendering, shell
from lienmach.web.pages import page

_RESULTS_MAX = 400
_POINTS_MAX = 40
_SHOWN = (*facts.RELEASED, "preliminary")


@page("results.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /laboratory/patients/{id}/results?test= — newest value of each test with the one before; test: its trend."""
    patient_id, code = str(request.path_params["id"]), request.query_params.get("test", "")[:60]
    async with request.app.state.store.begin(actor) as tx:
        known = await patients.read_banner(tx, patient_id, en=shell.language_of(request) == "en")
        found = await resources.find(
            tx, "Observation", ("patient", patient_id), ("category", f"{facts.CATEGORY}|laboratory"),
            ("status", ",".join(_SHOWN)), ("_sort", "-date"), count=_RESULTS_MAX,
        )  # fmt: skip
        by_test: dict[str, list[Resource]] = {}
        for one in found:
            if facts.has_value(one):
                by_test.setdefault(_code(one), []).append(one)
        chosen = by_test.get(code, [])
        return rendering.render(
            request,
            "laboratory/patient_results.html",
            block="results" if rendering.is_fragment(request) else "",
            patient_id=patient_id,
            known=known,
            lines=[_line(code, ones) for code, ones in by_test.items()],
            chosen=_text(chosen[0]) if chosen else "",
            chart=_chart(chosen),
            values=[await _value(tx, one) for one in chosen[:_POINTS_MAX]],
        )


def _code(observation: Resource) -> str:
    own = resources.code_of(observation.get("code"), systems.INDICATOR)
    return own or next((one.get("code", "") for one in (observation.get("code") or {}).get("coding", ())), "") or "?"


def _text(observation: Resource) -> str:
    code = observation.get("code") or {}
    return str(code.get("text") or (code.get("coding") or [{}])[0].get("display") or _code(observation))


def _line(code: str, ones: list[Resource]) -> dict[str, Any]:
    newest = ones[0]
    before = ones[1] if len(ones) > 1 else None
    return {
        "code": code,
        "name": _text(newest),
        "value": facts.value_text(newest),
        "unit": facts.unit_text(newest),
        "flag": screens.flag(newest),
        "at": newest.get("effectiveDateTime", ""),
        "range": (newest.get("referenceRange") or [{}])[0].get("text", ""),
        "status": newest["status"],
        "before": facts.value_text(before) if before else "",
        "before_at": before.get("effectiveDateTime", "") if before else "",
        "count": len(ones),
    }


async def _value(tx: Transaction, observation: Resource) -> dict[str, Any]:
    """One value of the chosen test; of a corrected one the values that stood there before, with when they were issued."""
    earlier = []
    if observation["status"] in ("corrected", "amended"):
        versions = await history.history(tx, "Observation", observation["id"], count=20)
        for stored in versions.entries[1:]:
            old = resources.of(stored)
            if old.get("status") in facts.RELEASED:
                earlier.append(
                    {"value": facts.value_text(old), "unit": facts.unit_text(old), "at": old.get("issued", "")}
                )
    return {
        "value": facts.value_text(observation),
        "unit": facts.unit_text(observation),
        "flag": screens.flag(observation),
        "at": observation.get("effectiveDateTime", ""),
        "status": observation["status"],
        "notes": [one.get("text", "") for one in observation.get("note", ())],
        "earlier": earlier,
    }


def _chart(ones: list[Resource]) -> Any:
    """The trend of what has numbers in one unit, at least two of them."""
    points = []
    unit = facts.unit_text(ones[0]) if ones else ""
    for one in reversed(ones[:_POINTS_MAX]):
        quantity = one.get("valueQuantity") or {}
        if "value" in quantity and facts.unit_text(one) == unit:
            day = formats.day(str(one.get("effectiveDateTime", "")))
            points.append((day, Decimal(str(quantity["value"])), bool(screens.flag(one)["sign"])))
    if len(points) < 2:
        return ""
    limits = (ones[0].get("referenceRange") or [{}])[0]
    low, high = ((limits.get(name) or {}).get("value") for name in ("low", "high"))
    return charts.trend(
        points,
        low=Decimal(str(low)) if low is not None else None,
        high=Decimal(str(high)) if high is not None else None,
        title=f"{_text(ones[0])} ({unit})" if unit else _text(ones[0]),
    )


ROUTES = (Route("/laboratory/patients/{id}/results", show),)
