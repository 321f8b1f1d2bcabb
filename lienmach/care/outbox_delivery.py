"""The job `outbox.send`: claim a message, send it, keep the answer, and say when to try again.

The claim is committed before anything leaves, so after a crash it is known that the outcome is unknown. The answer and
what follows from it are committed together. Who is down is tried again with growing gaps; the first message that gets
through wakes the others of its channel.
"""

from __future__ import annotations

import functools
import logging
import random
import weakref
from datetime import datetime, timedelta
from typing import Any, Protocol

import asyncpg

from lienmach.base import errors, jobs
from lienmach.base.actor import Actor
from lienmach.base.jobs import Job, JobRow, Taken
from lienmach.care import insurance_answers, outbox, outbox_order
from lienmach.care.claims import answers, hand_ins
from lienmach.care.gateways import (
    accepted_list,
    calls,
    checkin,
    claim,
    claim_reply,
    einvoice,
    insurance,
    prescription,
    prescription_sale,
    sms,
)
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import SEND, Answer, Claim, Message
from lienmach.record.transaction import Store, Transaction

_log = logging.getLogger(__name__)
LEASE = timedelta(seconds=120)  # longer than a try can take
GAP_SECONDS, GAP_SECONDS_MAX = 5, 3600
LOOK_UP_KEPT = timedelta(days=1)  # a look-up that nobody answered for so long is asked anew by a person
WOKEN_MAX = 200
_NONSENSE = (ValueError, KeyError, TypeError, AttributeError, IndexError)
_LINE_TROUBLE = ("timeout", "no-connection", outbox.NOT_CONNECTED, "sign-in")


class Gateway(Protocol):
    """How a channel is spoken."""

    async def send(self, line: Line, message: Message, *, is_unknown: bool) -> Answer: ...


GATEWAYS: dict[str, Any] = {
    "insurance": insurance,
    "checkin": checkin,
    "claim": claim,
    "catalogue": accepted_list,
    "claim-reply": claim_reply,
    "einvoice": einvoice,
    "prescription": prescription,
    "prescription-sale": prescription_sale,
    "sms": sms,
}
_TOKENS: weakref.WeakKeyDictionary[Store, dict[tuple[str, str], dict[str, str]]] = weakref.WeakKeyDictionary()


async def send(store: Store, job: Taken) -> None:
    """Send one message of the outbox.

    Safe to run twice because a message that is sent, refused or stopped is left alone, one that another worker holds
    waits for the end of its claim, and one whose outcome is unknown is asked for, or sent again under the same key.
    """
    actor = Actor(job.tenant, "system", frozenset({"system"}), "HOPERAT", SEND)
    own = str(job.payload["message"])
    claim = await store.run(actor, functools.partial(_claim, own))
    message = claim.message
    if message is None:
        return
    gateway: Gateway = GATEWAYS[message.channel]
    asked_at = store.now()
    async with calls.open_client() as client:
        line = Line(client, store.limits, _TOKENS.setdefault(store, {}))
        if outbox.is_connected(store.limits, message.channel):
            answer = await _ask(gateway, line, message, is_unknown=claim.is_unknown)
        else:
            answer = Answer("down", problem=outbox.NOT_CONNECTED)

    async def keep(tx: Transaction) -> None:
        if answer.outcome == "done":
            await insurance_answers.receive(tx, message, answer)
            await answers.receive(tx, message, answer)
            await hand_ins.receive(tx, message, answer)
        tx.also(functools.partial(_record, tx, message, answer, asked_at))

    async def put_aside(tx: Transaction) -> None:
        problem = Answer("refused", answer.status, answer.content_type, answer.body, "not-taken-in")
        tx.also(functools.partial(_record, tx, message, problem, asked_at))

    try:
        await store.run(actor, keep)
    except errors.Unavailable:
        raise  # the database is away: the job is tried again, and the outcome is unknown
    except (errors.Failure, *_NONSENSE) as problem:
        _log.error("an answer of channel %s cannot be taken in: %s", message.channel, type(problem).__name__)
        await store.run(actor, put_aside)
    store.poke()


JOBS = (Job(SEND, send),)


async def _ask(gateway: Gateway, line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send, and take an answer of a shape that nobody thought of as none."""
    try:
        return await gateway.send(line, message, is_unknown=is_unknown)
    except _NONSENSE as problem:
        _log.error("an answer of channel %s cannot be read: %s", message.channel, type(problem).__name__)
        return Answer("down", problem="wrong-answer")


async def _claim(own: str, tx: Transaction) -> Claim:
    """Take a message in hand when tx commits; the claim says what there is to do."""
    claim = Claim()
    tenant, now = tx.tenant.number, tx.now

    async def take(connection: asyncpg.Connection) -> None:
        claim.message, claim.is_unknown = None, False
        row = await connection.fetchrow(
            "select * from outbox_message where tenant = $1 and message_id = $2 for update", tenant, own
        )
        if row is None:
            return
        is_held = row["state"] == "sending" and row["next_at"] is not None and row["next_at"] > now
        if row["good_until"] is not None and row["good_until"] <= now and not is_held:
            await _expire(connection, tx, own)
            return
        if row["state"] not in outbox.OPEN_STATES:
            return
        if is_held:
            later = [JobRow(SEND, {"message": own}, row["next_at"] + timedelta(seconds=1))]
            await jobs.queue(connection, tenant, later)  # another worker is at it; look again if it dies
            return
        if not await outbox_order.may_go(connection, tx, row):
            return
        claim.is_unknown = row["state"] == "sending" or row["problem"] in ("timeout", "no-connection", "server-error")
        claim.message = outbox.message_of(row)
        await connection.execute(
            """update outbox_message set state = 'sending', tries = tries + 1, next_at = $3
               where tenant = $1 and message_id = $2""",
            tenant, own, now + LEASE,
        )  # fmt: skip

    tx.also(take)
    return claim


async def _expire(connection: asyncpg.Connection, tx: Transaction, own: str) -> None:
    """Take the secret out of a message whose words are over, and stop it if it was not sent."""
    await connection.execute(
        """update outbox_message set body = kept where tenant = $1 and message_id = $2 and body <> kept""",
        tx.tenant.number, own,
    )  # fmt: skip
    await connection.execute(
        """update outbox_message set state = 'stopped', problem = $3, next_at = null, done_at = $4
           where tenant = $1 and message_id = $2 and state = any($5)""",
        tx.tenant.number, own, outbox.EXPIRED, tx.now, list(outbox.OPEN_STATES),
    )  # fmt: skip


async def _record(
    tx: Transaction, message: Message, answer: Answer, asked_at: datetime, connection: asyncpg.Connection
) -> None:
    """Keep the answer as it came and move the message on."""
    tenant, own, now = tx.tenant.number, message.message_id, tx.now
    number = message.tries + 1
    await connection.execute(
        """insert into outbox_answer (tenant, message_id, try, asked_at, answered_at, outcome, status, content_type, body,
                                      problem)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing""",
        tenant, own, number, asked_at, now, answer.outcome, answer.status, answer.content_type[:200], answer.body,
        answer.problem,
    )  # fmt: skip
    is_old = message.channel == "insurance" and message.queued_at is not None and now - message.queued_at > LOOK_UP_KEPT
    if answer.outcome != "down" or is_old:
        state = {"done": "sent", "refused": "refused"}.get(answer.outcome, "stopped")
        await connection.execute(
            """update outbox_message set state = $3, problem = $4, next_at = null, done_at = $5,
                   body = case when $3 = 'sent' then coalesce(kept, body) else body end
               where tenant = $1 and message_id = $2 and state = 'sending'""",
            tenant, own, state, answer.problem, now,
        )  # fmt: skip
        if answer.outcome == "done":
            await _wake(connection, tx, message.channel)
        return
    next_at = None
    if answer.problem != outbox.NOT_CONNECTED:
        gap = min(GAP_SECONDS_MAX, GAP_SECONDS * 2 ** min(message.tries, 12))
        next_at = now + timedelta(seconds=gap * random.uniform(0.9, 1.1))
        await jobs.queue(connection, tenant, [JobRow(SEND, {"message": own}, next_at)])
    await connection.execute(
        """update outbox_message set state = 'waiting', problem = $3, next_at = $4
           where tenant = $1 and message_id = $2 and state = 'sending'""",
        tenant, own, answer.problem, next_at,
    )  # fmt: skip


async def _wake(connection: asyncpg.Connection, tx: Transaction, channel: str) -> None:
    """The channel works: send now what waited for it, up to a number; each of these wakes more."""
    rows = await connection.fetch(
        """update outbox_message set problem = 'woken', next_at = $3 where tenant = $1 and message_id in (
               select message_id from outbox_message where tenant = $1 and channel = $2 and state = 'waiting'
               and problem = any($4) order by queued_at limit $5)
           returning message_id""",
        tx.tenant.number, channel, tx.now, list(_LINE_TROUBLE), WOKEN_MAX,
    )  # fmt: skip
    if rows:
        await jobs.queue(connection, tx.tenant.number, [JobRow(SEND, {"message": row["message_id"]}) for row in rows])
