"""Which message goes, and which goes first: versions of a claim arrive in their order, for the last one holds.

A version waits until those before it are sent, refused or stopped. One that a later version has overtaken, because a
person let it be sent again, is stopped: the portal would take its old content for the newest. So is a reply that was
written anew, and a hand-in of catalogue rows that was given up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg

from lienmach.base import jobs
from lienmach.base.jobs import JobRow
from lienmach.care import outbox
from lienmach.record.transaction import Transaction

ORDERED = ("claim",)  # channels whose keys end in /version
OVERTAKEN, GIVEN_UP = "overtaken", "given-up"
NEVER = (OVERTAKEN, GIVEN_UP, outbox.EXPIRED)  # problems of a stopped message that is not sent whoever tries it again
_GAP = timedelta(seconds=2)


async def may_go(connection: asyncpg.Connection, tx: Transaction, row: Any) -> bool:
    """Whether a message may be sent now; one that must wait is queued again, one that was overtaken is stopped.

    Inside a commit, where the row of the message is locked.
    """
    tenant, own, now = tx.tenant.number, row["message_id"], tx.now
    number = _number(row["key"])
    why = await _why_never(connection, tx, row)
    if why:
        await _stop(connection, tx, own, why)
        return False
    if row["channel"] not in ORDERED:
        return True
    others = await connection.fetch(
        """select key, state, next_at from outbox_message where tenant = $1 and channel = $2 and subject = $3
           and message_id <> $4""",
        tenant, row["channel"], row["subject"], own,
    )  # fmt: skip
    if any(_number(one["key"]) > number and one["state"] == "sent" for one in others):
        await _stop(connection, tx, own, OVERTAKEN)
        return False
    before = [one for one in others if _number(one["key"]) < number and one["state"] in outbox.OPEN_STATES]
    if not before:
        return True
    at = max([now, *(one["next_at"] for one in before if one["next_at"] is not None)]) + _GAP
    await jobs.queue(connection, tenant, [JobRow(outbox.SEND, {"message": own}, at)])
    return False


async def _why_never(connection: asyncpg.Connection, tx: Transaction, row: Any) -> str:
    """Why a message is not sent any more, whoever tries it again; "" for one that may go."""
    tenant, subject = tx.tenant.number, row["subject"].partition("/")[2]
    if row["channel"] == "claim":  # a recall that was given up
        is_over = await connection.fetchval(
            """select true from claim_version where tenant = $1 and encounter_id = $2 and version = $3
               and state = 'dropped'""",
            tenant, subject, _number(row["key"]),
        )  # fmt: skip
        return OVERTAKEN if is_over else ""
    if row["channel"] == "claim-reply":  # words that were written anew
        is_over = await connection.fetchval(
            "select message_id <> $3 from claim_rejection where tenant = $1 and rejection_id = $2",
            tenant, row["key"].partition("/")[0], row["message_id"],
        )  # fmt: skip
        return OVERTAKEN if is_over else ""
    if row["channel"] == "catalogue":
        is_over = await connection.fetchval(
            """select true from catalogue_hand_in_row where tenant = $1 and hand_in_id = $2 and state = 'dropped'
               limit 1""",
            tenant, row["key"].partition("/")[2],
        )  # fmt: skip
        return GIVEN_UP if is_over else ""
    return ""


async def _stop(connection: asyncpg.Connection, tx: Transaction, own: str, problem: str) -> None:
    await connection.execute(
        """update outbox_message set state = 'stopped', problem = $3, next_at = null, done_at = $4
           where tenant = $1 and message_id = $2""",
        tx.tenant.number, own, problem, tx.now,
    )  # fmt: skip


def _number(key: str) -> int:
    last = key.rpartition("/")[2]
    return int(last) if last.isdecimal() else 0
