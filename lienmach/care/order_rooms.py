"""Where an order is done, and the queue that the patient joins for it.

A laboratory order is done in the laboratory, but the patient goes to the place that takes specimens. Of several rooms
of a kind those come first that the service names by their codes (its member `rooms`); where it names none of the
facility's, those whose name shares most words with the service ("X quang", "siêu âm"). Of these the shortest wait.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lienmach.care import facility, queue, resources
from lienmach.care.catalogues import Row
from lienmach.care.facility import Facility, Room
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import names

#: Kind of service -> kind of room where it is done, where the catalogue does not say another one.
_DONE_IN = {"lab": "lab", "imaging": "imaging", "procedure": "procedure", "functional": "imaging", "exam": "exam"}
_TICKET_KINDS = {"lab": "collection", "imaging": "imaging", "functional": "imaging", "exam": "exam"}
_WAITING = ("waiting", "called", "serving")


async def choose(tx: Transaction, services: Sequence[Row], home: Facility) -> dict[str, Room]:
    """Service code -> the room where it is done; a service without a room of its kind is left out."""
    found: dict[str, Room] = {}
    by_kind: dict[str, list[Room]] = {}
    for service in services:
        kind = _done_in(service)
        if kind not in by_kind:
            by_kind[kind] = await facility.rooms(tx, kind, organization_id=home.organization_id)
        fitting = _fitting(by_kind[kind], service)
        if service.data.get("kind") == "exam":  # another speciality's examination: its rooms, or nobody knows where
            fitting = [one for one in by_kind[kind] if one.specialty == service.data.get("specialty")]
        if fitting:
            found[service.code] = await queue.choose_place(tx, fitting) if len(fitting) > 1 else fitting[0]
    return found


async def join_queues(
    tx: Transaction,
    encounter: Resource,
    services: Sequence[Row],
    rooms: Mapping[str, Room],
    home: Facility,
    *,
    is_urgent: bool = False,
) -> list[queue.Ticket]:
    """One ticket for each place where these services let the patient wait; an open ticket there is kept.

    rooms: as `choose` gave them. The numbers are valid after the commit.
    """
    places: dict[str, str] = {}  # Location id -> kind of the ticket
    for service in services:
        kind, room = str(service.data.get("kind", "")), rooms.get(service.code)
        if kind == "lab":
            room = await _collection(tx, encounter, home)
        if room is not None and room.kind == _TICKET_KINDS.get(kind):
            places[room.id] = room.kind
    if not places:
        return []
    patient = await resources.follow(tx, encounter["subject"]["reference"])
    return [
        await queue.join(
            tx,
            place_id,
            kind=kind,
            patient_id=patient["id"],
            encounter_id=encounter["id"],
            name=names.shown(patient),
            priority=queue.EMERGENCY if is_urgent else 0,
        )
        for place_id, kind in sorted(places.items())
    ]


def is_same_queue(kind: str, other: str) -> bool:
    """Whether orders of these two kinds let the patient wait with one ticket."""
    return kind == other or (kind in _TICKET_KINDS and _TICKET_KINDS[kind] == _TICKET_KINDS.get(other))


async def leave_queue(tx: Transaction, encounter_id: str, kind: str) -> None:
    """Give back the number of the place where orders of this kind let the patient wait: no such order is left."""
    if kind in _TICKET_KINDS:
        ticket = await queue.ticket_of(tx, encounter_id, _TICKET_KINDS[kind])
        if ticket is not None and ticket.state in _WAITING:
            await queue.cancel(tx, ticket.ticket_id)


async def _collection(tx: Transaction, encounter: Resource, home: Facility) -> Room | None:
    """Where specimens are taken: where the patient waits for that already, else where the wait is shortest."""
    ticket = await queue.ticket_of(tx, encounter["id"], "collection")
    if ticket is not None and ticket.state in _WAITING:
        return await facility.room(tx, ticket.place_id)
    rooms = await facility.rooms(tx, "collection", organization_id=home.organization_id)
    return await queue.choose_place(tx, rooms) if rooms else None


def _done_in(service: Row) -> str:
    said = str(service.data.get("room_kind") or "")
    own = str(service.data.get("kind") or "procedure")
    return "lab" if own == "lab" else said or _DONE_IN.get(own, "procedure")


def _fitting(rooms: Sequence[Room], service: Row) -> list[Room]:
    """The rooms that the service names, else those whose name shares most words with it."""
    named = {str(code) for code in service.data.get("rooms") or ()}
    if named and any(room.code in named for room in rooms):
        return [room for room in rooms if room.code in named]
    wanted = _words(service.name)
    shared = {room.id: len(wanted & _words(room.name)) for room in rooms}
    most = max(shared.values(), default=0)
    return [room for room in rooms if shared[room.id] == most]


def with_exam_rooms(encounter: Resource, services: Sequence[Row], rooms: Mapping[str, Room]) -> Resource | None:
    """The visit with the rooms of further examinations among its places, so that it stands on their work lists too.

    None if nothing is to be added.
    """
    there = [one.get("location", {}).get("reference") for one in encounter.get("location", ())]
    added = []
    for service in services:
        room = rooms.get(service.code)
        if service.data.get("kind") != "exam" or room is None or f"Location/{room.id}" in there:
            continue
        display = f"{room.code} {room.name}".strip()
        added.append({"location": {"reference": f"Location/{room.id}", "display": display}, "status": "planned"})
    return {**encounter, "location": [*encounter.get("location", ()), *added]} if added else None


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", folding.fold(text)))
