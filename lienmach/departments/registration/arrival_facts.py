"""What the arrival form proposes: the room with the shortest wait, the priority group by rule, the kind of visit.

Age rules stand in the list `priority-group` (from_years, under_years, rank). What a birth date does not tell
(pregnancy, disability, merit) is proposed again if the last visit had it; a pregnancy only within its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lienmach.care import booking, catalogues, facility, queue, resources, systems, visit_facts
from lienmach.care.booking import Booking
from lienmach.care.catalogues import Row
from lienmach.care.facility import Facility, Room
from lienmach.record.transaction import Transaction

PREGNANT = "thai"
EMERGENCY = "khan"
_PREGNANCY = timedelta(days=280)
_CHILD_YEARS = 16
_FOR_SOME = ("nhi", "san")  # specialties that are not proposed to everybody


@dataclass(frozen=True)
class RoomChoice:
    """A room with its expected wait in minutes and how many wait."""

    room: Room
    minutes: int
    waiting: int


@dataclass(frozen=True)
class Proposal:
    """room: id of the room proposed, "" if there is none. group: code of the priority group, "" for none."""

    home: Facility
    rooms: tuple[RoomChoice, ...]
    room: str
    groups: tuple[Row, ...]
    group: str
    group_reason: str
    kinds: tuple[Row, ...]
    booking: Booking | None


async def propose(tx: Transaction, patient: dict[str, Any], booked: Booking | None) -> Proposal:
    """Everything that the form shows ready for Enter."""
    day = queue.today(tx)
    home = await facility.home(tx)
    rooms = await facility.rooms(tx, "exam", organization_id=home.organization_id)
    last = await last_visit(tx, patient["id"])
    minutes = await queue.expected_minutes(tx, [one.id for one in rooms])
    waiting = await queue.counts(tx)
    choices = tuple(RoomChoice(one, round(minutes[one.id]), waiting.get(one.id, 0)) for one in rooms)
    fitting = _fitting(rooms, await _booked_room(tx, booked), booked, last, age_years(patient, day))
    groups = await catalogues.all_of(tx, "priority-group", on=day)
    group, reason = group_of(patient, groups, last, day)
    kinds = await catalogues.all_of(tx, "ma-loai-kcb", on=day)
    return Proposal(
        home,
        choices,
        (await queue.choose_place(tx, fitting)).id if fitting else "",
        tuple(sorted(groups, key=lambda one: (one.data.get("rank", 9), one.name))),
        group,
        reason,
        tuple(one for one in kinds if one.data.get("fhir_class", "AMB") == "AMB"),
        booked,
    )


def group_of(patient: dict[str, Any], groups: list[Row], last: dict[str, Any] | None, day: date) -> tuple[str, str]:
    """(code, why) of the priority group by rule: the best of what age says and what the last visit had; why: age, last."""
    years = age_years(patient, day)
    found: list[tuple[int, str, str]] = []
    for one in groups:
        low, high = one.data.get("from_years"), one.data.get("under_years")
        if years is not None and (low is not None or high is not None):
            if (low is None or years >= low) and (high is None or years < high):
                found.append((one.data.get("rank", 9), one.code, "age"))
    if last is not None:
        code = str(visit_facts.extension_of(last, visit_facts.PRIORITY_GROUP, "valueCode") or "")
        row = next((one for one in groups if one.code == code), None)
        by_age = row is not None and ("from_years" in row.data or "under_years" in row.data)
        if row is not None and not by_age and code != EMERGENCY and _still(last, code, patient, day):
            found.append((row.data.get("rank", 9), code, "last"))
    if not found:
        return "", ""
    _, code, why = min(found, key=lambda one: one[0])
    return code, why


def age_years(patient: dict[str, Any], day: date) -> int | None:
    """Whole years; from a year alone the least that it can be; None without a birth date."""
    parts = [int(part) for part in str(patient.get("birthDate", "")).split("-") if part.isdecimal()]
    if not parts:
        return None
    month, of_month = (parts[1] if len(parts) > 1 else 12), (parts[2] if len(parts) > 2 else 31)
    return max(0, day.year - parts[0] - ((day.month, day.day) < (month, of_month)))


async def open_today(tx: Transaction, patient_id: str) -> list[dict[str, Any]]:
    """Visits of a person that were opened today and are not over."""
    day = queue.today(tx)
    found = await resources.find(
        tx, "Encounter", ("patient", f"Patient/{patient_id}"), ("status", "arrived,in-progress"), ("date", f"ge{day}"),
        count=20,
    )  # fmt: skip
    return [one for one in found if _begun_on(one, tx) == day]


async def last_visit(tx: Transaction, patient_id: str) -> dict[str, Any] | None:
    """The newest visit of a person that took place."""
    found = await resources.find(tx, "Encounter", ("patient", f"Patient/{patient_id}"), ("_sort", "-date"), count=3)
    return next((one for one in found if one.get("status") != "cancelled"), None)


def _begun_on(encounter: dict[str, Any], tx: Transaction) -> date | None:
    at = visit_facts.begun_at(encounter)
    return at.astimezone(tx.tenant.time_zone).date() if at else None


def _still(last: dict[str, Any], code: str, patient: dict[str, Any], day: date) -> bool:
    if code != PREGNANT:
        return True
    begun = visit_facts.begun_at(last)
    return patient.get("gender") == "female" and begun is not None and day - begun.date() <= _PREGNANCY


def _fitting(
    rooms: list[Room], booked_room: str, booked: Booking | None, last: dict[str, Any] | None, years: int | None
) -> list[Room]:
    """The rooms among which the shortest wait decides: of the booking, of the last visit, of the age, else general."""
    own = [one for one in rooms if one.id == booked_room]
    if own:
        return own
    wanted = [booked.specialty if booked else ""]
    wanted.append(resources.code_of((last or {}).get("serviceType"), systems.SPECIALTY))
    wanted += ["nhi"] if years is not None and years < _CHILD_YEARS else ["noi", "da-khoa"]
    for specialty in wanted:
        fitting = [one for one in rooms if specialty and one.specialty == specialty]
        if fitting:
            return fitting
    return [one for one in rooms if one.specialty not in _FOR_SOME] or rooms


async def _booked_room(tx: Transaction, booked: Booking | None) -> str:
    """The room of the slot that was booked, "" without one."""
    if booked is None or not booked.slot_id:
        return ""
    slot = await resources.read(tx, "Slot", booked.slot_id)
    own = await resources.read(tx, "Schedule", resources.id_of(slot.get("schedule"), "Schedule"))
    return next((found for one in own.get("actor", ()) if (found := resources.id_of(one, "Location"))), "")


async def booked_for(
    tx: Transaction, patient: dict[str, Any], appointment_id: str, *, name: str, phone: str
) -> Booking | None:
    """The booking with this id if it still stands, else today's booking that fits the person."""
    if appointment_id:
        found = await booking.read(tx, appointment_id)
        return found if found.status in ("booked", "proposed", "waitlist", "noshow") else None
    return await booking.matching(tx, queue.today(tx), patient_id=patient["id"], name=name, phone=phone)
