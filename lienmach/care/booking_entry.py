"""A booking as pages read it, and the Appointment it is made from.

Who books stands in the Appointment as a participant by name; the phone number and the secret of the ticket are
identifiers, so that both find it. It is not yet a Patient: that is decided at the desk, with a card in hand.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import resources, systems
from lienmach.care.booking_slots import OpenSlot
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats, names, qr
from lienmach.standards.vietnam.remark import Remark

PHONE = "https://lienmach.org/sid/booking-phone"
OFFERED_UNTIL = systems.EXTENSION + "offered-until"
PLACE = systems.EXTENSION + "booked-place"
NAME_CHARACTERS_MAX = 100
SECRET_DIGITS = 20  # digits only: an input method changes letters of a scan, never digits


@dataclass(frozen=True)
class Booking:
    """status: of the Appointment: booked, proposed (offered to the waiting list), waitlist, arrived, cancelled, noshow …

    start_at: None on the waiting list; asked_at: the day asked for there. slot_id: "" on the waiting list.
    offered_until_at: until when a proposed time is held. slip: number of the doctor's appointment slip that made it.
    """

    appointment_id: str
    secret: str
    status: str
    name: str
    phone: str
    specialty: str
    specialty_name: str
    place: str
    slot_id: str
    start_at: datetime | None
    end_at: datetime | None
    asked_at: datetime | None
    offered_until_at: datetime | None
    patient_id: str
    slip: str
    appointment: dict[str, Any]


def new_secret() -> str:
    """The secret of a ticket, 66 bits as digits."""
    return f"{secrets.randbelow(10**SECRET_DIGITS):0{SECRET_DIGITS}d}"


def check(name: str, phone: str) -> list[Remark]:
    """What is wrong with a name and phone number, in the order of the form."""
    found = []
    tidy = names.tidy(name)
    if len(tidy) > NAME_CHARACTERS_MAX:
        found.append(Remark("name", "Họ tên dài quá 100 ký tự; hãy ghi gọn lại.", "The name has over 100 characters."))
    elif not qr.is_person_name(tidy):
        found.append(
            Remark("name", "Hãy ghi họ và tên bằng chữ, như trên thẻ căn cước.", "Write the full name in letters.")
        )
    if not formats.compact_phone(phone):
        found.append(
            Remark("phone", "Số điện thoại cần 10 chữ số, ví dụ 0912 345 678.", "A phone number has 10 digits.")
        )
    return found


def new_appointment(
    tx: Transaction, *, name: str, phone: str, specialty: dict[str, Any], status: str
) -> dict[str, Any]:
    """An Appointment without slot. Raises errors.Invalid for a name or phone that can not be."""
    remarks = check(name, phone)
    if remarks:
        raise errors.Invalid(issues=[errors.Issue("error", "value", one.vi, one.code) for one in remarks])
    return {
        "resourceType": "Appointment",
        "identifier": [
            {"system": systems.BOOKING, "value": new_secret()},
            {"system": PHONE, "value": formats.compact_phone(phone)},
        ],
        "status": status,
        "specialty": [specialty],
        "created": clock.to_instant(tx.now),
        "participant": [{"actor": {"display": names.tidy(name)}, "required": "required", "status": "accepted"}],
    }


def at_slot(appointment: dict[str, Any], slot: dict[str, Any], one: OpenSlot, status: str) -> dict[str, Any]:
    """The Appointment put on a slot."""
    place = " · ".join(part for part in (one.room, one.doctor) if part)
    kept = [said for said in appointment.get("extension", ()) if said.get("url") not in (PLACE, OFFERED_UNTIL)]
    extensions = [*kept, *([{"url": PLACE, "valueString": place}] if place else [])]
    body = {key: value for key, value in appointment.items() if key not in ("extension", "requestedPeriod")}
    return {
        **body,
        **({"extension": extensions} if extensions else {}),
        "status": status,
        "specialty": slot.get("specialty") or appointment["specialty"],
        "start": slot["start"],
        "end": slot["end"],
        "slot": [{"reference": f"Slot/{slot['id']}"}],
    }


async def find(tx: Transaction, secret: str) -> Booking:
    """The booking of a ticket's secret. Raises errors.NotFound."""
    found = []
    if secret.strip():
        found = await resources.find(tx, "Appointment", ("identifier", f"{systems.BOOKING}|{secret.strip()}"), count=1)
    if not found:
        raise errors.NotFound("There is no booking with this code.")
    # The search may be older than this unit's own change; the version is the one that a write must follow.
    return of(await resources.read(tx, "Appointment", found[0]["id"]))


def of(appointment: dict[str, Any]) -> Booking:
    """An Appointment as pages read it."""
    said = {one.get("url"): one for one in appointment.get("extension", ())}
    actors = [one.get("actor", {}) for one in appointment.get("participant", ())]
    concept = (appointment.get("specialty") or [{}])[0]
    asked = (appointment.get("requestedPeriod") or [{}])[0].get("start")
    slots = [resources.id_of(one, "Slot") for one in appointment.get("slot", ())]
    return Booking(
        appointment_id=appointment["id"],
        secret=resources.identifier_of(appointment, systems.BOOKING),
        status=appointment["status"],
        name=next((one["display"] for one in actors if one.get("display")), ""),
        phone=resources.identifier_of(appointment, PHONE),
        specialty=resources.code_of(concept, systems.SPECIALTY),
        specialty_name=concept.get("text", ""),
        place=said.get(PLACE, {}).get("valueString", ""),
        slot_id=slots[0] if slots else "",
        start_at=_at(appointment.get("start")),
        end_at=_at(appointment.get("end")),
        asked_at=_at(asked),
        offered_until_at=_at(said.get(OFFERED_UNTIL, {}).get("valueDateTime")),
        patient_id=next((own for one in actors if (own := resources.id_of(one, "Patient"))), ""),
        slip=resources.identifier_of(appointment, systems.PAPER),
        appointment=appointment,
    )


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
