"""What a ServiceRequest says about an order: our conventions, written and read; nothing that needs the record."""

from __future__ import annotations

import secrets
from datetime import date, datetime

from lienmach.base import clock, ids
from lienmach.care import resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.resources import Resource

KIND = "https://lienmach.org/fhir/CodeSystem/order-kind"  # lab, imaging, procedure, functional, exam
REPEAT_REASON = systems.EXTENSION + "repeat-reason"  # valueString
CANCEL_REASON = systems.EXTENSION + "cancel-reason"  # valueString
_TEXT_CHARACTERS_MAX = 500
_NUMBER_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without those that read like another


def build(
    encounter: Resource,
    service: Row,
    *,
    number: str,
    priority: str,
    at: datetime,
    requester: dict[str, str],
    quantity: int = 1,
    note: str = "",
    repeat_reason: str = "",
) -> Resource:
    """A new active order with an id, without a room. number: of what is ordered together. at: aware."""
    order: Resource = {
        "resourceType": "ServiceRequest",
        "id": ids.new_id(),
        "requisition": {"system": systems.ORDER, "value": number},
        "status": "active",
        "intent": "order",
        "category": [resources.concept(KIND, str(service.data.get("kind", "procedure")))],
        "priority": priority,
        "code": resources.concept(systems.SERVICE, service.code, service.name),
        "subject": encounter["subject"],
        "encounter": {"reference": f"Encounter/{encounter['id']}"},
        "authoredOn": clock.to_instant(at),
        "requester": requester,
    }
    if service.data.get("loinc"):
        order["code"]["coding"].append(resources.coding(systems.LOINC, str(service.data["loinc"])))
    if quantity != 1:
        order["quantityQuantity"] = {"value": quantity}
    if note.strip():
        order["note"] = [{"text": note.strip()[:_TEXT_CHARACTERS_MAX]}]
    if repeat_reason.strip():
        order["extension"] = [{"url": REPEAT_REASON, "valueString": repeat_reason.strip()[:_TEXT_CHARACTERS_MAX]}]
    return order


def new_number(day: date) -> str:
    """A number for what is ordered together: the day and six letters by chance."""
    return f"CD{day:%y%m%d}{''.join(secrets.choice(_NUMBER_LETTERS) for _ in range(6))}"


def kind_of(order: Resource) -> str:
    """lab, imaging, procedure, functional or exam; "" for an order from elsewhere."""
    return next((code for one in order.get("category", ()) if (code := resources.code_of(one, KIND))), "")


def quantity_of(order: Resource) -> int:
    """How many are ordered."""
    return int((order.get("quantityQuantity") or {}).get("value", 1))


def cause_of(order_id: str) -> str:
    """The cause under which the charge of an order stands (care/charges.py)."""
    return f"ServiceRequest/{order_id}"


def text_of(order: Resource, url: str) -> str:
    """The text of an extension such as REPEAT_REASON, or ""."""
    return next((str(one.get("valueString", "")) for one in order.get("extension", ()) if one.get("url") == url), "")
