"""The lines of the orders page as values for its template: those not placed yet with what they cost, and the placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lienmach.base import errors
from lienmach.care import order_facts, orders, queue, resources, systems
from lienmach.care.order_repeats import Earlier
from lienmach.care.orders import OrderLine, Preview
from lienmach.departments.outpatient.visit_orders_frame import VisitFrame
from lienmach.record.transaction import Transaction

KINDS = {
    "lab": "Xét nghiệm",
    "imaging": "Chẩn đoán hình ảnh",
    "procedure": "Thủ thuật",
    "functional": "Thăm dò chức năng",
    "exam": "Khám bệnh",
    "set": "Bộ chỉ định",
}
STATES = {
    "active": ("Chờ thực hiện", ""),
    "completed": ("Đã thực hiện", "good"),
    "revoked": ("Đã huỷ", "warn"),
    "entered-in-error": ("Nhập nhầm", "warn"),
}
_TICKETS = {"lab": "collection", "imaging": "imaging", "functional": "imaging"}


@dataclass(frozen=True)
class NewLine:
    """A line not placed yet. before_vnd, after_vnd: patient's total of the visit without and with it and those above.

    own_vnd: what the patient would pay alone; is_crossing: this line lifts the visit over the 15 % line.
    """

    line: OrderLine
    name: str
    kind: str
    before_vnd: int
    after_vnd: int
    own_vnd: int
    is_crossing: bool
    earlier: tuple[Earlier, ...] = field(default=())

    @property
    def is_reason_asked(self) -> bool:
        """Whether it was done before and nobody has said why again."""
        return bool(self.earlier) and not self.line.repeat_reason


def lines(asked: Sequence[OrderLine], seen: Preview) -> list[NewLine]:
    """The lines with what each changes. A service that stands in the catalogue is one that `seen` knows."""
    found = []
    own = {one.service_code: one.own_vnd for one in seen.costs}
    last = seen.before
    for line, step in zip(asked, seen.steps, strict=True):
        service = seen.services[line.service_code]
        found.append(
            NewLine(
                line,
                service.name,
                KINDS.get(str(service.data.get("kind")), ""),
                last.patient_total,
                step.patient_total,
                own.get(line.service_code, 0),
                last.is_below_line and not step.is_below_line and step.percent < 100,
                tuple(one for one in seen.earlier if one.service_code == line.service_code),
            )
        )
        last = step
    return found


async def placed(tx: Transaction, frame: VisitFrame) -> list[dict[str, Any]]:
    """The orders of the visit for its list, newest first; revoked ones last."""
    unsigned = {one.id for one in await orders.unsigned(tx, frame.encounter_id)}
    numbers: dict[str, str] = {}
    found = []
    for order in await orders.of_visit(tx, frame.encounter_id):
        kind = orders.kind_of(order)
        if kind in _TICKETS and kind not in numbers:
            ticket = await queue.ticket_of(tx, frame.encounter_id, _TICKETS[kind])
            numbers[kind] = ticket.shown if ticket and ticket.state in ("waiting", "called", "serving") else ""
        word, colour = STATES.get(str(order.get("status")), ("Chờ thực hiện", ""))
        found.append(
            {
                "id": order["id"],
                "name": str(order["code"].get("text", "")),
                "code": resources.code_of(order["code"], systems.SERVICE),
                "kind": KINDS.get(kind, ""),
                "state": word,
                "colour": colour,
                "is_signed": order["id"] not in unsigned and kind != "exam" and order.get("status") != "revoked",
                "is_exam": kind == "exam",
                "number": str((order.get("requisition") or {}).get("value", "")),
                "place": str((order.get("locationReference") or [{}])[0].get("display", "")),
                "ticket": numbers.get(kind, "") if order.get("status") == "active" else "",
                "at": str(order.get("authoredOn", "")),
                "quantity": orders.quantity_of(order),
                "priority": str(order.get("priority", "routine")),
                "reason": order_facts.text_of(order, order_facts.REPEAT_REASON),
                "cancel_reason": order_facts.text_of(order, order_facts.CANCEL_REASON),
                "may_cancel": frame.may_change and order.get("status") == "active" and kind != "exam",
            }
        )
    found.reverse()
    return sorted(found, key=lambda one: one["colour"] == "warn")


async def check(tx: Transaction, encounter_id: str, order_id: str) -> None:
    """Raise errors.NotFound unless the order is one of this visit."""
    order = await resources.read(tx, "ServiceRequest", order_id)
    if resources.id_of(order.get("encounter"), "Encounter") != encounter_id:
        raise errors.NotFound("no such order in this visit")
