"""The waiting list of bookings: who asked for a full day is offered a time that somebody gave back.

The first who asked is offered it: the slot is held, an SMS goes out, and a job looks again when the offer ends. Who
has not answered by then stays on the list, behind nobody, but the time goes to the next one.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from lienmach.base import clock, errors, jobs
from lienmach.base.actor import Actor
from lienmach.care import booking_entry, booking_limits, booking_slots, outbox, resources, systems
from lienmach.care.booking_entry import OFFERED_UNTIL, Booking
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction

OFFER_MINUTES = 30
PASSED = systems.EXTENSION + "offer-passed"  # slots that this person was offered and let go
_KIND = "booking.offer-ends"


async def ask(tx: Transaction, *, specialty: tuple[str, str], day: date, name: str, phone: str) -> Stored:
    """Put somebody on the waiting list of a specialty and day. Raises errors.Invalid for name, phone or a day gone by."""
    zone = tx.tenant.time_zone
    if day < tx.now.astimezone(zone).date():
        raise errors.Invalid("Ngày muốn khám đã qua; hãy chọn hôm nay hoặc một ngày sau.")
    booking_limits.count(tx)
    appointment = booking_entry.new_appointment(
        tx, name=name, phone=phone, specialty=resources.concept(systems.SPECIALTY, *specialty), status="waitlist"
    )
    begin = datetime.combine(day, time(), tzinfo=zone)
    appointment["requestedPeriod"] = [
        {"start": begin.isoformat(), "end": (begin + timedelta(days=1, seconds=-1)).isoformat()}
    ]
    return await resources.create(tx, appointment)


async def waiting_list(tx: Transaction, specialty: str = "") -> list[Booking]:
    """Who waits or holds an offer, who asked first before the others."""
    params = [("status", "waitlist,proposed")]
    if specialty:
        params.append(("specialty", f"{systems.SPECIALTY}|{specialty}"))
    found = await resources.find(tx, "Appointment", *params, count=500)
    return [booking_entry.of(one) for one in sorted(found, key=lambda one: str(one.get("created", "")))]


async def offer(tx: Transaction, slot: dict[str, Any]) -> bool:
    """Hold a slot that has become free for the first who waits for its day; else leave it free.

    slot: as it stands in this unit, still busy. Returns whether somebody was found. Writes the slot either way.
    """
    own = await resources.read(tx, "Schedule", resources.id_of(slot.get("schedule"), "Schedule"))
    opened = booking_slots.opened(slot, own)
    until = min(tx.now + timedelta(minutes=OFFER_MINUTES), opened.start_at)
    chosen = None
    if until > tx.now:
        chosen = next((one for one in await waiting_list(tx, opened.specialty) if _fits(tx, one, opened)), None)
    if chosen is None:
        await booking_slots.set_status(tx, slot, "free")
        return False
    await booking_slots.set_status(tx, slot, "busy-tentative")
    asked = chosen.appointment.get("requestedPeriod", [])
    appointment = booking_entry.at_slot(chosen.appointment, slot, opened, "proposed")
    appointment["requestedPeriod"] = asked
    appointment.setdefault("extension", []).append({"url": OFFERED_UNTIL, "valueDateTime": clock.to_instant(until)})
    await resources.update(tx, appointment)
    _tell(tx, chosen, opened, until)
    payload = {"appointment": chosen.appointment_id}
    tx.jobs.append(jobs.JobRow(_KIND, payload, until + timedelta(seconds=5)))
    return True


async def accept(tx: Transaction, secret: str) -> None:
    """Take the time that was offered; safe to say twice. Raises errors.Conflict once the offer has ended."""
    one = await booking_entry.find(tx, secret)
    if one.status == "booked":
        return
    if one.status != "proposed" or one.offered_until_at is None or tx.now >= one.offered_until_at:
        raise errors.Conflict("Lời mời đã hết hạn; bạn vẫn ở trong danh sách chờ.")
    slot = await resources.read(tx, "Slot", one.slot_id)
    await booking_slots.set_status(tx, slot, "busy")
    kept = {key: value for key, value in one.appointment.items() if key not in ("requestedPeriod", "extension")}
    extensions = [said for said in one.appointment.get("extension", ()) if said.get("url") != OFFERED_UNTIL]
    more = {"extension": extensions} if extensions else {}
    await resources.update(tx, {**kept, **more, "status": "booked"})


async def end_offer(tx: Transaction, appointment_id: str) -> None:
    """Pass the time on if the offer has ended unanswered; who let it go waits on for another."""
    one = booking_entry.of(await resources.read(tx, "Appointment", appointment_id))
    if one.status != "proposed" or one.offered_until_at is None or tx.now < one.offered_until_at:
        return
    dropped = ("slot", "start", "end", "extension")
    kept = {key: value for key, value in one.appointment.items() if key not in dropped}
    passed = [said for said in one.appointment.get("extension", ()) if said.get("url") == PASSED]
    passed.append({"url": PASSED, "valueString": one.slot_id})
    await resources.update(tx, {**kept, "status": "waitlist", "extension": passed})
    await offer(tx, await resources.read(tx, "Slot", one.slot_id))


def _fits(tx: Transaction, one: Booking, opened: booking_slots.OpenSlot) -> bool:
    if one.status != "waitlist" or one.asked_at is None:
        return False
    zone = tx.tenant.time_zone
    said = (said.get("valueString") for said in one.appointment.get("extension", ()) if said.get("url") == PASSED)
    return (
        one.asked_at.astimezone(zone).date() == opened.start_at.astimezone(zone).date() and opened.slot_id not in said
    )


def _tell(tx: Transaction, one: Booking, opened: booking_slots.OpenSlot, until: datetime) -> None:
    zone = tx.tenant.time_zone
    link = f"{tx.store.base_url.removesuffix('/fhir')}/dat-kham/{one.secret}"
    text = (
        f"Da co cho kham luc {opened.start_at.astimezone(zone):%H:%M %d/%m}. "
        f"Giu den {until.astimezone(zone):%H:%M}. Nhan cho: {link}"
    )
    outbox.queue(
        tx,
        "sms",
        f"offer-{one.appointment_id}-{opened.slot_id}",
        json.dumps({"to": one.phone, "text": text}).encode(),
        subject=f"Appointment/{one.appointment_id}",
    )


async def _end_offer(store: Store, job: jobs.Taken) -> None:
    """Safe to run twice because an offer that was answered or passed on is not `proposed` any more."""
    actor = Actor(job.tenant, "system", frozenset({"system"}), "HOPERAT")
    await store.run(actor, lambda tx: end_offer(tx, str(job.payload["appointment"])))


OFFER_ENDS = jobs.Job(_KIND, _end_offer)
JOBS = (OFFER_ENDS,)
