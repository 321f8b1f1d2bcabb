"""Messages to systems outside: a row in the transaction that causes it, sent by the job `outbox.send`, seen by people.

What was queued never changes: exactly these bytes are sent; only a secret is taken out of what was sent (Fleeting). One
message a channel and key; its id goes along as the idempotency key, so that a second sending after a crash is the same
message to the receiver. States: waiting, sending, sent, refused (the receiver said no: a person looks), stopped (a
person gave it up, or it is too late for it).

    outbox.queue(tx, "checkin", visit_key, xml, subject=f"Encounter/{encounter_id}", content_type="application/xml")

Sending: outbox_delivery.py. How each channel is spoken: gateways/.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.base.jobs import JobRow
from lienmach.base.settings import Settings
from lienmach.record.transaction import Transaction

SEND = "outbox.send"
#: channel -> the setting that holds the address of its receiver.
ADDRESSES = {
    "insurance": "insurance_url",
    "checkin": "insurance_url",
    "claim": "insurance_url",
    "catalogue": "insurance_url",
    "claim-reply": "insurance_url",
    "einvoice": "einvoice_url",
    "prescription": "prescription_url",
    "prescription-sale": "prescription_url",
    "sms": "sms_url",
}
CHANNELS = tuple(ADDRESSES)
NOT_CONNECTED = "not-connected"
EXPIRED = "expired"  # problem of a stopped message whose words were over before they left
OPEN_STATES = ("waiting", "sending")
STATES = (*OPEN_STATES, "sent", "refused", "stopped")
_BODY_BYTES_MAX = 5 * 1024 * 1024
_MEMBERS = ("message_id", "channel", "key", "subject", "content_type", "state", "problem", "tries", "next_at", "queued_at",
            "queued_by", "done_at")  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came back on one try. outcome: done, refused, down. status: of HTTP, None without any answer.

    problem: word for people when it is not done: timeout, no-connection, server-error, sign-in, refused, wrong-answer,
    too-large, duplicate, not-connected.
    """

    outcome: str
    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    problem: str = ""


@dataclass(frozen=True)
class Fleeting:
    """Of a message whose words are good until a moment only, such as a code: from then on it is not sent.

    kept: the body without what was secret in it. It takes the place of the body when that is sent or over.
    """

    until: datetime
    kept: bytes


@dataclass(frozen=True)
class Message:
    """One message as it stands. key: what happens once. subject: reference of what it is about."""

    message_id: str
    channel: str
    key: str
    subject: str
    content_type: str
    body: bytes
    state: str
    problem: str = ""
    tries: int = 0
    next_at: datetime | None = None
    queued_at: datetime | None = None
    queued_by: str = ""
    done_at: datetime | None = None


@dataclass(frozen=True)
class Try:
    """One try and its answer."""

    number: int
    asked_at: datetime
    answered_at: datetime
    answer: Answer


@dataclass(frozen=True)
class ChannelState:
    """How a channel is doing. is_down: its last try reached nobody. waiting, refused: messages by state."""

    channel: str
    is_connected: bool
    is_down: bool
    waiting: int
    refused: int
    oldest_at: datetime | None = None
    last_done_at: datetime | None = None


@dataclass
class Claim:
    """Filled by the commit of `claim`: the message, or None if there is nothing to do. is_unknown: sent, maybe."""

    message: Message | None = None
    is_unknown: bool = False
    tried: list[int] = field(default_factory=list)


def is_connected(settings: Settings, channel: str) -> bool:
    """Whether the settings name a receiver for a channel."""
    return bool(getattr(settings, ADDRESSES[channel]))


def message_id(channel: str, key: str) -> str:
    """The id of the message of a channel and key."""
    return hashlib.sha256(f"outbox|{channel}|{key}".encode()).hexdigest()[:32]


def queue(
    tx: Transaction,
    channel: str,
    key: str,
    body: bytes,
    *,
    subject: str,
    content_type: str = "application/json",
    fleeting: Fleeting | None = None,
) -> str:
    """Send this when tx has committed; returns the id of the message. The same channel and key again changes nothing.

    body: the bytes that arrive. subject: such as `Encounter/1`. A channel that is not connected keeps its messages
    until the first one gets through.
    Raises ValueError for a channel that there is not.
    """
    if channel not in CHANNELS or not key or len(body) > _BODY_BYTES_MAX:
        raise ValueError(f"this cannot be queued for channel {channel!r}")
    own = message_id(channel, key)
    tenant, now, actor = tx.tenant.number, tx.now, tx.actor.user
    is_open = is_connected(tx.store.limits, channel)
    problem = "" if is_open else NOT_CONNECTED

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into outbox_message (tenant, message_id, channel, key, subject, content_type, body, state,
                                           problem, queued_at, queued_by, good_until, kept)
               values ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $9, $10, $11, $12) on conflict do nothing""",
            tenant, own, channel, key, subject, content_type, body, problem, now, actor,
            fleeting.until if fleeting else None, fleeting.kept if fleeting else None,
        )  # fmt: skip

    tx.also(write)
    if is_open and not any(one.kind == SEND and one.payload.get("message") == own for one in tx.jobs):
        tx.jobs.append(JobRow(SEND, {"message": own}))
    if fleeting is not None:
        tx.jobs.append(JobRow(SEND, {"message": own}, fleeting.until))  # sent or not, its secret goes
    return own


async def find(tx: Transaction, channel: str, key: str) -> Message | None:
    """The message of a channel and key, or None."""
    rows = await tx.fetch(
        "select * from outbox_message where tenant = $1 and message_id = $2",
        tx.tenant.number, message_id(channel, key),
    )  # fmt: skip
    return message_of(rows[0]) if rows else None


async def read(tx: Transaction, own: str) -> Message:
    """One message by its id. Raises errors.NotFound."""
    rows = await tx.fetch("select * from outbox_message where tenant = $1 and message_id = $2", tx.tenant.number, own)
    if not rows:
        raise errors.NotFound("There is no such message.")
    return message_of(rows[0])


async def of_subject(tx: Transaction, subject: str, *, channel: str = "", limit: int = 100) -> list[Message]:
    """What was queued about something, newest first."""
    rows = await tx.fetch(
        """select * from outbox_message where tenant = $1 and subject = $2 and ($3 = '' or channel = $3)
            order by queued_at desc, message_id limit $4""",
        tx.tenant.number, subject, channel, limit,
    )  # fmt: skip
    return [message_of(row) for row in rows]


async def newest_of(tx: Transaction, subjects: Sequence[str], *, channel: str, key_begins: str) -> dict[str, Message]:
    """Subject -> what was queued last about it under a key that begins so; subjects without one are left out."""
    rows = await tx.fetch(
        """select m.* from unnest($2::text[]) s(subject) cross join lateral (
               select * from outbox_message where tenant = $1 and subject = s.subject and channel = $3
                   and starts_with(key, $4) order by queued_at desc, message_id limit 1) m""",
        tx.tenant.number, sorted(set(subjects)), channel, key_begins,
    )  # fmt: skip
    return {row["subject"]: message_of(row) for row in rows}


async def listed(
    tx: Transaction, *, states: Sequence[str] = STATES, channel: str = "", limit: int = 100
) -> list[Message]:
    """Messages in these states: what needs a person first, then what waits longest; stopped and sent ones newest first."""
    # A question each, by its own index: nearly all messages were sent, and what was stopped stays for ever too.
    rows = await tx.fetch(
        """select * from outbox_message
            where tenant = $1 and state in ('waiting', 'sending', 'refused') and state = any($2)
              and ($3 = '' or channel = $3)
            order by state <> 'refused', queued_at, message_id limit $4""",
        tx.tenant.number, list(states), channel, limit,
    )  # fmt: skip
    for state in ("stopped", "sent"):
        if state in states and len(rows) < limit:
            rows += await tx.fetch(
                f"""select * from outbox_message where tenant = $1 and state = '{state}' and ($2 = '' or channel = $2)
                    order by queued_at desc, message_id limit $3""",
                tx.tenant.number, channel, limit - len(rows),
            )  # fmt: skip
    return [message_of(row) for row in rows]


async def answers(tx: Transaction, own: str) -> list[Try]:
    """Every try of a message, newest first, each answer as it came."""
    rows = await tx.fetch(
        """select try, asked_at, answered_at, outcome, status, content_type, body, problem from outbox_answer
           where tenant = $1 and message_id = $2 order by try desc limit 50""",
        tx.tenant.number, own,
    )  # fmt: skip
    return [
        Try(row["try"], row["asked_at"], row["answered_at"],
            Answer(row["outcome"], row["status"], row["content_type"], bytes(row["body"]), row["problem"]))
        for row in rows
    ]  # fmt: skip


async def channel_states(tx: Transaction) -> list[ChannelState]:
    """How every channel is doing."""
    rows = await tx.fetch(
        """select channel, count(*) filter (where state in ('waiting', 'sending')) as waiting,
                  count(*) filter (where state = 'refused') as refused,
                  count(*) filter (where state = 'waiting' and problem not in ('', 'woken', 'not-connected')) as failing,
                  min(queued_at) filter (where state in ('waiting', 'sending')) as oldest_at
           from outbox_message where tenant = $1 and state in ('waiting', 'sending', 'refused') group by channel""",
        tx.tenant.number,
    )  # fmt: skip
    last = await tx.fetch(
        """select channel, max(done_at) as at from outbox_message where tenant = $1 and state = 'sent'
           and queued_at > $2::timestamptz - interval '2 days' group by channel""",
        tx.tenant.number, tx.now,
    )  # fmt: skip
    by_channel, done = {row["channel"]: row for row in rows}, {row["channel"]: row["at"] for row in last}
    found = []
    for channel in CHANNELS:
        row: Any = by_channel.get(channel) or {"waiting": 0, "refused": 0, "failing": 0, "oldest_at": None}
        is_open = is_connected(tx.store.limits, channel)
        found.append(
            ChannelState(channel, is_open, is_open and row["failing"] > 0, row["waiting"], row["refused"],
                         row["oldest_at"], done.get(channel))
        )  # fmt: skip
    return found


def retry(tx: Transaction, own: str) -> None:
    """Send again now what waits or was refused or stopped, when tx commits. Raises at the commit errors.Conflict."""

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetchval(
            """update outbox_message set state = 'waiting', next_at = $3, problem = '', done_at = null
               where tenant = $1 and message_id = $2 and state in ('waiting', 'refused', 'stopped') returning true""",
            tx.tenant.number, own, tx.now,
        )  # fmt: skip
        if not done:
            raise errors.Conflict("This message is sent already or being sent now.")

    tx.also(write)
    tx.jobs.append(JobRow(SEND, {"message": own}))


def stop(tx: Transaction, own: str) -> None:
    """Give up a message that waits or was refused, when tx commits. Raises at the commit errors.Conflict."""

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetchval(
            """update outbox_message set state = 'stopped', next_at = null, done_at = $3
               where tenant = $1 and message_id = $2 and state in ('waiting', 'refused') returning true""",
            tx.tenant.number, own, tx.now,
        )  # fmt: skip
        if not done:
            raise errors.Conflict("This message is sent already or being sent now.")

    tx.also(write)


def message_of(row: Any) -> Message:
    """A message from its row."""
    return Message(body=bytes(row["body"]), **{name: row[name] for name in _MEMBERS})


def as_json(value: Any) -> bytes:
    """A value as the JSON bytes of a message: members in their order, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
