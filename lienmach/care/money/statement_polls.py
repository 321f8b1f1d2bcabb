"""The job `bank.poll`: read the bank's statement from where it was last read, so that a lost notice heals by itself.

What the statement holds goes the same way as a notice (transfers.py), one unit of work a transfer; a line that cannot
be read is kept for a person (unread_lines.py). The cursor moves on when all of a page is stored. When it is read next:
poll_turns.py.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging

import asyncpg

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.base.jobs import Job, Taken
from lienmach.care.gateways import bank, calls
from lienmach.care.gateways.calls import Line
from lienmach.care.money import bank_lines, payment_requests, poll_turns, transfers, unread_lines
from lienmach.care.money.bank_notice import Notice
from lienmach.care.money.payment_requests import OwnAccount
from lienmach.care.money.unread_lines import Unread
from lienmach.record.transaction import Store, Transaction

_log = logging.getLogger(__name__)
_PAGES_MAX = 100


async def poll(store: Store, job: Taken) -> None:
    """Read what came since the last time.

    Safe to run twice because a transfer is stored once by its number, and a job whose turn is over does nothing.
    """
    actor = Actor(job.tenant, "system", frozenset({"system"}), "HPAYMT", "Ngân hàng (tự động)")
    turn = int(job.payload["turn"])
    async with store.begin(actor) as tx:
        if not await poll_turns.is_turn(tx, turn):
            return
        own = await payment_requests.own_accounts(tx) if poll_turns.is_connected(tx) else []
        cursors = await _cursors(tx)
    problem = ""
    async with calls.open_client() as client:
        own_line = bank_lines.of(store.limits, store.tenants, job.tenant)
        settings = dataclasses.replace(store.limits, bank_url=own_line.url, bank_secret=own_line.secret)
        line = Line(client, settings)
        for one in own:
            problem = await _read(store, actor, line, one, cursors.get((one.bin, one.account), "")) or problem

    async def end(tx: Transaction) -> None:
        poll_turns.end(tx, turn, problem, is_wanted=await payment_requests.is_any_payable(tx))

    await store.run(actor, end)


JOBS = (Job(poll_turns.POLL, poll),)


async def _read(store: Store, actor: Actor, line: Line, own: OwnAccount, cursor: str) -> str:
    """Take in what came into an account after a cursor; the word of a problem, or ""."""
    for _ in range(_PAGES_MAX):
        page = await bank.statement(line, own.account, cursor, store.now())
        if isinstance(page, bank.NoPage):
            return page.problem
        unread = list(page.unread)
        for notice in page.notices:
            try:
                await transfers.take_in(store, actor, notice, via="poll")
            except transfers.NotOurs as refused:  # one strange line must not stop those behind it
                unread.append(_unread(notice, refused))
        if unread:
            _log.warning("%d lines of the bank's statement could not be read; they wait for a person", len(unread))
            await store.run(actor, functools.partial(_keep, own, unread))
        if page.cursor != cursor:
            await store.run(actor, functools.partial(_move, own, page.cursor))
        if not page.has_more or page.cursor == cursor:
            return ""
        cursor = page.cursor
    return ""


def _unread(notice: Notice, refused: errors.Failure) -> Unread:
    said = {**dataclasses.asdict(notice), "at": notice.at.isoformat()}
    return Unread(json.dumps(said, ensure_ascii=False, sort_keys=True), refused.text)


async def _keep(own: OwnAccount, lines: list[Unread], tx: Transaction) -> None:
    unread_lines.keep(tx, own.bin, own.account, lines)


async def _cursors(tx: Transaction) -> dict[tuple[str, str], str]:
    rows = await tx.fetch("select bin, account, cursor from bank_cursor where tenant = $1", tx.tenant.number)
    return {(row["bin"], row["account"]): row["cursor"] for row in rows}


async def _move(own: OwnAccount, cursor: str, tx: Transaction) -> None:
    """Remember how far the statement was read."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into bank_cursor (tenant, bin, account, cursor) values ($1, $2, $3, $4)
               on conflict (tenant, bin, account) do update set cursor = excluded.cursor""",
            tx.tenant.number, own.bin, own.account, cursor,
        )  # fmt: skip

    tx.also(write)
