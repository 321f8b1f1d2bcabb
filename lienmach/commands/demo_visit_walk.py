"""One demo visit from the desk to the dispensary, each step by the person and the function that a page would use.

`steps` is an asynchronous generator: it yields the minutes that pass until the next step, so that many visits go on at
the same time and the clock of the day only goes forward.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from lienmach.base import errors
from lienmach.care import (
    allergies,
    booking,
    catalogues,
    facility,
    insurance,
    insurance_words,
    orders,
    patients,
    queue,
    resources,
    visit_end,
    visit_facts,
    visits,
)
from lienmach.care.coverages import InsuredCard
from lienmach.care.queue import Ticket
from lienmach.commands import (
    demo_visit_laboratory,
    demo_visit_medicine,
    demo_visit_money,
    demo_visit_papers,
    demo_visit_plan,
)
from lienmach.commands.demo_visit_day import Day
from lienmach.commands.demo_visit_plan import MARK, VisitPlan
from lienmach.departments.outpatient import order_sets
from lienmach.record import search
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names

_DISCHARGED, _REFERRED = "1", "2"  # MA_LOAI_RV
_SECOND_ROOM = "P103"
_UNUSABLE = insurance_words.LOCKED | {"ended"}


@dataclass
class Visit:
    """A visit under way. has_card: it is insured, as the portal said. services: what was ordered; lines: drugs as the set or the case names them."""

    plan: VisitPlan
    day: Day
    patient_id: str = ""
    encounter_id: str = ""
    appointment_id: str = ""
    ticket_id: str = ""
    has_card: bool = False
    lab_order_ids: list[str] = field(default_factory=list)
    order_set: order_sets.OrderSet | None = None

    @property
    def doctor(self) -> str:
        return self.plan.doctor

    @property
    def organization_id(self) -> str:
        return self.day.rooms[self.plan.room].organization_id


async def steps(plan: VisitPlan, day: Day) -> AsyncIterator[float]:
    """Walk through the plan; yields minutes of waiting. Raises errors.Failure for what the pages would refuse."""
    one, chance = Visit(plan, day), plan.random("pace")
    if await _is_there(one):
        day.tally.kept += 1
        return
    await _register(one)
    if plan.has_booking:
        await _book(one)
    await _ask_card(one)
    yield chance.randint(2, 8)
    await _arrive(one)
    day.tally.visits += 1
    if plan.ending == "waiting":
        return
    yield chance.randint(3, 8)
    await _measure(one)
    if plan.ending == "cancelled":
        yield chance.randint(20, 50)
        await day.run(one.doctor, lambda tx: _leave(tx, one))
        day.tally.cancelled += 1
        return
    yield chance.randint(4, 20)
    await _begin(one)
    if plan.ending == "started":
        return
    yield chance.randint(4, 8)
    await _order(one)
    await demo_visit_money.advance(one)
    if plan.has_second_exam:
        yield chance.randint(8, 15)
        await _examine_again(one)
    async for minutes in demo_visit_laboratory.steps(one):
        yield minutes
    if plan.ending == "results":
        return
    yield chance.randint(3, 10)
    await _write(one)
    yield chance.randint(2, 4)
    await demo_visit_medicine.prescribe(one)
    yield chance.randint(1, 4)
    await demo_visit_papers.issue(one)
    yield chance.randint(1, 2)
    if not await _finish(one):
        return
    yield chance.randint(2, 6)
    await demo_visit_money.close_statement(one)
    yield chance.randint(1, 5)
    await _go_by_cashier(one)
    yield chance.randint(3, 12)
    await demo_visit_medicine.dispense(one)


async def _is_there(one: Visit) -> bool:
    async def look(tx: Transaction) -> bool:
        params = [("identifier", f"{MARK}|{one.plan.mark}")]
        return bool(await search.search_ids(tx, "Encounter", params, 1))

    return await one.day.run("tiepdon", look)


async def _register(one: Visit) -> None:
    """Find the person, or register them as the desk does; a card that fits somebody else's gets a reason."""
    plan = one.plan
    if plan.patient_id:
        may_come = await one.day.run("tiepdon", lambda tx: _may_come(tx, plan.patient_id))
        if may_come:
            one.patient_id = plan.patient_id
            return
    try:
        one.patient_id = await one.day.run("tiepdon", lambda tx: _registered(tx, plan, None))
    except errors.Conflict:
        one.patient_id = await one.day.run("tiepdon", lambda tx: _registered(tx, plan, "dữ liệu thử"))


async def _registered(tx: Transaction, plan: VisitPlan, reason: str | None) -> str:
    return (await patients.register(tx, plan.draft, reason_override=reason)).id


async def _may_come(tx: Transaction, patient_id: str) -> bool:
    try:
        patient = await resources.read(tx, "Patient", patient_id)
    except (errors.NotFound, errors.Gone):
        return False
    return not (patient.get("deceasedBoolean") or patient.get("deceasedDateTime") or patient.get("link"))


async def _book(one: Visit) -> None:
    """The person has called ahead; where all times are taken they just come."""
    specialty = one.day.rooms[one.plan.room].specialty

    async def work(tx: Transaction) -> str:
        free = await booking.open_slots(tx, specialty=specialty, day=one.plan.day, limit=1)
        if not free:
            return ""
        person = await resources.read(tx, "Patient", one.patient_id)
        phone = one.plan.draft.phone or f"0000{one.plan.number % 1_000_000:06d}"
        stored = await booking.book(
            tx, free[0].slot_id, name=names.shown(person), phone=phone, patient_id=one.patient_id
        )
        return stored.id

    try:
        one.appointment_id = await one.day.run("tiepdon", work)
    except (booking.SlotTaken, booking.TooManyBookings):
        return
    one.day.tally.booked += bool(one.appointment_id)


async def _ask_card(one: Visit) -> None:
    """The desk asks the portal; the answer is there when the number is called, if somebody answers."""
    if one.plan.has_card:
        await one.day.run("tiepdon", lambda tx: insurance.ask(tx, one.patient_id, moment="arrival"))


async def _arrive(one: Visit) -> None:
    """The visit is opened with the card as the portal says it is, and a number given (registration/arrival.py)."""
    plan, day = one.plan, one.day

    async def receive(tx: Transaction) -> tuple[str, Ticket]:
        person = await resources.read(tx, "Patient", one.patient_id)
        room = await facility.room(tx, day.rooms[plan.room].id)
        home = await facility.facility(tx, room.organization_id)
        state = await insurance.state_of(tx, one.patient_id)
        is_usable = plan.has_card and state.kind not in _UNUSABLE and _covers(state.card, plan.day)
        card = state.card if is_usable else None
        group = demo_visit_plan.age_group(plan)
        row = await catalogues.get(tx, "priority-group", group, on=plan.day) if group else None
        visit = await visits.open_visit(
            tx, one.patient_id, room=room, facility=home, reason=plan.case.reason,
            category=insurance.provisional_category(home, card), coverage_id=card.coverage_id if card else "",
            appointment_id=one.appointment_id, priority_group=group,
        )  # fmt: skip
        encounter = resources.of(visit)
        marked = [*encounter["identifier"], {"system": MARK, "value": plan.mark}]
        await resources.update(tx, {**encounter, "identifier": marked})
        if one.appointment_id:
            await booking.arrive(tx, one.appointment_id, patient_id=one.patient_id)
        priority = queue.priority_of(int(row.data.get("rank", 0))) if row else 0
        one.has_card = card is not None
        return visit.id, await queue.join(
            tx, room.id, kind="exam", patient_id=one.patient_id, encounter_id=visit.id, name=names.shown(person),
            priority=priority,
        )  # fmt: skip

    one.encounter_id, ticket = await day.run("tiepdon", receive)
    one.ticket_id = ticket.ticket_id


def _covers(card: InsuredCard | None, day: date) -> bool:
    """Whether a card holds on a day, as far as anybody has said."""
    return card is not None and (card.from_on or day) <= day <= (card.to_on or day)


async def _measure(one: Visit) -> None:
    """The nurse measures, and asks about allergies."""
    plan = one.plan

    async def work(tx: Transaction) -> None:
        await visits.record_vitals(tx, one.encounter_id, plan.vitals, is_confirmed=True)
        if plan.allergy[0] and not await allergies.of_patient(tx, one.patient_id):
            await allergies.record(
                tx, one.patient_id, list_name=plan.allergy[0], code=plan.allergy[1], reaction="Nổi mề đay",
                encounter_id=one.encounter_id,
            )  # fmt: skip

    await one.day.run("dieuduong", work)


async def _leave(tx: Transaction, one: Visit) -> None:
    await visits.cancel(tx, one.encounter_id, "Người bệnh bỏ về")
    await queue.cancel(tx, one.ticket_id)


async def _begin(one: Visit) -> None:
    """The doctor calls; whoever's turn it is comes, and this person is served."""
    room_id = one.day.rooms[one.plan.room].id

    async def work(tx: Transaction) -> None:
        waiting = [ticket for ticket in await queue.waiting(tx, room_id) if ticket.state == "waiting"]
        if waiting and waiting[0].ticket_id == one.ticket_id:
            await queue.call_next(tx, room_id)
        await queue.serve(tx, one.ticket_id)
        await visits.start(tx, one.encounter_id)

    await one.day.run(one.doctor, work)


async def _order(one: Visit) -> None:
    """Orders of the set or of the case, with a reason where something repeats and consent where it costs."""
    plan, tally = one.plan, one.day.tally

    async def work(tx: Transaction) -> list[str]:
        one.order_set = await order_sets.read(tx, plan.case.order_set, on=plan.day) if plan.case.order_set else None
        codes = list(one.order_set.services if one.order_set else plan.case.services)
        if plan.is_critical and codes and "XN-DIEN-GIAI" not in codes:
            codes.append("XN-DIEN-GIAI")
        prices = await catalogues.get_many(tx, "price", [f"service:{code}" for code in codes], on=plan.day)
        lines = [orders.OrderLine(code) for code in codes if f"service:{code}" in prices]
        if not lines:
            return []
        seen = await orders.preview(tx, one.encounter_id, lines)
        again = {earlier.service_code for earlier in seen.earlier}
        lines = [
            orders.OrderLine(
                line.service_code,
                repeat_reason="Theo dõi diễn biến" if line.service_code in again else "",
                has_consent=line.service_code in seen.consent_needed,
            )
            for line in lines
        ]
        placed = [resources.of(stored) for stored in await orders.place(tx, one.encounter_id, lines)]
        tally_orders.append(len(placed))
        return [order["id"] for order in placed if orders.kind_of(order) == "lab"]

    tally_orders: list[int] = []
    one.lab_order_ids = await one.day.run(one.doctor, work)
    tally.orders += tally_orders[-1] if tally_orders else 0


async def _examine_again(one: Visit) -> None:
    """Another doctor looks at the person in another room; their examination has an order of its own."""
    service, code = one.plan.case.second_exam
    room = one.day.rooms[code or _SECOND_ROOM]
    other = demo_visit_plan.DOCTORS[room.code]
    other = other if other != one.doctor else "bacsi"

    async def send(tx: Transaction) -> tuple[str, Ticket]:
        encounter = await visits.read(tx, one.encounter_id)
        there = {"location": {"reference": f"Location/{room.id}", "display": room.name}}
        placed = await orders.place_exam(tx, {**encounter, "location": [*encounter["location"], there]}, service)
        person = await resources.read(tx, "Patient", one.patient_id)
        return placed.id, await queue.join(
            tx, room.id, kind="exam", patient_id=one.patient_id, encounter_id=one.encounter_id, name=names.shown(person)
        )

    order_id, ticket = await one.day.run(one.doctor, send)

    async def examine(tx: Transaction) -> None:
        await queue.serve(tx, ticket.ticket_id)
        await orders.complete(tx, order_id)
        await queue.finish(tx, ticket.ticket_id)

    await one.day.run(other, examine)
    one.day.tally.second_exams += 1


async def _write(one: Visit) -> None:
    """The note and the diagnoses, as the chart saves them."""
    case = one.plan.case
    texts = {
        "reason": case.reason,
        "history": f"{case.reason}. Không sụt cân, ăn uống được.",
        "examination": case.finding,
        "assessment": "Theo chẩn đoán đã ghi.",
        "advice": case.advice,
    }

    async def work(tx: Transaction) -> None:
        await visits.write_note(tx, one.encounter_id, texts)
        await visits.set_diagnoses(tx, one.encounter_id, case.code, case.others)

    await one.day.run(one.doctor, work)


async def _finish(one: Visit) -> bool:
    """The doctor signs and ends the visit. An insured one lasts a minute by the clock (TIM-01): on a young day, whose
    minutes are short, it is waited for, and where it has not come yet the visit stays open and the answer is False."""
    is_referred = "referral" in one.plan.papers
    result = "3" if is_referred else "2" if one.plan.case.is_long else one.plan.random("end").choice(("1", "2"))
    outcome = _REFERRED if is_referred else _DISCHARGED

    category = one.plan.category if one.has_card else ""

    async def look(tx: Transaction) -> datetime | None:
        encounter = await visits.read(tx, one.encounter_id)
        return await visit_end.signs_from(tx, encounter, category or await visit_end.category_of(tx, encounter))

    signs_from = await one.day.run(one.doctor, look)
    if signs_from is not None:
        one.day.clock.move(signs_from)
        if one.day.clock.at < signs_from:
            return False

    async def work(tx: Transaction) -> None:
        await visits.finish(
            tx, one.encounter_id, one.day.signers[one.doctor], result=result, outcome=outcome, category=category
        )

    await one.day.run(one.doctor, work)
    one.day.tally.insured += one.has_card
    one.day.tally.finished += 1
    one.day.tally.signed += 1
    return True


async def _go_by_cashier(one: Visit) -> None:
    """With a number, and pay what is due."""
    place_id = one.day.rooms["TN1"].id
    ticket = await one.day.run("tiepdon", lambda tx: join(tx, one, place_id, "cashier"))
    await demo_visit_money.pay(one)

    async def work(tx: Transaction) -> None:
        await queue.serve(tx, ticket.ticket_id)
        await queue.finish(tx, ticket.ticket_id)

    await one.day.run("thungan", work)


async def join(tx: Transaction, one: Any, place_id: str, kind: str) -> Ticket:
    """A number for this person at a further place."""
    encounter = await visits.read(tx, one.encounter_id)
    person = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    return await queue.join(
        tx, place_id, kind=kind, patient_id=person["id"], encounter_id=one.encounter_id, name=names.shown(person)
    )
