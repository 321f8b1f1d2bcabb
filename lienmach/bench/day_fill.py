"""A clinic's three years before the day that is measured: people, visits, the queue, the dispensary, and 30 logins.

The record is filled by `lienmach import`, as an operator would; what no resource says (tickets, issued codes, what is
reserved, logins) goes straight into the tables of the node's own database, found by the environment of its children.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg

from lienmach.bench import data, day_bill_rows, day_bills, day_data, day_visit, processes
from lienmach.bench.day_bills import Bill
from lienmach.bench.day_data import Room, Visit
from lienmach.bench.node import Failed, Node

WAITING_MEASURED = 60  # people who wait in the room whose work list is measured
WAITING_OWN = 14  # in each room of the load
AT_WINDOW = 120  # prescriptions that wait at the dispensary
AT_LAB = 90  # visits of today with a laboratory order that is open
DISPENSARY = "p-ct1"
TENANT = 1
_TICKET = (
    "tenant ticket_id place_id place place_code series day number prefix kind state priority turn name patient_id "
    "encounter_id secret joined_at called_at called_by ended_at"
).split()


@dataclass(frozen=True)
class Today:
    """The visits of the day. people: numbers of people who are not there yet, for the desks of the load."""

    visits: tuple[Visit, ...]
    at_window: tuple[Visit, ...]
    people: tuple[int, ...]


def today_of(first: int, people: int, share: int, now: datetime) -> Today:
    """`share` visits that are over, those who wait and those in the laboratory; every person at most once."""
    chance = Random(f"today {first}")
    order = list(range(people))
    chance.shuffle(order)
    numbers, persons = iter(range(first, first + 10**6)), iter(order)
    begun = now.replace(hour=0, minute=0, second=0, microsecond=0)
    past = (now - begun).total_seconds()

    def visits(room: Room | None, count: int, state: str) -> list[Visit]:
        return [
            Visit(
                next(numbers), next(persons), room or day_data.DEMO_ROOMS[at % 5],
                begun + timedelta(seconds=past * (0.02 + 0.9 * at / max(count, 1))), state,
            )
            for at in range(count)
        ]  # fmt: skip

    over = visits(None, share, "finished")
    waiting = visits(day_data.MEASURED, WAITING_MEASURED, "arrived")
    for room in day_data.OWN_ROOMS:
        waiting += visits(room, WAITING_OWN, "arrived")
    running = visits(None, AT_LAB, "in-progress")
    return Today((*over, *waiting, *running), tuple(over[-AT_WINDOW:]), tuple(persons))


def write_record(file: Path, visits: int, people: int, today: Today, staff: Iterable[tuple[str, str]]) -> int:
    """All resources as NDJSON; returns their number."""
    count = 0
    with open(file, "wb") as out:
        for one in _resources(visits, people, today, staff):
            out.write(data.dump(one) + b"\n")
            count += 1
    return count


def _resources(visits: int, people: int, today: Today, staff: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    yield from day_data.rooms()
    for login, name in staff:
        yield from day_data.staff(login, name)
    for number in range(people):
        yield day_data.person(number)
        if day_data.has_card(number):
            yield day_data.coverage(number)
    for visit in day_data.history(0, visits, people, day_of(today)):
        yield from day_visit.of_visit(visit)
    at_window = set(today.at_window)
    for visit in today.visits:
        yield from day_visit.of_visit(visit, at_window=visit in at_window)
    for bill in bills(day_data.history(0, visits, people, day_of(today)), today):
        if bill.standing != day_bills.OPEN:
            yield day_bills.invoice(bill)


def bills(history: Iterable[Visit], today: Today) -> Iterator[Bill]:
    """The bills of all finished visits, those of today at the end."""
    for visit in history:
        yield day_bills.of_visit(visit)
    at_window = set(today.at_window)
    for visit in today.visits:
        if visit.state == "finished":
            yield day_bills.of_visit(visit, is_today=True, at_window=visit in at_window)


def write_encounters(file: Path, first: int, count: int, people: int, day: Any) -> None:
    """`count` further visits as Encounters alone."""
    with open(file, "wb") as out:
        for visit in day_data.history(first, count, people, day):
            out.write(data.dump(day_visit.encounter(visit)) + b"\n")


def fill_tables(
    node: Node, visits: Sequence[Visit], today: Today, staff: Iterable[tuple[str, str, str]], now: datetime | None
) -> dict[str, int]:
    """Tickets of all visits, issued codes, what is reserved at the window, logins with the demo password, and the money.

    now: None leaves the money out. Returns rows of each table of money.
    """
    filled: dict[str, int] = {}

    async def run() -> None:
        owner = await asyncpg.connect(database_url(node))
        try:
            await owner.execute(f"set lienmach.tenant = '{TENANT}'")
            await _put_tickets(owner, [*visits, *today.visits])
            await _put_prescriptions(owner, today)
            await _put_logins(owner, staff)
            await owner.execute("analyze ticket")
            if now is not None:
                filled.update(await day_bill_rows.put(owner, bills(visits, today), day_of(today), now))
        finally:
            await owner.close()

    asyncio.run(run())
    return filled


def database_url(node: Node) -> str:
    """Where the node's database takes its owner, as one of the node's children was told."""
    for pid in processes.pids(node.pid):
        try:
            told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for line in told:
            if line.startswith(b"LIENMACH_DATABASE_OWNER_URL=postgresql"):
                return os.fsdecode(line.partition(b"=")[2])
    raise Failed("No child of the node says where its database is.")


async def _put_tickets(owner: asyncpg.Connection, visits: list[Visit]) -> None:
    """One a visit, numbered by place and day in the order of arrival."""
    numbers: dict[tuple[str, Any], int] = {}
    rows = []
    for visit in sorted(visits, key=lambda one: one.at):
        day = visit.at.date()
        number = numbers[visit.room.id, day] = numbers.get((visit.room.id, day), 0) + 1
        state = {"finished": "done", "arrived": "waiting"}.get(visit.state, "done")
        called = None if state == "waiting" else visit.at + timedelta(minutes=15)
        rows.append(
            (
                TENANT, f"{visit.id}-t", visit.room.id, visit.room.name, visit.room.code, visit.room.id, day, number,
                visit.room.code, "exam", state, 0, number, "N. (mẫu)", day_data.person_id(visit.person), visit.id,
                f"{visit.number:020d}", visit.at, called, "" if called is None else "bacsi2",
                None if called is None else visit.end,
            )
        )  # fmt: skip
    await owner.copy_records_to_table("ticket", records=rows, columns=_TICKET)
    await owner.copy_records_to_table(
        "ticket_counter",
        records=[(TENANT, place, day, last) for (place, day), last in numbers.items()],
        columns=["tenant", "place_id", "day", "last_number"],
    )


async def _put_prescriptions(owner: asyncpg.Connection, today: Today) -> None:
    await owner.copy_records_to_table(
        "prescription",
        records=[(TENANT, one.prescription, one.id, one.end) for one in today.at_window],
        columns=["tenant", "code", "encounter_id", "issued_at"],
    )
    code, _, times, days = day_visit.DRUGS[0]
    await owner.copy_records_to_table(
        "stock_reservation",
        records=[
            (TENANT, f"MedicationRequest/{one.request_id}", DISPENSARY, code, times * days, one.end)
            for one in today.at_window
        ],
        columns=["tenant", "cause", "place_id", "drug_code", "quantity", "reserved_at"],
    )


async def _put_logins(owner: asyncpg.Connection, staff: Iterable[tuple[str, str, str]]) -> None:
    """Logins like the demo ones; they share the password that the home keeps in a file."""
    for login, name, role in staff:
        await owner.execute(
            """insert into account (tenant, login, display, password_hash, roles, practitioner, is_demo, created_at)
               select tenant, $1, $2, password_hash, array[$3], $4, true, created_at from account
               where tenant = $5 and login = 'bacsi' on conflict do nothing""",
            login, name, role, f"Practitioner/nv-{login}", TENANT,
        )  # fmt: skip


def day_of(today: Today) -> date:
    """The day that is measured."""
    return today.visits[0].at.date()
