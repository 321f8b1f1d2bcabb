"""Numbers of bills and receipts: running without gaps by facility, year and series, such as PT26-86991-000123."""

from __future__ import annotations

import asyncpg

from lienmach.record import committer
from lienmach.record.transaction import Transaction

#: series -> what it numbers. Initials of the Vietnamese words (own choice).
SERIES = {"BK": "bảng kê chi phí", "PT": "phiếu thu", "TU": "phiếu tạm ứng", "PC": "phiếu chi"}


async def take(connection: asyncpg.Connection, tx: Transaction, facility: str, series: str) -> str:
    """The next number, given out inside a commit: what is rolled back leaves no gap. facility: MA_CSKCB."""
    year = _year(tx)
    last = await connection.fetchval(
        """insert into money_number as n (tenant, facility, year, series, last) values ($1, $2, $3, $4, 1)
           on conflict (tenant, facility, year, series) do update set last = n.last + 1 returning last""",
        tx.tenant.number, facility, year, series,
    )  # fmt: skip
    return _write(series, year, facility, last)


async def plan(tx: Transaction, facility: str, series: str) -> str:
    """The number that is next, for what must carry it before it is signed; it is taken when tx commits.

    If somebody else was faster the whole unit runs again (committer.Changed).
    """
    year = _year(tx)
    rows = await tx.fetch(
        "select last from money_number where tenant = $1 and facility = $2 and year = $3 and series = $4",
        tx.tenant.number, facility, year, series,
    )  # fmt: skip
    wanted = _write(series, year, facility, (rows[0]["last"] if rows else 0) + 1)

    async def effect(connection: asyncpg.Connection) -> None:
        if await take(connection, tx, facility, series) != wanted:
            raise committer.Changed("The number is taken.")

    tx.also(effect)
    return wanted


def _year(tx: Transaction) -> int:
    return tx.now.astimezone(tx.tenant.time_zone).year


def _write(series: str, year: int, facility: str, number: int) -> str:
    return f"{series}{year % 100:02}-{facility}-{number:06}"
