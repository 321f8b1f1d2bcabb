"""Whether the portal may have a message of which we have no receipt: then it is tried again, and nothing goes in its place.

A try whose answer never came, was none, or could not be taken in may have arrived. A refusal of a later try by the
portal's own word says that nothing is there: the portal knows a message by its key, and answers one that it has with
the receipt of the first time.
The function `message_is_unknown` of the database says it (schema/0011_claims.sql).
"""

from __future__ import annotations

import asyncpg

from lienmach.record.transaction import Transaction


async def give_up(connection: asyncpg.Connection, tx: Transaction, message_id: str, problem: str) -> bool:
    """Stop a message inside a commit, for good: whether that could be done. False: it is sent, on its way, or unknown.

    problem: word for people, why it never goes again (care/outbox_order.py sees to it).
    """
    standing = await connection.fetchrow(
        """select state, message_is_unknown(m) as is_unknown from outbox_message m
           where tenant = $1 and message_id = $2 for update""",
        tx.tenant.number, message_id,
    )  # fmt: skip
    if standing is None or standing["is_unknown"] or standing["state"] not in ("waiting", "refused", "stopped"):
        return False
    await connection.execute(
        """update outbox_message set state = 'stopped', problem = $3, next_at = null, done_at = $4
           where tenant = $1 and message_id = $2""",
        tx.tenant.number, message_id, problem, tx.now,
    )  # fmt: skip
    return True


async def is_unknown(tx: Transaction, message_id: str) -> bool:
    """Whether a message may have arrived without a receipt."""
    rows = await tx.fetch(
        "select message_is_unknown(m) as is_unknown from outbox_message m where tenant = $1 and message_id = $2",
        tx.tenant.number, message_id,
    )  # fmt: skip
    return bool(rows and rows[0]["is_unknown"])
