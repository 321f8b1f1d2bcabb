"""The work list of a room: its visits of a day with what a doctor looks at to choose the next one.

One search for the visits that are not done, one for the newest of the others, one each for people and orders, one
statement for the queue's numbers. In the evening most visits are done: they are counted, and few are read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from lienmach.care import order_facts, queue, resources, visit_facts
from lienmach.care.queue import Ticket
from lienmach.record import search
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names

Resource = dict[str, Any]
STATES = ("called", "in-progress", "results", "waiting", "done", "cancelled")
COUNT_MAX = 400  # visits of a room and day that one page can hold; a room sees a third of that
_ORDERS_MAX = 1000
_NOT_DONE = "arrived,triaged,in-progress,onleave,cancelled,entered-in-error"
_COUNTED = frozenset({"lab", "imaging", "functional", "procedure"})


@dataclass(frozen=True)
class WorkItem:
    """One visit. state: waiting, called, in-progress, results (all that was ordered is back), done, cancelled.

    shown: number in the queue, "" without one. ticket_id: of that number. turn: place among those who wait.
    orders, ready: how many results were ordered and how many are there. doctor: who holds the visit, "".
    """

    encounter_id: str
    patient_id: str
    name: str
    birth: str
    sex: str
    state: str
    arrived_at: datetime | None
    started_at: datetime | None
    shown: str = ""
    ticket_id: str = ""
    turn: int = 0
    reason: str = ""
    priority_group: str = ""
    is_emergency: bool = False
    doctor: str = ""
    orders: int = 0
    ready: int = 0


@dataclass(frozen=True)
class Work:
    """The visits of a room and a day. counts: how many are in each state, those that were not read included."""

    items: tuple[WorkItem, ...]
    counts: dict[str, int]


async def of_room(tx: Transaction, *, room_id: str, on: date, done_most: int = COUNT_MAX) -> Work:
    """The visits of a room that began on a day: called, in progress, results back, waiting in their turn, done.

    done_most: so many of those that are done, the newest.
    """
    day = [
        ("location", f"Location/{room_id}"),
        ("date", f"sa{(on - timedelta(days=1)).isoformat()}"),
        ("date", f"lt{(on + timedelta(days=1)).isoformat()}"),
    ]
    done = [("status", "finished"), *day]
    found = await resources.find(tx, "Encounter", ("status", _NOT_DONE), *day, count=COUNT_MAX)
    newest = await search.search(tx, "Encounter", [*done, ("_sort", "-date"), ("_count", str(done_most))])
    found += [resources.of(one) for one in newest.matches]
    people = await resources.read_many(tx, "Patient", [visit_facts.patient_of(one) for one in found])
    tickets = await queue.waiting(tx, room_id)
    turns = {one.encounter_id: (index, one) for index, one in enumerate(tickets, 1) if one.encounter_id}
    ordered, ready = await _orders(tx, [one["id"] for one in found if one.get("status") == "in-progress"])
    items = [
        _item(one, people.get(visit_facts.patient_of(one), {}), turns.get(one["id"]), ordered, ready) for one in found
    ]
    counted = Counter(one.state for one in items)
    if counted["done"] >= done_most:
        others = newest.total  # told along with the newest where the day could be looked at whole
        if others is None:
            others = len(await search.search_ids(tx, "Encounter", done, limit=COUNT_MAX))
        counted["done"] = min(others, COUNT_MAX)
    return Work(tuple(sorted(items, key=_order)), {state: counted[state] for state in STATES})


async def _orders(tx: Transaction, encounter_ids: list[str]) -> tuple[Counter[str], Counter[str]]:
    """(ordered, ready) by visit, of what gives a result."""
    ordered: Counter[str] = Counter()
    ready: Counter[str] = Counter()
    if not encounter_ids:
        return ordered, ready
    targets = ",".join(f"Encounter/{one}" for one in encounter_ids)
    for order in await resources.find(tx, "ServiceRequest", ("encounter", targets), count=_ORDERS_MAX):
        kinds = {resources.code_of(one, order_facts.KIND) for one in order.get("category", ())}
        if order.get("status") in ("active", "completed") and kinds & _COUNTED:
            own = resources.id_of(order.get("encounter"), "Encounter")
            ordered[own] += 1
            ready[own] += order["status"] == "completed"
    return ordered, ready


def _item(
    encounter: Resource, patient: Resource, turn: tuple[int, Ticket] | None, ordered: Counter[str], ready: Counter[str]
) -> WorkItem:
    own = encounter["id"]
    place, ticket = turn if turn else (0, None)
    doctor = visit_facts.doctor_of(encounter)
    return WorkItem(
        encounter_id=own,
        patient_id=visit_facts.patient_of(encounter),
        name=names.shown(patient) or str((encounter.get("subject") or {}).get("display", "")),
        birth=str(patient.get("birthDate", "")),
        sex=str(patient.get("gender", "")),
        state=_state(encounter, ticket, ordered[own], ready[own]),
        arrived_at=visit_facts.begun_at(encounter),
        started_at=visit_facts.started_at(encounter),
        shown=ticket.shown if ticket else "",
        ticket_id=ticket.ticket_id if ticket else "",
        turn=place,
        reason=str((encounter.get("reasonCode") or [{}])[0].get("text", "")),
        priority_group=str(visit_facts.extension_of(encounter, visit_facts.PRIORITY_GROUP, "valueCode") or ""),
        is_emergency=resources.code_of(encounter.get("priority"), visit_facts.ACT_PRIORITY) == "EM",
        doctor=doctor.get("display", ""),
        orders=ordered[own],
        ready=ready[own],
    )


def _state(encounter: Resource, ticket: Ticket | None, ordered: int, ready: int) -> str:
    status = encounter.get("status")
    if status == "arrived":
        return "called" if ticket is not None and ticket.state in ("called", "serving") else "waiting"
    if status == "in-progress":
        return "results" if ordered and ordered == ready else "in-progress"
    return "done" if status == "finished" else "cancelled"


def _order(item: WorkItem) -> tuple[int, int, str]:
    at = item.arrived_at.isoformat() if item.arrived_at else ""
    return STATES.index(item.state), item.turn or 999, at
