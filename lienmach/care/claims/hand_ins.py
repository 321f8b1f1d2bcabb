"""Handing our catalogues in at the insurer's portal: what was sent, what it said of each row, and what follows from it.

A hand-in is one message of the outbox (channel `catalogue`) with some rows of one form. The receipt comes with the
sending; the portal is then asked until it has told about the rows (hand_in_answers.py). An accepted row becomes a row
of the accepted list from the day that the portal says; a refused one keeps the portal's reason and can be handed in
again. A row stands in one open hand-in at most, so that nothing is handed in twice: every try of a hand-in carries the
same maLanNop, and one that the portal may have already is not given up (arrivals.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from lienmach.base import errors, ids, jobs
from lienmach.base.jobs import JobRow
from lienmach.care import catalogues, outbox
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted, arrivals, own_lists
from lienmach.care.gateways import accepted_list
from lienmach.care.outbox import Answer, Message
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json

CHANNEL, ANSWERS = "catalogue", "catalogues.answers"
GAP_FIRST = timedelta(seconds=20)
ROWS_MAX = 3000
WAITING, ACCEPTED, REFUSED = "waiting", "accepted", "refused"
_READ = """
select h.hand_in_id, h.form, h.message_id, h.handed_at, h.handed_by, h.from_on, h.transaction_number as transaction,
       h.sent_at, h.answered_at, m.state, m.problem, r.waiting, r.accepted, r.refused,
       h.transaction_number = '' and message_is_unknown(m) as is_unknown
from catalogue_hand_in h
join outbox_message m on m.tenant = h.tenant and m.message_id = h.message_id
cross join lateral (
    select count(*) filter (where state = 'waiting')::int as waiting,
           count(*) filter (where state = 'accepted')::int as accepted,
           count(*) filter (where state = 'refused')::int as refused
    from catalogue_hand_in_row r where r.tenant = h.tenant and r.hand_in_id = h.hand_in_id) r
where h.tenant = $1 and (h.form = $2 or h.hand_in_id = $3) order by h.handed_at desc, h.hand_in_id limit $4"""
_TAKEN = "Cổng đã nhận lần nộp này hoặc đang nhận; chờ trả lời."
_UNKNOWN = (
    "Chưa rõ cổng đã nhận lần nộp này hay chưa: chỉ gửi lại đúng lần nộp này (tự gửi, hoặc bấm gửi lại ở tin gửi), cổng "
    "chỉ tính một lần."
)
_TWICE = "Có dòng đã nằm trong một lần nộp đang chờ trả lời; không có gì được nộp thêm."


@dataclass(frozen=True)
class HandIn:
    """One hand-in. state, problem: of its message in the outbox. transaction: the portal's receipt, "" before it.

    waiting, accepted, refused: rows. sent_at: when the portal took it. answered_at: when it has told about all of them.
    is_unknown: it may be there, but the receipt was lost.
    """

    hand_in_id: str
    form: str
    message_id: str
    handed_at: datetime
    handed_by: str
    from_on: date
    transaction: str
    sent_at: datetime | None
    answered_at: datetime | None
    state: str
    problem: str
    waiting: int
    accepted: int
    refused: int
    is_unknown: bool

    @property
    def is_droppable(self) -> bool:
        """Whether a person may give it up: the portal cannot have it."""
        return not self.transaction and self.waiting > 0 and self.state != "sending" and not self.is_unknown


@dataclass(frozen=True)
class HandedRow:
    """A row of a hand-in. state: waiting, accepted (from accepted_from), refused (for the reason), dropped."""

    code: str
    name: str
    data: Mapping[str, Any]
    state: str
    accepted_from: date | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the portal says of one row. accepted_from: None for a refusal, with its reason."""

    code: str
    accepted_from: date | None
    reason: str = ""


def hand_in(tx: Transaction, form: str, facility: str, rows: Sequence[own_lists.Own], from_on: date) -> str:
    """Queue these rows for the portal when tx commits; returns the id of the hand-in.

    facility: MA_CSKCB. Raises errors.Unprocessable for no row, too many or one that lacks what it needs, at the commit
    errors.Conflict for one that waits in another hand-in.
    """
    if not rows:
        raise errors.Unprocessable("Chưa chọn dòng nào để nộp.")
    if len(rows) > ROWS_MAX:
        raise errors.Unprocessable("Nộp nhiều nhất {most} dòng một lần.", values={"most": ROWS_MAX})
    for one in rows:
        if one.lacking:
            places: dict[str, object] = {"name": one.name[:80], "lacking": ", ".join(one.lacking)}
            raise errors.Unprocessable("{name}: thiếu {lacking}; bổ sung trong danh mục rồi nộp.", values=places)
    if len({one.code for one in rows}) < len(rows):
        raise errors.Unprocessable("Có hai dòng cùng một mã; mỗi mã chỉ nộp một dòng.")
    own = ids.new_id()
    body = {
        "maCSKCB": facility,
        "maLanNop": own,
        "dsDong": [
            {
                "STT": number,
                "MA_NOI_BO": one.code,
                **own_lists.handed_in(form, one.data),
                "TU_NGAY": f"{from_on:%Y%m%d}",
            }
            for number, one in enumerate(rows, 1)
        ],
    }
    message = outbox.queue(tx, CHANNEL, f"{form}/{own}", outbox.as_json(body), subject="")

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into catalogue_hand_in (tenant, hand_in_id, form, message_id, from_on, handed_at, handed_by)
               values ($1, $2, $3, $4, $5, $6, $7)""",
            tx.tenant.number, own, form, message, from_on, tx.now, tx.actor.display or tx.actor.user,
        )  # fmt: skip
        taken = await connection.fetch(
            """insert into catalogue_hand_in_row (tenant, hand_in_id, form, number, code, name, data)
               select $1, $2, $3, * from unnest($4::int[], $5::text[], $6::text[], $7::jsonb[])
               on conflict do nothing returning code""",
            tx.tenant.number, own, form, list(range(1, len(rows) + 1)), [one.code for one in rows],
            [one.name for one in rows], [fhir_json.dump(dict(one.data)).decode() for one in rows],
        )  # fmt: skip
        if len(taken) != len(rows):
            raise errors.Conflict(_TWICE)

    tx.also(write)
    return own


def drop(tx: Transaction, one: HandIn) -> None:
    """Give up a hand-in that the portal cannot have; it is never sent, its rows can be handed in again.

    Raises errors.Conflict, also at the commit: it was taken, is being sent, or may be there.
    """
    if one.is_unknown:
        raise errors.Conflict(_UNKNOWN)
    if not one.is_droppable:
        raise errors.Conflict(_TAKEN)

    async def write(connection: asyncpg.Connection) -> None:
        if not await arrivals.give_up(connection, tx, one.message_id, "given-up"):
            raise errors.Conflict(_TAKEN)
        await connection.execute(
            """update catalogue_hand_in_row set state = 'dropped' where tenant = $1 and hand_in_id = $2
               and state = 'waiting'""",
            tx.tenant.number, one.hand_in_id,
        )  # fmt: skip

    tx.also(write)


async def listed(tx: Transaction, form: str, *, limit: int = 20) -> list[HandIn]:
    """Hand-ins of a form, newest first."""
    return [HandIn(**dict(row)) for row in await tx.fetch(_READ, tx.tenant.number, form, "", limit)]


async def read(tx: Transaction, hand_in_id: str) -> HandIn:
    """One hand-in. Raises errors.NotFound."""
    rows = await tx.fetch(_READ, tx.tenant.number, "", hand_in_id, 1)
    if not rows:
        raise errors.NotFound("Không có lần nộp này.")
    return HandIn(**dict(rows[0]))


async def rows_of(tx: Transaction, hand_in_id: str) -> list[HandedRow]:
    """The rows of a hand-in: refused ones first."""
    rows = await tx.fetch(
        """select code, name, data::text as data, state, accepted_from, reason from catalogue_hand_in_row
           where tenant = $1 and hand_in_id = $2 order by state <> 'refused', number""",
        tx.tenant.number, hand_in_id,
    )  # fmt: skip
    return [HandedRow(**{**dict(row), "data": fhir_json.parse(row["data"].encode())}) for row in rows]


async def last_of(tx: Transaction, form: str) -> dict[str, HandedRow]:
    """The newest row that was handed in of each code, but for dropped ones."""
    rows = await tx.fetch(
        """select distinct on (r.code) r.code, r.name, r.data::text as data, r.state, r.accepted_from, r.reason
           from catalogue_hand_in_row r join catalogue_hand_in h on h.tenant = r.tenant and h.hand_in_id = r.hand_in_id
           where r.tenant = $1 and r.form = $2 and r.state <> 'dropped' order by r.code, h.handed_at desc""",
        tx.tenant.number, form,
    )  # fmt: skip
    return {row["code"]: HandedRow(**{**dict(row), "data": fhir_json.parse(row["data"].encode())}) for row in rows}


def machine_codes(last: Mapping[str, HandedRow]) -> dict[str, str]:
    """Device -> the MA_MAY under which it was handed in last; nothing for forms without machines."""
    return {str(one.data["device"]): one.code for one in last.values() if one.data.get("device")}


async def receive(tx: Transaction, message: Message, answer: Answer) -> None:
    """Take the receipt of a sending in, and ask from now on what the portal makes of it."""
    if message.channel != CHANNEL:
        return
    own, receipt = message.key.partition("/")[2], accepted_list.transaction_of(answer)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update catalogue_hand_in set transaction_number = $3, sent_at = coalesce(sent_at, $4)
               where tenant = $1 and hand_in_id = $2""",
            tx.tenant.number, own, receipt, tx.now,
        )  # fmt: skip
        await jobs.queue(connection, tx.tenant.number, [JobRow(ANSWERS, {"hand_in": own}, tx.now + GAP_FIRST)])

    tx.also(write)


async def take_in(tx: Transaction, one: HandIn, verdicts: Collection[Verdict]) -> None:
    """Take in what the portal told about the rows of a hand-in; the same again changes nothing.

    An accepted row begins on the portal's day. Days that have passed keep what they used: where a row of the code is in
    use, the new one begins today at the earliest, and the day after one that begins on the same day.
    """
    said = {verdict.code: verdict for verdict in verdicts}
    list_name, today = accepted.FORMS[one.form][0], catalogues.today(tx)
    waiting = [row for row in await rows_of(tx, one.hand_in_id) if row.state == WAITING]
    known: dict[str, list[Row]] = {}
    for row in await catalogues.all_of(tx, list_name, limit=20_000):
        known.setdefault(row.code, []).append(row)
    opened, judged = [], []
    for handed in waiting:
        verdict = said.get(handed.code) or Verdict(handed.code, None, "Cổng không trả lời về dòng này.")
        begins = verdict.accepted_from
        if begins is not None:
            begins = _first_day(begins, known.get(handed.code, ()), today)
            source = f"Cổng BHXH, giao dịch {one.transaction}"
            opened.append(Row(list_name, handed.code, handed.name, begins, None, "approved", dict(handed.data), source))
        judged.append((handed.code, begins, verdict.reason))
    if opened:
        catalogues.put(tx, opened)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.executemany(
            """update catalogue_hand_in_row set state = case when $4::date is null then 'refused' else 'accepted' end,
                                                accepted_from = $4, reason = $5
               where tenant = $1 and hand_in_id = $2 and code = $3 and state = 'waiting'""",
            [(tx.tenant.number, one.hand_in_id, code, begins, reason[:500]) for code, begins, reason in judged],
        )  # fmt: skip
        await connection.execute(
            """update catalogue_hand_in set answered_at = coalesce(answered_at, $3)
               where tenant = $1 and hand_in_id = $2""",
            tx.tenant.number, one.hand_in_id, tx.now,
        )  # fmt: skip

    tx.also(write)


def _first_day(begins: date, rows: Sequence[Row], today: date) -> date:
    """The day on which an accepted row can begin beside those of its code that are in use."""
    if any(one.valid_from < begins and (one.valid_to is None or one.valid_to >= begins) for one in rows):
        begins = max(begins, today)
    while any(one.valid_from == begins and one.state == "approved" for one in rows):
        begins += timedelta(days=1)
    return begins
