"""The sheet of a visit's orders: what the patient carries from room to room, with numbers and what is to be paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.care import charges, orders, papers_data, queue, resources, systems, visit_cards
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats

_TITLE = "Phiếu chỉ định dịch vụ cận lâm sàng"
_PRIORITIES = {"stat": "Cấp cứu", "urgent": "Khẩn"}
_TICKETS = {"lab": "collection", "imaging": "imaging", "functional": "imaging"}
_NO_PLACE = "Chưa có phòng thực hiện"


async def sheet(tx: Transaction, encounter_id: str) -> dict[str, Any]:
    """The data of the template `order`: every order that stands, but the examination, by place.

    Its number is that of the newest order. Raises errors.NotFound for a visit without such orders.
    """
    standing = [
        one
        for one in await orders.of_visit(tx, encounter_id)
        if one.get("status") in ("active", "completed") and orders.kind_of(one) != "exam"
    ]
    if not standing:
        raise errors.NotFound("this visit has no orders to print")
    visit = await papers_data.read(tx, encounter_id)
    amounts = await charges.of_visit(tx, encounter_id)
    by_key = {one.line.key: one for one in amounts.lines}
    newest = standing[-1]
    number = str((newest.get("requisition") or {}).get("value", ""))
    groups: dict[str, dict[str, Any]] = {}
    total = Decimal(0)
    for index, one in enumerate(standing, 1):
        line = by_key.get(charges.charge_id(orders.cause_of(one["id"])))
        total += line.THANH_TIEN_BV if line else 0
        place = str((one.get("locationReference") or [{}])[0].get("display", "")) or _NO_PLACE
        group = groups.setdefault(place, {"place": place, "queue_number": await _ticket(tx, one), "lines": []})
        group["lines"].append(_line(index, one, line))
    urgent = next((word for code, word in _PRIORITIES.items() if any(o.get("priority") == code for o in standing)), "")
    room = papers_data.visit_of(visit)["room"]
    requester = str((newest.get("requester") or {}).get("display", ""))
    at = papers_data.local(tx, str(newest["authoredOn"]))
    return {
        "facility": papers_data.facility_of(visit.home),
        "patient": papers_data.chosen(
            papers_data.patient_of(visit.patient, visit.visit_on), "name birth age sex code insurance_number address"
        ),
        "visit": papers_data.chosen(papers_data.visit_of(visit), "code department room at"),
        "number": number,
        "title": _TITLE,
        "priority": urgent,
        "diagnosis": papers_data.diagnosis_of(visit),
        "groups": list(groups.values()),
        "total": formats.write_money(round(total)),
        "patient_total": formats.write_money(amounts.patient_total),
        "note": _note(room, is_insured=bool(await visit_cards.of_visit(tx, visit.encounter))),
        "qr": number,
        "barcode": number,
        "place_and_date": papers_data.place_and_date(visit.home, at.date()),
        "signatures": await papers_data.signed_by(tx, f"ServiceRequest/{newest['id']}", "Bác sĩ chỉ định", requester),
    }


def _line(index: int, order: Resource, line: Any) -> dict[str, str]:
    own = line.T_BNTT + line.T_BNCCT if line else Decimal(0)
    return {
        "number": str(index),
        "code": resources.code_of(order["code"], systems.SERVICE),
        "name": str(order["code"].get("text", "")),
        "quantity": str(orders.quantity_of(order)),
        "note": str((order.get("note") or [{}])[0].get("text", "")),
        "payer": "BHYT" if line and not line.why else "Tự trả",
        "price": formats.write_number(round(line.THANH_TIEN_BV) if line else 0),
        "patient_pays": formats.write_number(round(own)),
    }


async def _ticket(tx: Transaction, order: Resource) -> str:
    kind = _TICKETS.get(orders.kind_of(order), "")
    found = await queue.ticket_of(tx, resources.id_of(order["encounter"], "Encounter"), kind) if kind else None
    return found.shown if found and found.state in queue.OPEN else ""


def _note(room: str, *, is_insured: bool) -> str:
    back = f"Quay lại {room} khi có đủ kết quả." if room else "Quay lại phòng khám khi có đủ kết quả."
    return f"Số tiền là tạm tính đến khi kết thúc khám. {back}" if is_insured else back
