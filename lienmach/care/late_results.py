"""Results that come after their visit has ended: its doctor is told on the work list until they have looked.

A Task (systems.TASK_KIND `late-result`) for the doctor of the visit, focus the order; made when the order is completed,
never twice, closed by the doctor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import resources, systems, visit_facts
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction

KIND = "late-result"
_SHOWN_MAX = 50


@dataclass(frozen=True)
class LateResult:
    """One result that nobody has looked at. what: the service. person: as the visit names them. at: FHIR instant."""

    task_id: str
    encounter_id: str
    what: str
    person: str
    at: str


async def tell(tx: Transaction, order: Resource) -> None:
    """Tell the doctor of the visit that an order is done, where the visit has ended already; else nothing happens."""
    own = resources.id_of(order.get("encounter"), "Encounter")
    if not own:
        return
    encounter = await resources.read(tx, "Encounter", own)
    doctor = visit_facts.doctor_of(encounter)
    if visit_facts.finished_at(encounter) is None or not doctor.get("reference"):
        return
    now = clock.to_instant(tx.now)
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": visit_facts.own_id(own, KIND, order["id"]),
        "status": "requested",
        "intent": "order",
        "code": resources.concept(systems.TASK_KIND, KIND, "Kết quả về sau khám"),
        "description": str(order["code"].get("text", "")),
        "focus": {"reference": f"ServiceRequest/{order['id']}"},
        "for": encounter["subject"],
        "encounter": {"reference": f"Encounter/{own}"},
        "authoredOn": now,
        "lastModified": now,
        "owner": doctor,
    }
    if encounter.get("meta", {}).get("security"):
        task["meta"] = {"security": encounter["meta"]["security"]}
    await resources.create(tx, task, resource_id=task["id"])


async def waiting(tx: Transaction) -> list[LateResult]:
    """What came for the person who acts and they have not looked at, oldest first."""
    if not tx.actor.reference.startswith("Practitioner/"):
        return []
    found = await resources.find(
        tx, "Task", ("owner", tx.actor.reference), ("code", f"{systems.TASK_KIND}|{KIND}"), ("status", "requested"),
        count=_SHOWN_MAX,
    )  # fmt: skip
    return [
        LateResult(
            one["id"],
            resources.id_of(one.get("encounter"), "Encounter"),
            str(one.get("description", "")),
            str((one.get("for") or {}).get("display", "")),
            str(one.get("authoredOn", "")),
        )
        for one in sorted(found, key=lambda one: str(one.get("authoredOn", "")))
    ]


async def see(tx: Transaction, task_id: str) -> None:
    """The doctor has looked; again changes nothing. Raises errors.NotFound for a Task of another kind or person."""
    task = await resources.read(tx, "Task", task_id)
    is_mine = (task.get("owner") or {}).get("reference") == tx.actor.reference
    if resources.code_of(task.get("code"), systems.TASK_KIND) != KIND or not is_mine:
        raise errors.NotFound("no such result that waits for you")
    if task["status"] != "completed":
        await resources.update(tx, {**task, "status": "completed", "lastModified": clock.to_instant(tx.now)})
