"""What stands in the queues: tickets as they are, the board, a phone's place in the line, the room to choose.

Reading only; numbers are given and people are called by `queue.py`, in the order that `queue_order.py` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

import asyncpg

from lienmach.base import errors
from lienmach.care import queue_order
from lienmach.care.queue_order import Pace
from lienmach.record.transaction import Transaction

OPEN = ("waiting", "called", "serving", "skipped")
_ACTIVE_MINUTES = 60  # who called within this time is at work
_PACE_SAMPLES = 30


@dataclass
class Ticket:
    """A number and where its person stands. state: waiting, called, serving, done, skipped, cancelled.

    place: name of the room; place_code: its code. priority: 0 ordinary, larger goes first, 9 emergency. name: middle
    hidden, as on the board. calls: how often called. Filled when the unit that made or moved it has committed.
    """

    ticket_id: str = ""
    place_id: str = ""
    place: str = ""
    place_code: str = ""
    day: date | None = None
    number: int = 0
    prefix: str = ""
    kind: str = ""
    state: str = ""
    priority: int = 0
    turn: int = 0
    back_after: int = 0
    skips: int = 0
    calls: int = 0
    name: str = ""
    patient_id: str = ""
    encounter_id: str = ""
    secret: str = ""
    joined_at: datetime | None = None
    called_at: datetime | None = None
    called_by: str = ""
    ended_at: datetime | None = None

    @property
    def shown(self) -> str:
        """The number as on paper and on the board: "P101-007"."""
        return f"{self.prefix}-{self.number:03d}" if self.prefix else f"{self.number:03d}"


@dataclass(frozen=True)
class Position:
    """Where a person stands: people ahead, and minutes from–to until the call (0, 0 once called).

    is_today: False for a ticket of another day, which counts no more.
    """

    ticket: Ticket
    ahead: int
    minutes_from: int
    minutes_to: int
    is_today: bool


@dataclass(frozen=True)
class BoardLine:
    """One place on the board. called: who was called last, or None. upcoming: the next numbers. waiting: how many."""

    place_id: str
    place: str
    place_code: str
    called: Ticket | None
    upcoming: tuple[str, ...]
    waiting: int


class Place(Protocol):
    """A room to choose (care/facility.py's Room)."""

    @property
    def id(self) -> str: ...
    @property
    def code(self) -> str: ...


Room = TypeVar("Room", bound=Place)
_NAMES = tuple(one.name for one in fields(Ticket))
COLUMNS = ", ".join(_NAMES)


def today(tx: Transaction) -> date:
    """The day of the queue: in the tenant's zone."""
    return tx.now.astimezone(tx.tenant.time_zone).date()


async def waiting(tx: Transaction, place_id: str) -> list[Ticket]:
    """People of today at a place: called and served now, then those who wait in the order of their turn, then skipped."""
    people = await _at(tx, [place_id])
    calls, run = (await _counters(tx, [place_id])).get(place_id, (0, 0))
    queued = queue_order.in_order([one for one in people if one.state == "waiting"], calls=calls, run=run)
    here = sorted((one for one in people if one.state in ("called", "serving")), key=lambda one: str(one.called_at))
    return [*here, *queued, *(one for one in people if one.state == "skipped")]


async def read(tx: Transaction, ticket_id: str) -> Ticket:
    """One ticket. Raises errors.NotFound."""
    rows = await tx.fetch(
        f"select {COLUMNS} from ticket where tenant = $1 and ticket_id = $2", tx.tenant.number, ticket_id
    )
    if not rows:
        raise errors.NotFound("There is no such ticket.")
    return ticket_from(rows[0])


async def ticket_of(tx: Transaction, encounter_id: str, kind: str) -> Ticket | None:
    """The newest ticket of a visit of this kind, open ones first; None if there is none."""
    rows = await tx.fetch(
        f"""select {COLUMNS} from ticket where tenant = $1 and encounter_id = $2 and encounter_id <> '' and kind = $3
            order by (state = any($4)) desc, joined_at desc limit 1""",
        tx.tenant.number, encounter_id, kind, list(OPEN),
    )  # fmt: skip
    return ticket_from(rows[0]) if rows and encounter_id else None


async def board(tx: Transaction, *, upcoming: int = 3) -> list[BoardLine]:
    """One line for each place with people today, the latest call first."""
    people = await _at(tx, None)
    counters = await _counters(tx, None)
    lines = []
    for place_id in dict.fromkeys(one.place_id for one in people):
        own = [one for one in people if one.place_id == place_id]
        called = [one for one in own if one.state in ("called", "serving") and one.called_at]
        calls, run = counters.get(place_id, (0, 0))
        queued = queue_order.in_order([one for one in own if one.state == "waiting"], calls=calls, run=run)
        last = max(called, key=lambda one: str(one.called_at)) if called else None
        shown = tuple(one.shown for one in queued[:upcoming])
        lines.append(BoardLine(place_id, own[0].place, own[0].place_code, last, shown, len(queued)))
    lines.sort(key=lambda line: line.place_code)
    lines.sort(key=lambda line: str(line.called.called_at) if line.called else "", reverse=True)
    return lines


async def ahead(tx: Transaction, secret: str) -> Position:
    """Where the holder of a ticket's secret stands. Raises errors.NotFound."""
    rows = await tx.fetch(f"select {COLUMNS} from ticket where tenant = $1 and secret = $2", tx.tenant.number, secret)
    if not rows:
        raise errors.NotFound("There is no such ticket.")
    ticket = ticket_from(rows[0])
    is_today = ticket.day == today(tx)
    if ticket.state != "waiting" or not is_today:
        return Position(ticket, 0, 0, 0, is_today)
    order = [one for one in await waiting(tx, ticket.place_id) if one.state == "waiting"]
    before = next(index for index, one in enumerate(order) if one.ticket_id == ticket.ticket_id)
    low, high = (await _paces(tx, [ticket.place_id]))[ticket.place_id].minutes(before)
    return Position(ticket, before, low, high, True)


async def expected_minutes(tx: Transaction, place_ids: Sequence[str]) -> dict[str, float]:
    """Place -> minutes that somebody who joins now may expect to wait."""
    waiting_now = await counts(tx)
    paces = await _paces(tx, place_ids)
    return {one: paces[one].expected(waiting_now.get(one, 0)) for one in place_ids}


async def counts(tx: Transaction) -> dict[str, int]:
    """Place -> how many wait there today; a place where nobody does is left out."""
    rows = await tx.fetch(
        """select place_id, count(*)::int as people from ticket
           where tenant = $1 and day = $2 and state = 'waiting' group by place_id""",
        tx.tenant.number, today(tx),
    )  # fmt: skip
    return {row["place_id"]: row["people"] for row in rows}


async def choose_place(tx: Transaction, rooms: Sequence[Room]) -> Room:
    """The room with the shortest expected wait, the first by code among equals. Raises errors.Invalid for none."""
    if not rooms:
        raise errors.Invalid("There is no room to choose from.")
    minutes = await expected_minutes(tx, [room.id for room in rooms])
    return min(rooms, key=lambda room: (minutes[room.id], room.code))


async def _at(tx: Transaction, place_ids: Sequence[str] | None) -> list[Ticket]:
    """Open tickets of today at these places (None: all), by number."""
    rows = await tx.fetch(
        f"""select {COLUMNS} from ticket where tenant = $1 and day = $2 and ($3::text[] is null or place_id = any($3))
            and state = any($4) order by turn, number""",
        tx.tenant.number, today(tx), None if place_ids is None else list(place_ids), list(OPEN),
    )  # fmt: skip
    return [ticket_from(row) for row in rows]


async def _counters(tx: Transaction, place_ids: Sequence[str] | None) -> dict[str, tuple[int, int]]:
    rows = await tx.fetch(
        """select place_id, calls, run from ticket_counter where tenant = $1 and day = $2
           and ($3::text[] is null or place_id = any($3))""",
        tx.tenant.number, today(tx), None if place_ids is None else list(place_ids),
    )  # fmt: skip
    return {row["place_id"]: (row["calls"], row["run"]) for row in rows}


async def _paces(tx: Transaction, place_ids: Sequence[str]) -> dict[str, Pace]:
    """The pace of each place by whom it served today; a place without anybody yet has the usual one."""
    rows = await tx.fetch(
        """select place_id, called_by, called_at, extract(epoch from ended_at - called_at)::float8 / 60 as minutes
           from ticket where tenant = $1 and day = $2 and place_id = any($3) and called_at is not null
           and state in ('called', 'serving', 'done')
           order by called_at desc""",
        tx.tenant.number, today(tx), list(place_ids),
    )  # fmt: skip
    recent = tx.now - timedelta(minutes=_ACTIVE_MINUTES)
    paces = {}
    for place_id in place_ids:
        own = [row for row in rows if row["place_id"] == place_id]
        callers = len({row["called_by"] for row in own if row["called_at"] >= recent})
        served = [row["minutes"] for row in own if row["minutes"] is not None][:_PACE_SAMPLES]
        paces[place_id] = queue_order.pace_of(served, callers=callers)
    return paces


def ticket_from(row: asyncpg.Record) -> Ticket:
    """A ticket as its row stands; the row has COLUMNS, in their order."""
    return Ticket(*row)


def fill(ticket: Ticket, row: asyncpg.Record) -> Ticket:
    """Make a ticket what its row says; also one that somebody holds already."""
    for name in _NAMES:
        setattr(ticket, name, row[name])
    return ticket
