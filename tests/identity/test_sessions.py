"""Sessions: how long they live, what ends them, and that they stay in their tenant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from lienmach.identity import rows, sessions, users
from lienmach.record.transaction import Store
from tests.web.client import add_user

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture
async def cookie(store: Store, pool: asyncpg.Pool) -> str:
    await add_user(pool, "lan", "doctor")
    account = await users.find(pool, 1, "lan")
    assert account is not None
    return await sessions.open_session(pool, account, NOW)


async def test_a_cookie_finds_its_person(pool: asyncpg.Pool, cookie: str) -> None:
    session = await sessions.find(pool, cookie, NOW)
    assert session is not None
    actor = session.actor("10.0.0.1")
    assert (actor.tenant, actor.user, actor.roles, actor.purpose, actor.address) == (
        1,
        "lan",
        {"doctor"},
        "TREAT",
        "10.0.0.1",
    )


async def test_a_session_ends_after_thirty_idle_minutes(pool: asyncpg.Pool, cookie: str) -> None:
    assert await sessions.find(pool, cookie, NOW + timedelta(minutes=29, seconds=59)) is not None
    used = NOW + timedelta(minutes=29, seconds=59)
    assert await sessions.find(pool, cookie, used + timedelta(minutes=29)) is not None  # use prolongs it
    assert await sessions.find(pool, cookie, used + timedelta(minutes=29 + 30)) is None


async def test_a_session_ends_after_twelve_hours_however_busy(pool: asyncpg.Pool, cookie: str) -> None:
    for minutes in range(20, 12 * 60, 20):
        assert await sessions.find(pool, cookie, NOW + timedelta(minutes=minutes)) is not None
    assert await sessions.find(pool, cookie, NOW + timedelta(hours=12)) is None


@pytest.mark.parametrize("forged", ["", "x", "a" * 43, "a" * 500])
async def test_a_forged_cookie_finds_nobody(pool: asyncpg.Pool, cookie: str, forged: str) -> None:
    assert await sessions.find(pool, forged, NOW) is None


async def test_sign_out_ends_it_on_the_server(pool: asyncpg.Pool, cookie: str) -> None:
    session = await sessions.find(pool, cookie, NOW)
    assert session is not None
    await sessions.close(pool, session)
    await sessions.close(pool, session)
    assert await sessions.find(pool, cookie, NOW) is None


async def test_a_new_password_ends_all_sessions_and_a_closed_account_has_none(pool: asyncpg.Pool, cookie: str) -> None:
    await users.set_password(pool, 1, "lan", "mot cau khac dai hon")
    assert await sessions.find(pool, cookie, NOW) is None
    account = await users.find(pool, 1, "lan")
    assert account is not None
    again = await sessions.open_session(pool, account, NOW)
    await users.close(pool, 1, "lan")
    assert await sessions.find(pool, again, NOW) is None


async def test_a_database_reader_finds_no_cookie(pool: asyncpg.Pool, cookie: str) -> None:
    async with rows.of_tenant(pool, 1) as connection:
        stored = await connection.fetchrow("select * from session")
    assert cookie not in str(stored) and cookie.encode() not in stored["token_hash"]


async def test_another_tenant_sees_no_account_and_no_session(pool: asyncpg.Pool, cookie: str) -> None:
    async with rows.of_tenant(pool, 2) as connection:
        for table in ("account", "session", "token", "setup_link", "lockout"):
            assert await connection.fetchval(f"select count(*) from {table}") == 0
    with pytest.raises(asyncpg.PostgresError):
        await pool.fetch("select * from account")  # no tenant, no answer
