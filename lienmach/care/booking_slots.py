"""Times that can be booked: FHIR Schedules with a plan of their hours, and the Slots made from it day by day.

A Schedule belongs to a specialty and names the room and perhaps the doctor. Its extension `slot-plan` holds weekdays
("1,2,3,4,5", Monday is 1), hours ("07:30-11:30 13:30-16:30"), minutes of one slot and places at the same time. Each
place is a Slot of its own whose id follows from schedule and time, so making a day twice makes it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import resources, systems
from lienmach.record.committer import Changed
from lienmach.record.transaction import Transaction

PLAN = systems.EXTENSION + "slot-plan"
_SLOTS_MAX = 1000  # of one answer
_SLOTS_A_DAY_MAX = 900  # of one schedule
_HASHED_ID_CHARACTERS = 40


@dataclass(frozen=True)
class Plan:
    """When a schedule sees people. weekdays: 1 Monday … 7 Sunday. hours: pairs of from and to. places: at one time."""

    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    hours: tuple[tuple[time, time], ...] = ((time(7, 30), time(11, 30)), (time(13, 30), time(16, 30)))
    minutes: int = 15
    places: int = 1

    def starts(self, day: date) -> list[time]:
        """The times of day at which a slot begins on this day; none on a day off."""
        if day.isoweekday() not in self.weekdays:
            return []
        found = []
        for begin, end in self.hours:
            at, last = datetime.combine(day, begin), datetime.combine(day, end)
            while at + timedelta(minutes=self.minutes) <= last:
                found.append(at.time())
                at += timedelta(minutes=self.minutes)
        return found


@dataclass(frozen=True)
class OpenSlot:
    """A free time. specialty, specialty_name: code and word. doctor, room: names on screen, "" if none."""

    slot_id: str
    schedule_id: str
    start_at: datetime
    end_at: datetime
    specialty: str
    specialty_name: str
    doctor: str = ""
    room: str = ""
    free_count: int = 1  # places left at the same time of this schedule


def schedule(
    specialty: tuple[str, str], *, room: dict[str, str], doctor: dict[str, str] | None = None, plan: Plan | None = None
) -> dict[str, Any]:
    """A Schedule without id. specialty: code and name. room, doctor: References with display."""
    own = plan or Plan()
    hours = " ".join(f"{begin:%H:%M}-{end:%H:%M}" for begin, end in own.hours)
    return {
        "resourceType": "Schedule",
        "extension": [
            {
                "url": PLAN,
                "extension": [
                    {"url": "weekdays", "valueString": ",".join(str(one) for one in own.weekdays)},
                    {"url": "hours", "valueString": hours},
                    {"url": "minutes", "valueInteger": own.minutes},
                    {"url": "places", "valueInteger": own.places},
                ],
            }
        ],
        "active": True,
        "specialty": [resources.concept(systems.SPECIALTY, *specialty)],
        "actor": [room, *([doctor] if doctor else [])],
    }


def plan_of(one: dict[str, Any]) -> Plan:
    """The plan of a Schedule; what it does not say is as in Plan(). Raises errors.Invalid for hours that are none."""
    said: dict[str, Any] = {}
    for extension in one.get("extension", ()):
        if extension.get("url") == PLAN:
            for part in extension.get("extension", ()):
                said[part["url"]] = part.get("valueString", part.get("valueInteger"))
    plan = Plan()
    try:
        if said.get("weekdays"):
            plan = replace(plan, weekdays=tuple(int(day) for day in said["weekdays"].split(",")))
        if said.get("hours"):
            pairs = (pair.split("-") for pair in said["hours"].split())
            plan = replace(plan, hours=tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in pairs))
        minutes, places = int(said.get("minutes") or plan.minutes), int(said.get("places") or plan.places)
    except ValueError:
        raise errors.Invalid(f"The plan of Schedule/{one.get('id', '')} can not be read.") from None
    if not (1 <= minutes <= 480 and 1 <= places <= 99):
        raise errors.Invalid(f"The plan of Schedule/{one.get('id', '')} has no sensible minutes or places.")
    return replace(plan, minutes=minutes, places=places)


async def schedules(tx: Transaction, *, specialty: str = "", actor: str = "") -> list[dict[str, Any]]:
    """Schedules in use. specialty: a code. actor: a reference such as `Practitioner/1` or `Location/2`."""
    params = [("active", "true")]
    if specialty:
        params.append(("specialty", f"{systems.SPECIALTY}|{specialty}"))
    if actor:
        params.append(("actor", actor))
    return await resources.find(tx, "Schedule", *params, count=500)


async def make_slots(tx: Transaction, one: dict[str, Any], day: date) -> int:
    """Make the slots of a Schedule on a day; those that are there stay. Returns how many are new. Safe to run twice."""
    plan = plan_of(one)
    starts = plan.starts(day)
    if not starts:
        return 0
    if len(starts) * plan.places > _SLOTS_A_DAY_MAX:
        raise errors.Invalid(f"The plan of Schedule/{one['id']} makes more than {_SLOTS_A_DAY_MAX} slots a day.")
    there = {slot["id"] for slot in await _slots(tx, [one["id"]], day, day, ())}
    zone, made = tx.tenant.time_zone, 0
    for start in starts:
        at = datetime.combine(day, start, tzinfo=zone)
        for place in range(1, plan.places + 1):
            slot_id = f"{one['id'][:_HASHED_ID_CHARACTERS]}-{at:%y%m%d%H%M}-{place}"
            if slot_id in there:
                continue
            slot = {
                "resourceType": "Slot",
                "id": slot_id,
                "specialty": one.get("specialty", []),
                "schedule": {"reference": f"Schedule/{one['id']}"},
                "status": "free",
                "start": at.isoformat(),
                "end": (at + timedelta(minutes=plan.minutes)).isoformat(),
            }
            await resources.create(tx, slot, resource_id=slot_id)
            made += 1
    return made


async def open_slots(
    tx: Transaction,
    *,
    specialty: str = "",
    practitioner_id: str = "",
    room_id: str = "",
    day: date | None = None,
    days: int = 1,
    limit: int = 200,
) -> list[OpenSlot]:
    """Free times ahead, earliest first, one for each schedule and time. day: the first day asked, today if None."""
    actor = f"Practitioner/{practitioner_id}" if practitioner_id else f"Location/{room_id}" if room_id else ""
    found = {one["id"]: one for one in await schedules(tx, specialty=specialty, actor=actor)}
    if not found:
        return []
    first = day or tx.now.astimezone(tx.tenant.time_zone).date()
    slots = await _slots(tx, sorted(found), first, first + timedelta(days=days - 1), ("free",))
    by_time: dict[tuple[datetime, str], OpenSlot] = {}
    for slot in sorted(slots, key=lambda one: (one["start"], one["id"])):
        one = opened(slot, found.get(resources.id_of(slot.get("schedule"), "Schedule"), {}))
        if one.start_at <= tx.now:
            continue
        key = (one.start_at, one.schedule_id)
        earlier = by_time.get(key)
        by_time[key] = replace(earlier, free_count=earlier.free_count + 1) if earlier else one
    return sorted(by_time.values(), key=lambda one: (one.start_at, one.doctor, one.schedule_id))[:limit]


async def free_at(tx: Transaction, schedule_id: str, start: str) -> dict[str, Any] | None:
    """A free Slot of a schedule at exactly this time, or None."""
    at = datetime.fromisoformat(start)
    day = at.astimezone(tx.tenant.time_zone).date()
    slots = await _slots(tx, [schedule_id], day, day, ("free",))
    return next((one for one in slots if datetime.fromisoformat(one["start"]) == at), None)


async def free_of_day(tx: Transaction, schedule_id: str, day: date) -> list[dict[str, Any]]:
    """The free Slots of a schedule on a day that have not begun, earliest first."""
    slots = await _slots(tx, [schedule_id], day, day, ("free",))
    return [one for one in slots if datetime.fromisoformat(one["start"]) > tx.now]


async def set_status(tx: Transaction, slot: dict[str, Any], status: str) -> None:
    """Move a Slot that was read in this unit to free, busy or busy-tentative. Raises Changed if it moved meanwhile."""
    try:
        await resources.update(tx, {**slot, "status": status})
    except errors.PreconditionFailed:
        raise Changed("The slot moved meanwhile.") from None


def opened(slot: dict[str, Any], own: dict[str, Any]) -> OpenSlot:
    """A Slot with the names of its Schedule."""
    actors = {
        kind: one.get("display", "")
        for one in own.get("actor", ())
        if (kind := str(one.get("reference", "")).partition("/")[0])
    }
    concept = (slot.get("specialty") or own.get("specialty") or [{}])[0]
    return OpenSlot(
        slot["id"],
        resources.id_of(slot.get("schedule"), "Schedule"),
        datetime.fromisoformat(slot["start"]),
        datetime.fromisoformat(slot["end"]),
        resources.code_of(concept, systems.SPECIALTY),
        concept.get("text", ""),
        actors.get("Practitioner", ""),
        actors.get("Location", ""),
    )


async def _slots(
    tx: Transaction, schedule_ids: Sequence[str], first: date, last: date, statuses: Sequence[str]
) -> list[dict[str, Any]]:
    zone = tx.tenant.time_zone
    low = datetime.combine(first, time(), tzinfo=zone)
    high = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
    params = [
        ("schedule", ",".join(f"Schedule/{one}" for one in schedule_ids)),
        ("start", "ge" + clock.to_instant(low)),
        ("start", "lt" + clock.to_instant(high)),
        ("_sort", "start"),
    ]
    if statuses:
        params.append(("status", ",".join(statuses)))
    return await resources.find(tx, "Slot", *params, count=_SLOTS_MAX)
