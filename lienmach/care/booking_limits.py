"""How many times one network address may book or join the waiting list within an hour, beside the three of one phone.

Counted are bookings of people without an account that came about; who is too late or mistyped is not counted. The
address is kept for that hour only. A waiting room behind one address shares the limit, so it is wide enough for one.
"""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from lienmach.base import errors
from lienmach.record.transaction import Transaction

AN_HOUR_MAX = 20
_WINDOW = timedelta(hours=1)
_VISITOR = "visitor"


class TooManyFromHere(errors.Conflict):
    """The address has booked as often as it may within the hour."""


def count(tx: Transaction) -> None:
    """Count one booking of the actor's address when tx commits; raises TooManyFromHere there. Desks are not counted."""
    address = tx.actor.address
    if _VISITOR not in tx.actor.roles or not address:
        return

    async def write(connection: asyncpg.Connection) -> None:
        tenant, since = tx.tenant.number, tx.now - _WINDOW
        await connection.execute("delete from booking_made where tenant = $1 and at < $2", tenant, since)
        done = await connection.fetchval(
            "select count(*) from booking_made where tenant = $1 and address = $2", tenant, address
        )
        if done >= AN_HOUR_MAX:
            raise TooManyFromHere(
                "Từ mạng này đã đặt {most} lịch trong một giờ. Hãy thử lại sau một giờ, hoặc gọi điện đến cơ sở.",
                values={"most": AN_HOUR_MAX},
            )
        await connection.execute(
            "insert into booking_made (tenant, address, at) values ($1, $2, $3)", tenant, address, tx.now
        )

    tx.also(write)
