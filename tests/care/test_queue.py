"""The queue keeps its promises: numbers without gaps, one person for one call, nobody waits for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import queue, queue_order, resources, systems
from lienmach.care.queue import Ticket
from lienmach.record.transaction import Store, Transaction

MORNING = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam


class Hands:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = MORNING

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def hands(store: Store) -> Hands:
    store.now = Hands()  # type: ignore[method-assign]
    return store.now  # type: ignore[return-value]


@pytest.fixture
async def room(store: Store, system: Actor, hands: Hands) -> str:
    return await make_room(store, system, "P101")


async def make_room(store: Store, actor: Actor, code: str) -> str:
    async with store.begin(actor) as tx:
        return (
            await resources.create(
                tx,
                {
                    "resourceType": "Location",
                    "identifier": [{"system": systems.ROOM, "value": code}],
                    "name": f"Phòng {code}",
                },
            )
        ).id


async def join(store: Store, actor: Actor, room: str, name: str = "Nguyễn Văn Ân", **more: object) -> Ticket:
    async def work(tx: Transaction) -> Ticket:
        told = {"kind": "exam", "patient_id": "p1", "encounter_id": "", **more}
        return await queue.join(tx, room, name=name, **told)  # type: ignore[arg-type]

    return await store.run(actor, work)


async def do(store: Store, actor: Actor, verb: object, *args: object) -> Ticket:
    return await store.run(actor, lambda tx: verb(tx, *args))  # type: ignore[operator, no-any-return]


async def line(store: Store, actor: Actor, room: str) -> list[str]:
    async with store.begin(actor) as tx:
        return [f"{one.number} {one.state}" for one in await queue.waiting(tx, room)]


async def test_forty_people_who_join_at_once_get_forty_numbers_without_a_gap(
    store: Store, system: Actor, room: str
) -> None:
    made = await asyncio.gather(*(join(store, system, room, encounter_id=f"e{n}") for n in range(40)))
    assert sorted(one.number for one in made) == list(range(1, 41))
    assert len({one.secret for one in made}) == 40


async def test_twenty_calls_at_once_call_twenty_different_people(store: Store, system: Actor, room: str) -> None:
    for number in range(20):
        await join(store, system, room, encounter_id=f"e{number}")
    rooms = [replace(system, user=f"doctor-{number}") for number in range(20)]
    called = await asyncio.gather(*(do(store, one, queue.call_next, room) for one in rooms))
    assert sorted(one.number for one in called) == list(range(1, 21))
    with pytest.raises(queue.NobodyWaits):
        await do(store, system, queue.call_next, room)


async def test_twenty_calls_of_the_last_person_are_won_by_exactly_one(store: Store, system: Actor, room: str) -> None:
    await join(store, system, room)
    answers = await asyncio.gather(
        *(do(store, system, queue.call_next, room) for _ in range(20)), return_exceptions=True
    )
    assert len([one for one in answers if isinstance(one, Ticket)]) == 1
    assert len([one for one in answers if isinstance(one, queue.NobodyWaits)]) == 19


async def test_joining_twice_for_one_visit_gives_the_same_number(store: Store, system: Actor, room: str) -> None:
    first = await join(store, system, room, encounter_id="e1")
    again = await join(store, system, room, encounter_id="e1")
    other = await join(store, system, room, encounter_id="e1", kind="collection")
    assert again.ticket_id == first.ticket_id and other.number == 2


async def test_a_ticket_shows_room_and_half_a_name(store: Store, system: Actor, room: str) -> None:
    made = await join(store, system, room)
    assert made.shown == "P101-001" and made.name == "Nguyễn V. Ân" and made.place == "Phòng P101"


async def test_an_unknown_place_or_kind_gives_no_number(store: Store, system: Actor, room: str) -> None:
    with pytest.raises(errors.NotFound):
        await join(store, system, "nowhere")
    with pytest.raises(errors.Invalid):
        await join(store, system, room, kind="party")


async def test_calling_the_next_ends_whom_the_same_person_called_before(store: Store, system: Actor, room: str) -> None:
    for number in range(3):
        await join(store, system, room, encounter_id=f"e{number}")
    await do(store, system, queue.call_next, room)
    await do(store, replace(system, user="colleague"), queue.call_next, room)
    await do(store, system, queue.call_next, room)
    assert await line(store, system, room) == ["2 called", "3 called"]


async def test_who_does_not_come_goes_back_three_places_and_rests_after_three_times(
    store: Store, system: Actor, room: str
) -> None:
    for number in range(6):
        await join(store, system, room, encounter_id=f"e{number}")
    one = await do(store, system, queue.call_next, room)
    await do(store, system, queue.skip, one.ticket_id)
    assert await line(store, system, room) == [f"{n} waiting" for n in (2, 3, 4, 1, 5, 6)]
    await do(store, system, queue.skip, one.ticket_id)
    last = await do(store, system, queue.skip, one.ticket_id)
    assert last.state == "skipped" and (await line(store, system, room))[-1] == "1 skipped"
    back = await do(store, system, queue.recall, one.ticket_id)
    assert back.state == "called" and back.calls == 2


async def test_skipped_people_are_called_when_nobody_else_waits(store: Store, system: Actor, room: str) -> None:
    one = await join(store, system, room)
    await do(store, system, queue.call_next, room)
    await do(store, system, queue.skip, one.ticket_id)
    assert (await do(store, system, queue.call_next, room)).ticket_id == one.ticket_id


async def test_an_ended_ticket_is_neither_recalled_nor_skipped_nor_sent(store: Store, system: Actor, room: str) -> None:
    other = await make_room(store, system, "P102")
    one = await join(store, system, room)
    assert (await do(store, system, queue.finish, one.ticket_id)).state == "done"
    for verb, more in ((queue.recall, ()), (queue.skip, ()), (queue.transfer, (other,))):
        with pytest.raises(errors.Conflict):
            await do(store, system, verb, one.ticket_id, *more)
    assert (await do(store, system, queue.cancel, one.ticket_id)).state == "done"


async def test_a_transfer_keeps_the_number_and_the_time_of_joining(
    store: Store, system: Actor, room: str, hands: Hands
) -> None:
    other = await make_room(store, system, "P102")
    await join(store, system, other, encounter_id="o1")
    hands.at += timedelta(minutes=1)
    moved = await join(store, system, room, encounter_id="m")
    hands.at += timedelta(minutes=1)
    await join(store, system, other, encounter_id="o2")
    sent = await do(store, system, queue.transfer, moved.ticket_id, other)
    assert sent.shown == "P101-001" and sent.place_code == "P102"
    async with store.begin(system) as tx:
        assert [one.encounter_id for one in await queue.waiting(tx, other)] == ["o1", "m", "o2"]


async def test_numbers_begin_again_at_midnight_in_vietnam(store: Store, system: Actor, room: str, hands: Hands) -> None:
    hands.at = datetime(2026, 11, 20, 16, 59, 59, tzinfo=UTC)
    late = await join(store, system, room, encounter_id="late")
    hands.at += timedelta(seconds=1)
    early = await join(store, system, room, encounter_id="early")
    assert (late.number, early.number) == (1, 1)
    assert await line(store, system, room) == ["1 waiting"]
    async with store.begin(system) as tx:
        assert not (await queue.ahead(tx, late.secret)).is_today


async def test_the_phone_says_people_ahead_and_minutes(store: Store, system: Actor, room: str, hands: Hands) -> None:
    made = [await join(store, system, room, encounter_id=f"e{number}") for number in range(6)]
    async with store.begin(system) as tx:
        found = await queue.ahead(tx, made[2].secret)
        assert (found.ahead, found.minutes_from, found.minutes_to) == (2, 10, 30)
        with pytest.raises(errors.NotFound):
            await queue.ahead(tx, "no-such-secret")
    for _ in range(4):  # three served in 10 minutes each, the fourth is in the room
        await do(store, system, queue.call_next, room)
        hands.at += timedelta(minutes=10)
    async with store.begin(system) as tx:
        found = await queue.ahead(tx, made[5].secret)
        assert (found.ahead, found.minutes_from, found.minutes_to) == (1, 10, 20)
        called = await queue.ahead(tx, made[3].secret)
        assert called.ticket.state == "called" and called.ahead == 0


async def test_the_shortest_expected_wait_is_chosen(store: Store, system: Actor, room: str) -> None:
    other = await make_room(store, system, "P102")
    rooms = [SimpleNamespace(id=room, code="P101"), SimpleNamespace(id=other, code="P102")]
    async with store.begin(system) as tx:
        assert (await queue.choose_place(tx, rooms)).code == "P101"
    await join(store, system, room)
    async with store.begin(system) as tx:
        assert (await queue.choose_place(tx, rooms)).code == "P102"
        with pytest.raises(errors.Invalid):
            await queue.choose_place(tx, [])


async def test_the_board_has_a_line_for_each_room_and_no_reason(store: Store, system: Actor, room: str) -> None:
    for number in range(3):
        await join(store, system, room, encounter_id=f"e{number}")
    await do(store, system, queue.call_next, room)
    async with store.begin(system) as tx:
        (found,) = await queue.board(tx)
    assert found.called is not None and found.called.shown == "P101-001"
    assert found.upcoming == ("P101-002", "P101-003") and found.waiting == 2


async def test_the_other_tenant_sees_no_ticket(store: Store, system: Actor, stranger: Actor, room: str) -> None:
    made = await join(store, system, room)
    async with store.begin(stranger) as tx:
        assert await queue.board(tx) == [] and await queue.waiting(tx, room) == []
        with pytest.raises(errors.NotFound):
            await queue.ahead(tx, made.secret)


# -- whose turn ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class One:
    turn: int
    priority: int = 0
    back_after: int = 0


def turns(people: list[One], **more: int) -> list[int]:
    return [one.turn for one in queue_order.in_order(people, **{"calls": 0, "run": 0, **more})]


def test_after_two_priority_people_an_ordinary_one_is_called() -> None:
    people = [One(1), One(2), *(One(number, 1) for number in range(3, 8))]
    assert turns(people) == [3, 4, 1, 5, 6, 2, 7]


def test_without_ordinary_people_priority_people_follow_each_other() -> None:
    assert turns([One(1, 1), One(2, 1), One(3, 1)]) == [1, 2, 3]


def test_a_higher_priority_goes_first_and_an_emergency_never_waits() -> None:
    assert turns([One(1), One(2, 1), One(3, 2)]) == [3, 2, 1]
    assert turns([One(1), One(2, queue_order.EMERGENCY)], run=2) == [2, 1]


def test_pace_is_learnt_from_three_people() -> None:
    assert queue_order.pace_of([20.0, 20.0]).median == queue_order.MINUTES_USUAL
    assert queue_order.pace_of([20.0, 20.0, 20.0]).minutes(1) == (20, 40)
    assert queue_order.pace_of([20.0, 20.0, 20.0], callers=2).minutes(1) == (10, 20)
