"""The ledger balances or refuses: in our own words, and in the database behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from lienmach.base.actor import Actor
from lienmach.care.money import ledger
from lienmach.care.money.ledger import Posting
from lienmach.record.transaction import Store

CASH = [Posting("1111", "s1", Decimal("100.25")), Posting("1311", "v1", Decimal("-100.25"))]


@pytest.fixture
async def connection(store: Store, store_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The serving role, in tenant 1."""
    found = await asyncpg.connect(store_url)
    await found.execute("set lienmach.tenant = '1'")
    yield found
    await found.close()


async def post(store: Store, actor: Actor, cause: str, postings: list[Posting], **more: Any) -> None:
    async with store.begin(actor) as tx:
        ledger.post(tx, kind="payment", cause=cause, postings=postings, **more)


async def balance(store: Store, actor: Actor, account: str, sub: str = "") -> Decimal:
    async with store.begin(actor) as tx:
        return await ledger.balance(tx, account, sub)


async def test_an_entry_moves_its_balances_and_the_same_cause_again_moves_nothing(store: Store, system: Actor) -> None:
    for _ in range(3):
        await post(store, system, "receipt/1", CASH)
    assert await balance(store, system, "1111", "s1") == Decimal("100.25")
    assert await balance(store, system, "1311", "v1") == Decimal("-100.25")
    assert await balance(store, system, "1111", "s2") == 0
    await post(store, system, "receipt/2", CASH)
    async with store.begin(system) as tx:
        assert await ledger.balances(tx, "v1") == {"1311": Decimal("-200.50")}
        assert await ledger.trial(tx) == {"1111": Decimal("200.50"), "1311": Decimal("-200.50")}


@pytest.mark.parametrize(
    ("postings", "sentence"),
    [
        ([Posting("1111", "s1", Decimal(1))], "balance"),
        ([Posting("1111", "s1", Decimal("1.01")), Posting("1311", "v1", Decimal(-1))], "balance"),
        ([Posting("9999", "", Decimal(1)), Posting("1311", "v1", Decimal(-1))], "9999"),
        ([Posting("1111", "", Decimal("0.001")), Posting("1311", "v1", Decimal("-0.001"))], "two places"),
        ([Posting("1111", "", 1.0), Posting("1311", "v1", -1.0)], "Decimal"),  # type: ignore[arg-type]
    ],
)
async def test_what_does_not_balance_is_refused_before_it_is_written(
    store: Store, system: Actor, postings: list[Posting], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        await post(store, system, "receipt/1", postings)
    async with store.begin(system) as tx:
        assert await ledger.entries(tx) == []


async def test_the_table_refuses_an_entry_that_does_not_balance(connection: asyncpg.Connection) -> None:
    own = await entry(connection, "a")
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        await insert(connection, own, [("1111", "100.00"), ("1311", "-99.99")])
    await insert(connection, own, [("1111", "100.00"), ("1311", "-100.00")])
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        await insert(connection, own, [("1121", "0.01")], first=3)
    rows = await connection.fetch("select account, amount from ledger_balance order by account")
    assert [tuple(row) for row in rows] == [("1111", Decimal(100)), ("1311", Decimal(-100))]


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_posting set amount = 1",
        "delete from ledger_posting",
        "truncate ledger_posting",
        "update ledger_entry set note = ''",
        "delete from ledger_entry",
        "update ledger_balance set amount = 0",
        "insert into ledger_balance values (1, '1111', '', 5)",
        "delete from ledger_balance",
        "update money_receipt set amount = 1",
        "delete from money_receipt",
        "delete from cash_shift",
        "delete from visit_account",
    ],
)
async def test_the_serving_role_may_not_rewrite_what_was_booked(connection: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)


async def test_one_tenant_sees_nothing_of_another(store: Store, system: Actor, stranger: Actor) -> None:
    await post(store, system, "receipt/1", CASH)
    await post(store, stranger, "receipt/1", [Posting("1121", "", Decimal(7)), Posting("3381", "b1", Decimal(-7))])
    async with store.begin(stranger) as tx:
        assert await ledger.trial(tx) == {"1121": Decimal(7), "3381": Decimal(-7)}
        assert len(await ledger.entries(tx)) == 1
    assert await balance(store, system, "1121") == 0


async def test_entries_are_found_by_visit_and_by_time_newest_first(store: Store, system: Actor) -> None:
    await post(store, system, "receipt/1", CASH, encounter_id="v1", note="một", shift_id="s1")
    await post(store, system, "receipt/2", CASH, encounter_id="v2")
    async with store.begin(system) as tx:
        assert [one.cause for one in await ledger.entries(tx)] == ["receipt/2", "receipt/1"]
        [one] = await ledger.entries(tx, encounter_id="v1")
        assert list(one.postings) == CASH and (one.note, one.by, one.shift_id) == ("một", "system", "s1")
        assert await ledger.entries(tx, from_at=one.at + timedelta(hours=1)) == []
        assert len(await ledger.entries(tx, from_at=one.at, to_at=one.at + timedelta(hours=1), limit=1)) == 1


async def test_postings_of_nothing_make_no_entry(store: Store, system: Actor) -> None:
    await post(store, system, "receipt/1", [Posting("1111", "s1", Decimal(0))])
    async with store.begin(system) as tx:
        assert await ledger.entries(tx) == [] and await ledger.trial(tx) == {}


async def entry(connection: asyncpg.Connection, cause: str) -> int:
    found: int = await connection.fetchval(
        """insert into ledger_entry (tenant, at, kind, cause, by) values (1, now(), 'test', $1, 'me')
           returning entry_id""",
        cause,
    )
    return found


async def insert(connection: asyncpg.Connection, own: int, postings: list[tuple[str, str]], *, first: int = 1) -> None:
    await connection.execute(
        """insert into ledger_posting (tenant, entry_id, line, account, sub, amount)
           select 1, $1, $2 + n, account, '', amount
           from unnest($3::text[], $4::numeric[]) with ordinality p(account, amount, n)""",
        own, first - 1, [account for account, _ in postings], [Decimal(amount) for _, amount in postings],
    )  # fmt: skip
