"""The queue of each place: numbers by place and day, call, recall, skip, transfer; what the board and a phone show.

    ticket = await queue.join(tx, room.id, kind="exam", patient_id=…, encounter_id=…, name="Nguyễn Văn Ân")
    # after the commit: ticket.number, ticket.shown, ticket.secret

Numbers are given and people are called inside the commit, which is alone in its tenant: of twenty rooms that call at
once each gets another person. So a Ticket that a writing verb returns is whole only after its unit has committed.
Whose turn it is says `queue_order.py`. A ticket holds a half hidden name; why somebody comes stands in the record.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import asyncpg

from lienmach.base import errors, ids
from lienmach.care import queue_order, resources, systems
from lienmach.care.queue_lines import COLUMNS, OPEN, Ticket, fill, ticket_from, today
from lienmach.care.queue_lines import BoardLine as BoardLine
from lienmach.care.queue_lines import Position as Position
from lienmach.care.queue_lines import ahead as ahead
from lienmach.care.queue_lines import board as board
from lienmach.care.queue_lines import choose_place as choose_place
from lienmach.care.queue_lines import counts as counts
from lienmach.care.queue_lines import expected_minutes as expected_minutes
from lienmach.care.queue_lines import read as read
from lienmach.care.queue_lines import ticket_of as ticket_of
from lienmach.care.queue_lines import waiting as waiting
from lienmach.care.queue_order import EMERGENCY as EMERGENCY
from lienmach.care.queue_order import priority_of as priority_of
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names

KINDS = ("exam", "collection", "imaging", "cashier", "dispensary")
BACK_PLACES = 3  # a person who did not come when called waits until so many others were called
SKIPS_MAX = 3  # after that many skips only a recall brings the person back
_SECRET_DIGITS = 20  # digits only: an input method changes letters of a scan, never digits


class NobodyWaits(errors.Conflict):
    """There is nobody to call at this place."""


_Move = Callable[[asyncpg.Connection, Ticket], Awaitable[None]]


async def join(
    tx: Transaction, place_id: str, *, kind: str, patient_id: str, encounter_id: str, name: str, priority: int = 0
) -> Ticket:
    """Take a number at a place (a Location id); again for the same visit, place and kind gives the open ticket.

    name: as on the card; only its short form is kept. Raises errors.NotFound for an unknown place, Invalid for a kind.
    """
    if kind not in KINDS:
        raise errors.Invalid(f"A queue is of one of these kinds: {', '.join(KINDS)}.")
    code, label = await _place(tx, place_id)
    ticket = Ticket(
        ticket_id=ids.new_id(), place_id=place_id, place=label, place_code=code, day=today(tx), prefix=code, kind=kind,
        state="waiting", priority=priority, name=names.shorten(name)[:60], patient_id=patient_id,
        encounter_id=encounter_id, secret=f"{secrets.randbelow(10**_SECRET_DIGITS):0{_SECRET_DIGITS}d}", joined_at=tx.now,
    )  # fmt: skip

    async def give_number(connection: asyncpg.Connection) -> None:
        found = await connection.fetchrow(
            f"""select {COLUMNS} from ticket where tenant = $1 and encounter_id = $2 and encounter_id <> ''
                and place_id = $3 and kind = $4 and day = $5 and state = any($6)""",
            tx.tenant.number, encounter_id, place_id, kind, ticket.day, list(OPEN),
        )  # fmt: skip
        if found is not None:
            fill(ticket, found)
            return
        ticket.number = ticket.turn = await connection.fetchval(
            """insert into ticket_counter (tenant, place_id, day, last_number) values ($1, $2, $3, 1)
               on conflict (tenant, place_id, day) do update set last_number = ticket_counter.last_number + 1
               returning last_number""",
            tx.tenant.number, place_id, ticket.day,
        )  # fmt: skip
        await connection.execute(
            """insert into ticket (tenant, ticket_id, place_id, place, place_code, series, day, number, prefix, kind,
                                   state, priority, turn, name, patient_id, encounter_id, secret, joined_at)
               values ($1, $2, $3, $4, $5, $3, $6, $7, $8, $9, 'waiting', $10, $7, $11, $12, $13, $14, $15)""",
            tx.tenant.number, ticket.ticket_id, place_id, label, code, ticket.day, ticket.number, ticket.prefix, kind,
            priority, ticket.name, patient_id, encounter_id, ticket.secret, ticket.joined_at,
        )  # fmt: skip

    tx.also(give_number)
    return ticket


async def call_next(tx: Transaction, place_id: str) -> Ticket:
    """Call whose turn it is; whom this person called there before is done with.

    Raises at the commit NobodyWaits.
    """
    ticket = Ticket()

    async def call(connection: asyncpg.Connection) -> None:
        day, tenant = today(tx), tx.tenant.number
        counter = await connection.fetchrow(
            "select calls, run from ticket_counter where tenant = $1 and place_id = $2 and day = $3",
            tenant, place_id, day,
        )  # fmt: skip
        calls, run = (counter["calls"], counter["run"]) if counter else (0, 0)
        rows = await connection.fetch(
            f"select {COLUMNS} from ticket where tenant = $1 and day = $2 and place_id = $3 and state = 'waiting'",
            tenant, day, place_id,
        )  # fmt: skip
        chosen = queue_order.next_of([ticket_from(row) for row in rows], calls=calls, run=run)
        if chosen is None:
            raise NobodyWaits("Không còn ai đang chờ ở đây.")
        await connection.execute(
            """update ticket set state = 'done', ended_at = $5 where tenant = $1 and day = $2 and place_id = $3
               and called_by = $4 and state in ('called', 'serving')""",
            tenant, day, place_id, tx.actor.user, tx.now,
        )  # fmt: skip
        await connection.execute(
            """insert into ticket_counter (tenant, place_id, day, calls, run) values ($1, $2, $3, $4, $5)
               on conflict (tenant, place_id, day) do update set calls = excluded.calls, run = excluded.run""",
            tenant, place_id, day, calls + 1, queue_order.run_after(run, chosen),
        )  # fmt: skip
        await _set(connection, tx, chosen.ticket_id, "called", ticket)

    tx.also(call)
    return ticket


async def recall(tx: Transaction, ticket_id: str) -> Ticket:
    """Call the same person once more: the board shows and says it again. Raises at the commit Conflict, NotFound."""

    async def again(connection: asyncpg.Connection, now: Ticket) -> None:
        if now.state not in ("called", "serving", "skipped"):
            raise errors.Conflict("Số này chưa được gọi, hoặc đã xong; không gọi lại được.")
        await _set(connection, tx, ticket_id, "called", now)

    return _move(tx, ticket_id, again)


async def serve(tx: Transaction, ticket_id: str) -> Ticket:
    """The person is here: called becomes serving; an ended ticket stays as it is."""

    async def begin(connection: asyncpg.Connection, now: Ticket) -> None:
        if now.state in ("waiting", "called", "skipped"):
            await _set(connection, tx, ticket_id, "serving", now)

    return _move(tx, ticket_id, begin)


async def put_back(tx: Transaction, ticket_id: str) -> Ticket:
    """A call or start that was a mistake: the person waits again where they stood; an ended ticket stays as it is."""

    async def undo(connection: asyncpg.Connection, now: Ticket) -> None:
        if now.state in ("called", "serving"):
            row = await connection.fetchrow(
                f"""update ticket set state = 'waiting', called_at = null, called_by = ''
                    where tenant = $1 and ticket_id = $2 returning {COLUMNS}""",
                tx.tenant.number, ticket_id,
            )  # fmt: skip
            fill(now, row)

    return _move(tx, ticket_id, undo)


async def skip(tx: Transaction, ticket_id: str) -> Ticket:
    """Who did not come goes back BACK_PLACES places; the third time the ticket rests until it is recalled."""

    async def pass_over(connection: asyncpg.Connection, now: Ticket) -> None:
        if now.state not in ("waiting", "called"):
            raise errors.Conflict("Số này đang được phục vụ hoặc đã xong; không bỏ qua được.")
        state = "waiting" if now.skips + 1 < SKIPS_MAX else "skipped"
        row = await connection.fetchrow(
            f"""update ticket t set state = $3, skips = skips + 1, called_at = null, called_by = '',
                    back_after = $4 + (select coalesce(max(c.calls), 0) from ticket_counter c
                        where c.tenant = t.tenant and c.place_id = t.place_id and c.day = t.day)
                where tenant = $1 and ticket_id = $2 returning {COLUMNS}""",
            tx.tenant.number, ticket_id, state, BACK_PLACES,
        )  # fmt: skip
        fill(now, row)

    return _move(tx, ticket_id, pass_over)


async def transfer(tx: Transaction, ticket_id: str, place_id: str) -> Ticket:
    """Send a person to another place; number and paper stay, the turn there is by the time of joining.

    Raises errors.NotFound for an unknown place, at the commit Conflict if the ticket has ended.
    """
    code, label = await _place(tx, place_id)

    async def send(connection: asyncpg.Connection, now: Ticket) -> None:
        if now.state not in OPEN:
            raise errors.Conflict("Số này đã xong; không chuyển sang phòng khác được.")
        if now.place_id == place_id:
            return
        turn = await connection.fetchval(
            """select coalesce(max(turn), 0) from ticket where tenant = $1 and day = $2 and place_id = $3
               and joined_at <= $4""",
            tx.tenant.number, now.day, place_id, now.joined_at,
        )  # fmt: skip
        row = await connection.fetchrow(
            f"""update ticket set place_id = $3, place = $4, place_code = $5, turn = $6, state = 'waiting',
                    back_after = 0, called_at = null, called_by = ''
                where tenant = $1 and ticket_id = $2 returning {COLUMNS}""",
            tx.tenant.number, ticket_id, place_id, label, code, turn,
        )  # fmt: skip
        fill(now, row)

    return _move(tx, ticket_id, send)


async def finish(tx: Transaction, ticket_id: str) -> Ticket:
    """The person is served. Safe to say twice."""
    return _end(tx, ticket_id, "done")


async def cancel(tx: Transaction, ticket_id: str) -> Ticket:
    """The person leaves without being served. Safe to say twice."""
    return _end(tx, ticket_id, "cancelled")


def _end(tx: Transaction, ticket_id: str, state: str) -> Ticket:
    async def end(connection: asyncpg.Connection, now: Ticket) -> None:
        if now.state in OPEN:
            await _set(connection, tx, ticket_id, state, now)

    return _move(tx, ticket_id, end)


def _move(tx: Transaction, ticket_id: str, move: _Move) -> Ticket:
    """Read the ticket in the commit, let `move` check and change it, and fill the result."""
    ticket = Ticket(ticket_id=ticket_id)

    async def run(connection: asyncpg.Connection) -> None:
        row = await connection.fetchrow(
            f"select {COLUMNS} from ticket where tenant = $1 and ticket_id = $2 for update",
            tx.tenant.number, ticket_id,
        )  # fmt: skip
        if row is None:
            raise errors.NotFound("There is no such ticket.")
        fill(ticket, row)
        await move(connection, ticket)

    tx.also(run)
    return ticket


async def _set(connection: asyncpg.Connection, tx: Transaction, ticket_id: str, state: str, into: Ticket) -> None:
    is_call = state == "called"
    is_begun = state in ("called", "serving")
    row = await connection.fetchrow(
        f"""update ticket set state = $3, calls = calls + $4::int, called_by = case when $5 then $6 else called_by end,
                called_at = case when $4::int = 1 then $7 when $5 then coalesce(called_at, $7) else called_at end,
                ended_at = case when $5 then null else $7 end
            where tenant = $1 and ticket_id = $2 returning {COLUMNS}""",
        tx.tenant.number, ticket_id, state, int(is_call), is_begun, tx.actor.user, tx.now,
    )  # fmt: skip
    fill(into, row)


async def _place(tx: Transaction, place_id: str) -> tuple[str, str]:
    location = await resources.read(tx, "Location", place_id)
    code = resources.identifier_of(location, systems.ROOM)
    return code, str(location.get("name") or code)
