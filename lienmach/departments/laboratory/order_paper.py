"""Page of the noun "order paper": the printed result of one order."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import banner, facility, paper, resources, systems, visit_facts
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import facts, panel, ranges, tubes
from lienmach.departments.laboratory.panel import Earlier, Panel, Test
from lienmach.record.transaction import Transaction
from lienmach.web import formats
from lienmach.web.pages import page


@page("results.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /laboratory/orders/{id}/paper — what was released of the order, as PDF."""
    async with request.app.state.store.begin(actor) as tx:
        pdf = await paper.render(tx, "result", await data(tx, str(request.path_params["id"])))
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": 'inline; filename="result.pdf"'})


async def data(tx: Transaction, order_id: str) -> dict[str, Any]:
    """The JSON of care/paper's kind `result`. Raises errors.NotFound while nothing is released."""
    report = await resources.read(tx, "DiagnosticReport", facts.report_id(order_id))
    if report["status"] not in (*facts.RELEASED, "partial"):
        raise errors.NotFound("No result of this order is released yet.")
    order = await resources.read(tx, "ServiceRequest", order_id)
    specimen = await resources.read(tx, "Specimen", resources.id_of(report["specimen"][0], "Specimen"))
    found = await panel.of_specimen(tx, specimen)
    earlier = await panel.earlier(tx, found)
    lines = [
        _line(one, earlier.get(one.indicator.code))
        for one in found.of_order(order_id)
        if one.observation is not None and one.observation["status"] in facts.RELEASED
    ]
    issued = formats.moment(report.get("issued", ""))
    who = (report.get("resultsInterpreter") or [{}])[0].get("display", "")
    number = tubes.number_of(specimen)
    corrected = report["status"] == "corrected"
    return {
        "facility": await _facility(tx),
        "patient": _patient(tx, found),
        "visit": await _visit(tx, order),
        "title": "Phiếu kết quả xét nghiệm",
        "number": f"XN-{number}",
        "status": "Kết quả đã sửa; bản trước vẫn được lưu" if corrected
        else "Kết quả một phần; còn xét nghiệm đang làm" if report["status"] == "partial" else "",
        "diagnosis": "",
        "ordered_by": (order.get("requester") or {}).get("display", ""),
        "ordered_at": formats.moment(order.get("authoredOn", "")),
        "specimen": (specimen.get("type") or {}).get("text", ""),
        "specimen_number": number,
        "specimen_state": "Đạt",
        "collected_at": formats.moment((specimen.get("collection") or {}).get("collectedDateTime", "")),
        "received_at": formats.moment(specimen.get("receivedTime", "")),
        "issued_at": issued,
        "groups": [{"name": (order.get("code") or {}).get("text", ""), "lines": lines}],
        "conclusion": report.get("conclusion", ""),
        "legend": "H cao · L thấp · HH, LL nguy kịch",
        "qr": f"XN-{number}",
        "place_and_date": "",
        "signatures": [{"role": "Người duyệt kết quả", "name": who, "text": issued}],
    }  # fmt: skip


def _line(test: Test, before: Earlier | None) -> dict[str, str]:
    observation = test.observation or {}
    flag = facts.flag_of(observation)
    return {
        "name": test.indicator.name,
        "value": facts.value_text(observation),
        "unit": facts.unit_text(observation),
        "range": ranges.shown(test.limits),
        "mark": "" if flag == "N" else flag,
        "previous": f"{before.text} ({formats.day(before.day)})" if before else "",
        "method": "",
        "note": (observation.get("note") or [{}])[-1].get("text", ""),
    }


async def _facility(tx: Transaction) -> dict[str, str]:
    try:
        home = await facility.home(tx)
    except errors.Conflict:
        return {"name": tx.tenant.name, "parent": "", "code": "", "address": "", "phone": ""}
    return {"name": home.name, "parent": "", "code": home.code, "address": home.address, "phone": home.phone}


def _patient(tx: Transaction, found: Panel) -> dict[str, str]:
    known = banner.build(found.patient, today=facts.today(tx))
    return {
        "name": known.name,
        "birth": known.birth,
        "age": known.age,
        "sex": known.sex,
        "code": known.numbers[0][1] if known.numbers else "",
        "insurance_number": "",
        "address": known.address,
    }


async def _visit(tx: Transaction, order: Resource) -> dict[str, str]:
    encounter = await facts.stored(tx, "Encounter", resources.id_of(order.get("encounter"), "Encounter") or "-")
    if encounter is None:
        return {"code": "", "department": "", "room": "", "at": ""}
    room_id = visit_facts.room_of(encounter)
    place = await facts.stored(tx, "Location", room_id) if room_id else None
    return {
        "code": resources.identifier_of(encounter, systems.VISIT),
        "department": "",
        "room": (place or {}).get("name", ""),
        "at": formats.moment((encounter.get("period") or {}).get("start", "")),
    }


ROUTES = (Route("/laboratory/orders/{id}/paper", show),)
