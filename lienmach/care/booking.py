"""Book a visit: open times by specialty, doctor and room; book, change, cancel; who comes today; slips used once.

    slots = await booking.open_slots(tx, specialty="noi-tiet", day=tomorrow)
    stored = await booking.book(tx, slots[0].slot_id, name="Nguyễn Văn Ân", phone="0912345678")
    ticket = booking.of(stored)   # its secret opens /dat-kham/{secret} and stands in the QR

Two people who race for the last slot: exactly one wins, because the slot is one version that only one can follow. The
other reads SlotTaken with the next free times.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import asyncpg

from lienmach.base import clock, errors
from lienmach.care import (
    booking_ahead,
    booking_entry,
    booking_limits,
    booking_slots,
    booking_waiting,
    catalogues,
    resources,
    systems,
)
from lienmach.care.booking_entry import PHONE, Booking
from lienmach.care.booking_entry import check as check
from lienmach.care.booking_entry import find as find
from lienmach.care.booking_slots import OpenSlot, open_slots
from lienmach.care.booking_slots import Plan as Plan
from lienmach.care.booking_slots import make_slots as make_slots
from lienmach.care.booking_slots import schedule as schedule
from lienmach.care.booking_slots import schedules as schedules
from lienmach.care.booking_waiting import accept as accept
from lienmach.care.booking_waiting import ask as ask
from lienmach.care.booking_waiting import waiting_list as waiting_list
from lienmach.record.change import Stored
from lienmach.record.committer import Changed
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import formats

JOBS = (*booking_waiting.JOBS, *booking_ahead.JOBS)
SCHEDULE_CHANGED = booking_ahead.CHANGED
NEXT_SHOWN = 3
_NEXT_DAYS = 7
_BOOKINGS_A_PHONE_MAX = 3
_DAY_MAX = 1000
_LIVING = ("booked", "arrived", "checked-in", "fulfilled")


class SlotTaken(errors.Conflict):
    """Somebody was faster. next_slots: the nearest free times of the same specialty."""

    def __init__(self, next_slots: Sequence[OpenSlot], zone: Any) -> None:
        times = ", ".join(f"{one.start_at.astimezone(zone):%H:%M %d/%m}" for one in next_slots)
        more = f" Giờ còn trống: {times}." if times else " Hãy chọn ngày khác hoặc vào danh sách chờ."
        super().__init__("Giờ này vừa có người khác đặt." + more)
        self.next_slots = tuple(next_slots)


class TooManyBookings(errors.Conflict):
    """One phone number already holds as many times ahead as it may. Of an address: booking_limits.TooManyFromHere."""


async def book(tx: Transaction, slot_id: str, *, name: str, phone: str, patient_id: str = "") -> Stored:
    """Book a slot, or another place at the same time of the same schedule.

    Raises SlotTaken, TooManyBookings, errors.Invalid (name, phone; its issues say which), NotFound.
    """
    slot = await _free(tx, slot_id)
    own = await resources.read(tx, "Schedule", resources.id_of(slot["schedule"], "Schedule"))
    opened = booking_slots.opened(slot, own)
    specialty = (slot.get("specialty") or own.get("specialty") or [{"text": ""}])[0]
    appointment = booking_entry.new_appointment(tx, name=name, phone=phone, specialty=specialty, status="booked")
    await _check_number(tx, phone)
    booking_limits.count(tx)
    if patient_id:
        appointment["participant"][0]["actor"]["reference"] = f"Patient/{patient_id}"
    await booking_slots.set_status(tx, slot, "busy")
    return await resources.create(tx, booking_entry.at_slot(appointment, slot, opened, "booked"))


async def change(tx: Transaction, secret: str, slot_id: str) -> Stored:
    """Move a booking to another slot; the old one goes to who waits, else is free. Raises as book and cancel."""
    one = await _living(tx, secret)
    if slot_id == one.slot_id and one.status == "booked":
        raise errors.Conflict("Bạn đang giữ đúng giờ này.")
    slot = await _free(tx, slot_id)
    if one.slot_id:
        await booking_waiting.offer(tx, await resources.read(tx, "Slot", one.slot_id))
    own = await resources.read(tx, "Schedule", resources.id_of(slot["schedule"], "Schedule"))
    await booking_slots.set_status(tx, slot, "busy")
    opened = booking_slots.opened(slot, own)
    return await resources.update(tx, booking_entry.at_slot(one.appointment, slot, opened, "booked"))


async def cancel(tx: Transaction, secret: str, reason: str = "") -> Stored:
    """Give a time back, or leave the waiting list. Raises errors.Conflict once it is over or the person has come."""
    return await _give_back(tx, await find(tx, secret), reason)


async def cancel_appointment(tx: Transaction, appointment_id: str, reason: str) -> Stored:
    """The same at a desk, by the id of the Appointment; slips of doctors have no secret."""
    return await _give_back(tx, await read(tx, appointment_id), reason)


async def _give_back(tx: Transaction, one: Booking, reason: str) -> Stored:
    _check_living(one)
    if one.slot_id:
        await booking_waiting.offer(tx, await resources.read(tx, "Slot", one.slot_id))
    appointment = {**one.appointment, "status": "cancelled"}
    if reason.strip():
        appointment["cancelationReason"] = {"text": reason.strip()[:200]}
    return await resources.update(tx, appointment)


async def arrive(tx: Transaction, appointment_id: str, *, patient_id: str = "") -> Stored:
    """The person has come; patient_id: who they are, now that it is known. Raises errors.Conflict if it was cancelled."""
    appointment = await resources.read(tx, "Appointment", appointment_id)
    if appointment["status"] not in ("booked", "proposed", "waitlist", "noshow", "arrived"):
        raise errors.Conflict("Lịch hẹn này đã huỷ hoặc đã khám xong.")
    if patient_id:
        first, *others = appointment["participant"]
        actor = {**first.get("actor", {}), "reference": f"Patient/{patient_id}"}
        appointment["participant"] = [{**first, "actor": actor}, *others]
    if appointment["status"] == "waitlist":  # they came without a time of their own
        now = clock.to_instant(tx.now)
        appointment |= {"start": now, "end": clock.to_instant(tx.now + timedelta(minutes=15))}
    return await resources.update(tx, {**appointment, "status": "arrived"})


async def read(tx: Transaction, appointment_id: str) -> Booking:
    """The booking of an Appointment's id. Raises errors.NotFound."""
    return booking_entry.of(await resources.read(tx, "Appointment", appointment_id))


async def miss(tx: Transaction, appointment_id: str) -> Stored:
    """The person did not come. Raises errors.Conflict unless the booking still stood."""
    one = await read(tx, appointment_id)
    _check_living(one)
    return await resources.update(tx, {**one.appointment, "status": "noshow"})


async def find_slip(tx: Transaction, number: str) -> Booking | None:
    """The Appointment that a doctor's slip of this number made, or None."""
    found = await resources.find(tx, "Appointment", ("identifier", f"{systems.PAPER}|{number.strip()}"), count=1)
    return booking_entry.of(found[0]) if found and number.strip() else None


def of(stored: Stored) -> Booking:
    """A stored Appointment as pages read it."""
    return booking_entry.of(resources.of(stored))


async def of_day(tx: Transaction, day: date, *, statuses: Sequence[str] = _LIVING) -> list[Booking]:
    """The bookings of a day by time."""
    zone = tx.tenant.time_zone
    low = datetime.combine(day, time(), tzinfo=zone)
    params = [
        ("date", "ge" + clock.to_instant(low)),
        ("date", "lt" + clock.to_instant(low + timedelta(days=1))),
        ("status", ",".join(statuses)),
    ]
    found = [booking_entry.of(one) for one in await resources.find(tx, "Appointment", *params, count=_DAY_MAX)]
    return sorted(found, key=lambda one: (one.start_at or low, one.name))


async def matching(tx: Transaction, day: date, *, patient_id: str, name: str, phone: str) -> Booking | None:
    """The booking of a day that fits a person who stands at the desk: by person, else by name and phone, else by name."""
    number, folded = formats.compact_phone(phone), folding.fold(name)
    best, rank = None, 3
    for one in await of_day(tx, day, statuses=("booked",)):
        if patient_id and one.patient_id == patient_id:
            return one
        if not one.patient_id and folding.fold(one.name) == folded:
            own = 1 if number and number == one.phone else 2
            best, rank = (one, own) if own < rank else (best, rank)
    return best


async def slip_days(tx: Transaction, one: Booking) -> tuple[date, date] | None:
    """First and last day on which a slip may be used: its day with the days of the list `slip-tolerance` around it.

    None for a slip without a day, which may be used on any. Without a row of the list it is good on its own day only.
    """
    if one.start_at is None:
        return None
    due = one.start_at.astimezone(tx.tenant.time_zone).date()
    rows = await catalogues.all_of(tx, "slip-tolerance", on=tx.now.astimezone(tx.tenant.time_zone).date())
    days = rows[0].data if rows else {}
    before, after = int(days.get("days_before") or 0), int(days.get("days_after") or 0)
    return due - timedelta(days=before), due + timedelta(days=after)


async def may_use_slip(tx: Transaction, one: Booking) -> bool:
    """Whether the slip behind a booking is good today and has not opened a visit yet."""
    days, today = await slip_days(tx, one), tx.now.astimezone(tx.tenant.time_zone).date()
    if not one.slip or (days is not None and not days[0] <= today <= days[1]):
        return False
    return not await is_slip_used(tx, one.slip)


def use_slip(tx: Transaction, number: str, encounter_id: str) -> None:
    """Use an appointment slip (giấy hẹn khám lại) as right for category 1.5; each number is good for one visit.

    number: its identifier systems.PAPER. Raises at the commit errors.Conflict if another visit used it.
    """

    async def mark(connection: asyncpg.Connection) -> None:
        user = await connection.fetchval(
            """insert into slip_use (tenant, number, encounter_id, used_at) values ($1, $2, $3, $4)
               on conflict (tenant, number) do nothing returning encounter_id""",
            tx.tenant.number, number, encounter_id, tx.now,
        )  # fmt: skip
        if user is None and encounter_id != await connection.fetchval(
            "select encounter_id from slip_use where tenant = $1 and number = $2", tx.tenant.number, number
        ):
            raise errors.Conflict("Giấy hẹn này đã dùng cho một lượt khám khác; mỗi giấy hẹn chỉ dùng một lần.")

    tx.also(mark)


async def is_slip_used(tx: Transaction, number: str) -> bool:
    """Whether an appointment slip has opened a visit already."""
    found = await tx.fetch("select 1 from slip_use where tenant = $1 and number = $2", tx.tenant.number, number)
    return bool(found)


async def _free(tx: Transaction, slot_id: str) -> dict[str, Any]:
    """The slot, or another place at its time, free and ahead. Raises SlotTaken with the next ones."""
    slot = await resources.read(tx, "Slot", slot_id)
    if datetime.fromisoformat(slot["start"]) > tx.now:
        if slot["status"] == "free":
            return slot
        twin = await booking_slots.free_at(tx, resources.id_of(slot["schedule"], "Schedule"), slot["start"])
        if twin is not None:
            fresh = await resources.read(tx, "Slot", twin["id"])
            if fresh["status"] != "free":
                raise Changed("Another place of this time went meanwhile.")
            return fresh
    raise SlotTaken(await _next(tx, slot), tx.tenant.time_zone)


async def _next(tx: Transaction, slot: dict[str, Any]) -> list[OpenSlot]:
    specialty = resources.code_of((slot.get("specialty") or [{}])[0], systems.SPECIALTY)
    zone = tx.tenant.time_zone
    wanted = datetime.fromisoformat(slot["start"]).astimezone(zone)
    first = max(wanted.date(), tx.now.astimezone(zone).date())
    found = await open_slots(tx, specialty=specialty, day=first, limit=_DAY_MAX)
    if len(found) < NEXT_SHOWN:
        found += await open_slots(tx, specialty=specialty, day=first + timedelta(days=1), days=_NEXT_DAYS)
    nearest = sorted(found, key=lambda one: abs(one.start_at - wanted))[:NEXT_SHOWN]
    return sorted(nearest, key=lambda one: one.start_at)


async def _living(tx: Transaction, secret: str) -> Booking:
    one = await find(tx, secret)
    _check_living(one)
    return one


def _check_living(one: Booking) -> None:
    if one.status not in ("booked", "proposed", "waitlist"):
        raise errors.Conflict("Lịch hẹn này đã huỷ hoặc người bệnh đã đến khám; không đổi được nữa.")


async def _check_number(tx: Transaction, phone: str) -> None:
    """One phone number holds a few times ahead at most, so that nobody empties the day."""
    held = await resources.find(
        tx,
        "Appointment",
        ("identifier", f"{PHONE}|{formats.compact_phone(phone)}"),
        ("status", "booked"),
        ("date", "ge" + clock.to_instant(tx.now)),
        count=_BOOKINGS_A_PHONE_MAX,
    )
    if len(held) >= _BOOKINGS_A_PHONE_MAX:
        raise TooManyBookings("Số điện thoại này đang giữ 3 lịch hẹn; hãy khám hoặc huỷ bớt rồi đặt tiếp.")
