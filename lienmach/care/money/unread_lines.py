"""Lines of the bank's statement that cannot be read: kept as they came, for a person, so that those behind them go on.

Nothing of such a line is booked, for its amount cannot be trusted. Whoever has looked at it in the bank's own statement
says what became of it; the line stays stored.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from lienmach.base import errors
from lienmach.record.transaction import Transaction

TEXT_CHARACTERS_MAX = 2000
_NOTE_CHARACTERS = range(3, 501)


@dataclass(frozen=True)
class Unread:
    """text: the line as the bank sent it, cut. problem: what is wrong with it, a Vietnamese sentence."""

    text: str
    problem: str


@dataclass(frozen=True)
class UnreadLine:
    """One that is stored. account: ours, in whose statement it stood. note: what became of it, "" while it waits."""

    line_id: str
    bin: str
    account: str
    text: str
    problem: str
    heard_at: datetime
    note: str


def keep(tx: Transaction, bin: str, account: str, lines: Sequence[Unread]) -> None:
    """Store lines when tx commits; one that was read before stays as it is."""
    rows = []
    for one in lines:
        text = one.text.replace("\x00", " ").encode("utf-8", "replace").decode()[:TEXT_CHARACTERS_MAX]
        line_id = hashlib.sha256(f"{bin} {account} {one.text}".encode("utf-8", "replace")).hexdigest()[:32]
        rows.append((tx.tenant.number, f"u-{line_id}", bin, account, text, one.problem[:500], tx.now))
    tx.also(functools.partial(_store, rows))


async def _store(rows: Sequence[tuple[object, ...]], connection: asyncpg.Connection) -> None:
    await connection.executemany(
        """insert into bank_line_unread (tenant, line_id, bin, account, text, problem, heard_at)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing""",
        rows,
    )


async def waiting(tx: Transaction, *, limit: int = 100) -> list[UnreadLine]:
    """Lines that nobody has looked at, oldest first."""
    rows = await tx.fetch(
        """select line_id, bin, account, text, problem, heard_at, note from bank_line_unread
           where tenant = $1 and settled_at is null order by heard_at, line_id limit $2""",
        tx.tenant.number, limit,
    )  # fmt: skip
    return [UnreadLine(*row) for row in rows]


async def settle(tx: Transaction, line_id: str, note: str) -> None:
    """Say what became of a line, when tx commits.

    Raises errors.Invalid without a note, errors.NotFound; at the commit errors.Conflict where somebody was faster.
    """
    said = " ".join(note.split())
    if len(said) not in _NOTE_CHARACTERS:
        raise errors.Invalid("Hãy ghi dòng này đã được xử lý thế nào (3 đến 500 ký tự).")
    rows = await tx.fetch(
        "select 1 from bank_line_unread where tenant = $1 and line_id = $2", tx.tenant.number, line_id
    )
    if not rows:
        raise errors.NotFound("Không có dòng sao kê này.")

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetchval(
            """update bank_line_unread set note = $3, settled_at = $4, settled_by = $5
               where tenant = $1 and line_id = $2 and settled_at is null returning true""",
            tx.tenant.number, line_id, said, tx.now, tx.actor.user,
        )  # fmt: skip
        if not done:
            raise errors.Conflict("Dòng sao kê này đã được xử lý rồi; không có gì thay đổi.")

    tx.also(write)
