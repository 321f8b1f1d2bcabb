"""Booking keeps its promises: the last slot has one winner, what is given back goes to who waited first."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from lienmach.base import errors, jobs
from lienmach.base.actor import Actor
from lienmach.care import booking, booking_slots, booking_waiting, resources, systems
from lienmach.care.booking import Booking
from lienmach.record.transaction import Store, Transaction

NOW = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)  # Thursday, 10:00 in Vietnam
FRIDAY = date(2026, 11, 20)
NAME, PHONE = "Nguyễn Văn Ân", "0912 345 678"
ENDOCRINE = ("noi-tiet", "Nội tiết")
VISITOR = Actor(1, "visitor", frozenset({"visitor"}), "PATADMIN")


class Hands:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def hands(store: Store) -> Hands:
    store.now = Hands()  # type: ignore[method-assign]
    return store.now  # type: ignore[return-value]


async def planned(store: Store, actor: Actor, plan: booking.Plan, day: date = FRIDAY) -> str:
    """A schedule with the slots of a day."""

    async def work(tx: Transaction) -> str:
        room = await resources.create(tx, {"resourceType": "Location", "name": "Phòng khám Nội tiết"})
        own = booking.schedule(ENDOCRINE, room={"reference": f"Location/{room.id}", "display": "P103"}, plan=plan)
        return (await resources.create(tx, own)).id

    made = await store.run(actor, work)

    async def fill(tx: Transaction) -> None:
        await booking.make_slots(tx, await resources.read(tx, "Schedule", made), day)

    await store.run(actor, fill)
    return made


@pytest.fixture
async def two_hours(store: Store, system: Actor, hands: Hands) -> str:
    """08:00, 08:30, 09:00, 09:30 with one place each."""
    return await planned(store, system, booking.Plan(hours=((time(8), time(10)),), minutes=30))


async def slots(store: Store, **asked: Any) -> list[booking.OpenSlot]:
    async with store.begin(VISITOR) as tx:
        return await booking.open_slots(tx, **{"specialty": "noi-tiet", "day": FRIDAY, **asked})


async def book(store: Store, slot_id: str, name: str = NAME, phone: str = PHONE) -> Booking:
    return booking.of(await store.run(VISITOR, lambda tx: booking.book(tx, slot_id, name=name, phone=phone)))


async def wait(store: Store, name: str, phone: str) -> str:
    async def work(tx: Transaction) -> str:
        return booking.of(await booking.ask(tx, specialty=ENDOCRINE, day=FRIDAY, name=name, phone=phone)).secret

    return await store.run(VISITOR, work)


async def read(store: Store, secret: str) -> Booking:
    async with store.begin(VISITOR) as tx:
        return await booking.find(tx, secret)


# -- slots ---------------------------------------------------------------------------------------------------------


async def test_making_a_day_twice_makes_it_once(store: Store, system: Actor, two_hours: str) -> None:
    async def again(tx: Transaction) -> int:
        return await booking.make_slots(tx, await resources.read(tx, "Schedule", two_hours), FRIDAY)

    assert await store.run(system, again) == 0
    assert [f"{one.start_at:%H:%M}" for one in await slots(store)] == ["08:00", "08:30", "09:00", "09:30"]


async def test_two_who_make_the_same_day_at_once_make_it_once(store: Store, system: Actor, two_hours: str) -> None:
    monday = date(2026, 11, 23)

    async def fill(tx: Transaction) -> int:
        return await booking.make_slots(tx, await resources.read(tx, "Schedule", two_hours), monday)

    assert sorted(await asyncio.gather(store.run(system, fill), store.run(system, fill))) == [0, 4]


def test_a_day_off_has_no_slots_and_the_last_slot_ends_in_time() -> None:
    plan = booking.Plan(hours=((time(7, 30), time(9, 0)),), minutes=40)
    assert plan.starts(date(2026, 11, 21)) == []
    assert plan.starts(FRIDAY) == [time(7, 30), time(8, 10)]


def test_a_plan_is_read_as_it_was_written_and_nonsense_is_refused() -> None:
    plan = booking.Plan((1, 6), ((time(13), time(16, 30)),), 20, 3)
    own = booking.schedule(ENDOCRINE, room={"display": "P1"}, plan=plan)
    assert booking_slots.plan_of(own) == plan
    own["extension"][0]["extension"][1]["valueString"] = "morning"
    with pytest.raises(errors.Invalid):
        booking_slots.plan_of(own)


async def test_times_gone_by_are_not_offered(store: Store, hands: Hands, two_hours: str) -> None:
    hands.at = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)  # 08:30: the slot of this minute has begun
    assert [f"{one.start_at:%H:%M}" for one in await slots(store)] == ["09:00", "09:30"]


# -- the race ------------------------------------------------------------------------------------------------------


async def test_of_a_hundred_who_book_the_last_slot_exactly_one_wins(store: Store, system: Actor, hands: Hands) -> None:
    await planned(store, system, booking.Plan(hours=((time(8), time(8, 30)),), minutes=30))
    (last,) = await slots(store)
    answers = await asyncio.gather(
        *(book(store, last.slot_id, phone=f"09123456{number:02d}") for number in range(100)), return_exceptions=True
    )
    assert len([one for one in answers if isinstance(one, Booking)]) == 1
    assert len([one for one in answers if isinstance(one, booking.SlotTaken)]) == 99
    async with store.begin(system) as tx:
        assert len(await booking.of_day(tx, FRIDAY)) == 1


async def test_who_is_late_reads_the_next_free_times(store: Store, two_hours: str) -> None:
    chosen = (await slots(store))[1]
    await book(store, chosen.slot_id)
    with pytest.raises(booking.SlotTaken, match=r"08:00 20/11, 09:00 20/11, 09:30 20/11") as late:
        await book(store, chosen.slot_id, phone="0987654321")
    assert len(late.value.next_slots) == 3


async def test_as_many_win_as_there_are_places_at_one_time(store: Store, system: Actor, hands: Hands) -> None:
    await planned(store, system, booking.Plan(hours=((time(8), time(8, 30)),), minutes=30, places=3))
    (shown,) = await slots(store)
    assert shown.free_count == 3
    answers = await asyncio.gather(
        *(book(store, shown.slot_id, phone=f"09123456{number:02d}") for number in range(8)), return_exceptions=True
    )
    assert len([one for one in answers if isinstance(one, Booking)]) == 3


async def test_a_phone_number_holds_three_times_ahead(store: Store, two_hours: str) -> None:
    free = await slots(store)
    for one in free[:3]:
        await book(store, one.slot_id)
    with pytest.raises(booking.TooManyBookings):
        await book(store, free[3].slot_id)
    assert (await book(store, free[3].slot_id, phone="0987654321")).status == "booked"


@pytest.mark.parametrize(
    ("name", "phone", "fault"),
    [("", PHONE, "name"), ("A" * 101, PHONE, "name"), ("Ân 2", PHONE, "name"), (NAME, "123", "phone")],
)
async def test_a_name_or_phone_that_can_not_be_changes_nothing(
    store: Store, two_hours: str, name: str, phone: str, fault: str
) -> None:
    free = await slots(store)
    with pytest.raises(errors.Invalid) as refused:
        await book(store, free[0].slot_id, name, phone)
    assert refused.value.issues[0].expression == fault
    assert len(await slots(store)) == 4


# -- change, cancel, the waiting list ------------------------------------------------------------------------------


async def test_a_ticket_is_found_by_its_secret_and_by_nothing_else(store: Store, two_hours: str) -> None:
    made = await book(store, (await slots(store))[0].slot_id)
    found = await read(store, made.secret)
    assert (found.name, found.phone, found.specialty_name) == (NAME, "0912345678", "Nội tiết")
    assert found.place == "P103" and found.start_at is not None
    for wrong in ("", "x" * 20, "0912345678"):
        with pytest.raises(errors.NotFound):
            await read(store, wrong)


async def test_a_cancelled_time_is_free_again_and_cancelling_twice_is_said(store: Store, two_hours: str) -> None:
    made = await book(store, (await slots(store))[0].slot_id)
    await store.run(VISITOR, lambda tx: booking.cancel(tx, made.secret, "Bận việc"))
    assert len(await slots(store)) == 4 and (await read(store, made.secret)).status == "cancelled"
    with pytest.raises(errors.Conflict):
        await store.run(VISITOR, lambda tx: booking.cancel(tx, made.secret))


async def test_a_change_takes_the_new_time_and_gives_the_old_one_back(store: Store, two_hours: str) -> None:
    free = await slots(store)
    made = await book(store, free[0].slot_id)
    await store.run(VISITOR, lambda tx: booking.change(tx, made.secret, free[2].slot_id))
    assert [f"{one.start_at:%H:%M}" for one in await slots(store)] == ["08:00", "08:30", "09:30"]
    assert (await read(store, made.secret)).slot_id == free[2].slot_id


async def test_a_change_to_a_taken_time_keeps_the_old_one(store: Store, two_hours: str) -> None:
    free = await slots(store)
    made, other = await book(store, free[0].slot_id), await book(store, free[1].slot_id, phone="0987654321")
    with pytest.raises(booking.SlotTaken):
        await store.run(VISITOR, lambda tx: booking.change(tx, made.secret, other.slot_id))
    assert (await read(store, made.secret)).slot_id == free[0].slot_id


async def test_a_freed_time_is_offered_to_who_asked_first_and_taken_once(
    store: Store, system: Actor, hands: Hands, two_hours: str
) -> None:
    made = await book(store, (await slots(store))[0].slot_id)
    first = await wait(store, "Trần Thị Bưởi", "0987654321")
    hands.at += timedelta(minutes=1)
    second = await wait(store, "Lê Cam", "0987654322")
    await store.run(VISITOR, lambda tx: booking.cancel(tx, made.secret))
    offered = await read(store, first)
    assert offered.status == "proposed" and offered.slot_id == made.slot_id
    assert (await read(store, second)).status == "waitlist" and len(await slots(store)) == 3
    with pytest.raises(booking.SlotTaken):
        await book(store, made.slot_id, phone="0911111111")
    await store.run(VISITOR, lambda tx: booking.accept(tx, first))
    await store.run(VISITOR, lambda tx: booking.accept(tx, first))
    taken = await read(store, first)
    assert taken.status == "booked" and taken.offered_until_at is None
    with pytest.raises(errors.Conflict):
        await store.run(VISITOR, lambda tx: booking.accept(tx, second))


async def test_an_unanswered_offer_goes_to_the_next_and_its_person_waits_on(
    store: Store, system: Actor, hands: Hands, two_hours: str
) -> None:
    made = await book(store, (await slots(store))[0].slot_id)
    first = await wait(store, "Trần Thị Bưởi", "0987654321")
    hands.at += timedelta(minutes=1)
    second = await wait(store, "Lê Cam", "0987654322")
    await store.run(VISITOR, lambda tx: booking.cancel(tx, made.secret))
    key = (await read(store, first)).appointment_id
    job = jobs.Taken(1, 1, booking_waiting.OFFER_ENDS.kind, {"appointment": key}, 1, 10)
    hands.at += timedelta(minutes=29)
    await booking_waiting.OFFER_ENDS.function(store, job)
    assert (await read(store, first)).status == "proposed"
    hands.at += timedelta(minutes=1)
    for _ in range(2):
        await booking_waiting.OFFER_ENDS.function(store, job)
        assert (await read(store, first)).status == "waitlist"
        assert (await read(store, second)).status == "proposed"
    with pytest.raises(errors.Conflict):
        await store.run(VISITOR, lambda tx: booking.accept(tx, first))


async def test_nobody_waits_for_a_day_gone_by(store: Store, two_hours: str) -> None:
    with pytest.raises(errors.Invalid):
        await store.run(
            VISITOR, lambda tx: booking.ask(tx, specialty=ENDOCRINE, day=date(2026, 11, 18), name=NAME, phone=PHONE)
        )


# -- arrival -------------------------------------------------------------------------------------------------------


async def test_a_booking_is_matched_to_who_stands_at_the_desk(store: Store, system: Actor, two_hours: str) -> None:
    free = await slots(store)
    await book(store, free[0].slot_id, phone="0999999999")
    made = await book(store, free[1].slot_id)
    async with store.begin(system) as tx:
        found = await booking.matching(tx, FRIDAY, patient_id="p1", name="nguyen van an", phone="+84912345678")
        assert found is not None and found.appointment_id == made.appointment_id
        assert await booking.matching(tx, FRIDAY, patient_id="p1", name="Ai Khác", phone="0912345678") is None
    await store.run(system, lambda tx: booking.arrive(tx, made.appointment_id, patient_id="p1"))
    came = await read(store, made.secret)
    assert (came.status, came.patient_id, came.name) == ("arrived", "p1", NAME)
    with pytest.raises(errors.Conflict):
        await store.run(system, lambda tx: booking.cancel(tx, made.secret))


async def test_a_slip_opens_one_visit(store: Store, system: Actor) -> None:
    async def use(tx: Transaction, visit: str) -> None:
        booking.use_slip(tx, "GHK-001", visit)

    await store.run(system, lambda tx: use(tx, "e1"))
    await store.run(system, lambda tx: use(tx, "e1"))
    with pytest.raises(errors.Conflict):
        await store.run(system, lambda tx: use(tx, "e2"))
    async with store.begin(system) as tx:
        assert await booking.is_slip_used(tx, "GHK-001") and not await booking.is_slip_used(tx, "GHK-002")


async def test_slots_of_another_specialty_room_or_doctor_are_not_shown(
    store: Store, system: Actor, two_hours: str
) -> None:
    async with store.begin(system) as tx:
        own = await resources.read(tx, "Schedule", two_hours)
    room = resources.id_of(own["actor"][0], "Location")
    assert len(await slots(store, room_id=room)) == 4
    assert await slots(store, specialty="nhi") == [] and await slots(store, practitioner_id="x") == []
    assert resources.code_of(own["specialty"][0], systems.SPECIALTY) == "noi-tiet"
