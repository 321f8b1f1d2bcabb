"""Times are made ahead by themselves, once, and who waits for a day is offered its new times; an address books so often."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from lienmach.base import jobs
from lienmach.base.actor import Actor
from lienmach.care import booking, booking_ahead, booking_limits, resources
from lienmach.record.transaction import Store, Transaction
from tests.care.test_booking import FRIDAY, NAME, VISITOR, Hands, hands, planned, read, slots, two_hours, wait

__all__ = ["hands", "two_hours"]  # fixtures
LAST = date(2026, 11, 19) + timedelta(days=booking_ahead.DAYS_AHEAD)


async def work(store: Store, pool: asyncpg.Pool, kind: str, **payload: Any) -> None:
    """Run one job as the worker would."""
    own = {one.kind: one for one in booking_ahead.JOBS}[kind]
    await own.function(store, jobs.Taken(1, 1, kind, payload, 1, 10))


async def nights(pool: asyncpg.Pool) -> list[Any]:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        return await connection.fetch(
            "select payload ->> 'day' as day, run_at from job where tenant = 1 and kind = $1 order by 1",
            booking_ahead.NIGHT,
        )


async def test_a_new_schedule_is_filled_for_weeks_and_the_night_is_queued_once(
    store: Store, system: Actor, pool: asyncpg.Pool, hands: Hands, two_hours: str
) -> None:
    for _ in range(2):  # a job may run twice
        await work(store, pool, booking_ahead.CHANGED, id=two_hours)
    weekdays = [one for one in range(1, 29) if (date(2026, 11, 19) + timedelta(days=one)).isoweekday() < 6]
    found = await slots(store, day=date(2026, 11, 19), days=40, limit=1000)
    assert len(found) == 4 * len(weekdays)
    assert {one.start_at.date() for one in found} >= {FRIDAY, LAST}
    assert await slots(store, day=LAST + timedelta(days=1)) == []
    [night] = await nights(pool)
    assert night["day"] == "2026-11-20" and f"{night['run_at']:%d %H:%M}" == "19 19:10"  # 02:10 in Vietnam


async def test_each_night_makes_one_more_day_and_queues_the_next_night_once(
    store: Store, system: Actor, pool: asyncpg.Pool, hands: Hands, two_hours: str
) -> None:
    await work(store, pool, booking_ahead.CHANGED, id=two_hours)
    hands.at += timedelta(days=1)
    await asyncio.gather(*(work(store, pool, booking_ahead.NIGHT, day="2026-11-20") for _ in range(2)))
    assert len(await slots(store, day=LAST + timedelta(days=1))) == 4
    assert [one["day"] for one in await nights(pool)] == ["2026-11-20", "2026-11-21"]


async def test_a_schedule_out_of_use_or_unreadable_is_left_alone_and_stops_no_other(
    store: Store, system: Actor, pool: asyncpg.Pool, hands: Hands, two_hours: str
) -> None:
    other = await planned(store, system, booking.Plan(), FRIDAY)

    async def spoil(tx: Transaction) -> None:
        own = await resources.read(tx, "Schedule", two_hours)
        await resources.update(tx, {**own, "active": False})
        bad = await resources.read(tx, "Schedule", other)
        bad["extension"][0]["extension"][1]["valueString"] = "morning"
        await resources.update(tx, bad)

    await store.run(system, spoil)
    for own in (two_hours, other, "nobody"):
        await work(store, pool, booking_ahead.CHANGED, id=own)
    assert await slots(store, day=LAST) == []


async def test_a_changed_schedule_queues_its_job(store: Store, system: Actor, pool: asyncpg.Pool, hands: Hands) -> None:
    store.on_change.setdefault("Schedule", []).append(booking.SCHEDULE_CHANGED)
    own = await planned(store, system, booking.Plan(), FRIDAY)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        found = await connection.fetch(
            "select payload ->> 'id' as id from job where kind = $1", booking.SCHEDULE_CHANGED
        )
    assert [one["id"] for one in found] == [own]


async def test_new_times_go_to_who_waits_for_their_day_first(
    store: Store, system: Actor, pool: asyncpg.Pool, hands: Hands, two_hours: str
) -> None:
    async def ask(tx: Transaction) -> str:
        asked = await booking.ask(
            tx, specialty=("noi-tiet", "Nội tiết"), day=date(2026, 11, 23), name=NAME, phone="0912000001"
        )
        return booking.of(asked).secret

    secret, other_day = await store.run(VISITOR, ask), await wait(store, "Trần Thị Bình", "0912000002")
    await work(store, pool, booking_ahead.CHANGED, id=two_hours)
    assert (await read(store, secret)).status == "proposed"
    assert (await read(store, other_day)).status == "waitlist"  # its day was made before
    assert len(await slots(store, day=date(2026, 11, 23))) == 3


async def _book_from(store: Store, address: str, at: booking.OpenSlot, count: int) -> None:
    actor = Actor(1, "visitor", frozenset({"visitor"}), "PATADMIN", "Khách", "", address)
    phone = f"09120{count:05d}"
    await store.run(actor, lambda tx: booking.book(tx, at.slot_id, name=NAME, phone=phone))


async def test_an_address_books_twenty_times_an_hour_and_not_once_more(
    store: Store, system: Actor, hands: Hands
) -> None:
    await planned(store, system, booking.Plan(places=2), FRIDAY)
    free = await slots(store)
    for count in range(booking_limits.AN_HOUR_MAX):
        await _book_from(store, "127.0.0.1", free[count], count)
    with pytest.raises(booking_limits.TooManyFromHere, match="20 lịch trong một giờ"):
        await _book_from(store, "127.0.0.1", free[20], 20)
    assert len(await slots(store)) == len(free)  # each time has a second place; nothing was taken by the last one
    await _book_from(store, "10.0.0.9", free[20], 20)
    hands.at += timedelta(hours=1, seconds=1)
    await _book_from(store, "127.0.0.1", free[21], 21)


async def test_a_refused_booking_does_not_count(store: Store, system: Actor, hands: Hands, two_hours: str) -> None:
    free = await slots(store)
    await _book_from(store, "10.0.0.1", free[0], 0)
    for count in range(booking_limits.AN_HOUR_MAX):
        with pytest.raises(booking.SlotTaken):
            await _book_from(store, "10.0.0.1", free[0], count + 1)
    await _book_from(store, "10.0.0.1", free[1], 1)


async def test_a_desk_is_not_counted(store: Store, system: Actor, hands: Hands) -> None:
    await planned(store, system, booking.Plan(places=2), FRIDAY)
    desk = Actor(1, "tiepdon", frozenset({"reception"}), "TREAT", "Tiếp đón", "", "127.0.0.1")
    for count, one in enumerate((await slots(store))[: booking_limits.AN_HOUR_MAX + 1]):
        phone = f"09120{count:05d}"
        await store.run(desk, lambda tx, at=one, phone=phone: booking.book(tx, at.slot_id, name=NAME, phone=phone))
