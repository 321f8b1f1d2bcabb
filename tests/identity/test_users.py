"""Accounts and set-up links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from lienmach.base.errors import Conflict, Invalid, NotFound
from lienmach.identity import demo_users, passwords, sign_in, users
from lienmach.record.transaction import Store

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LAN = users.Account(1, "lan", "BS Lan", frozenset({"doctor"}))


async def test_a_link_sets_the_password_once(store: Store, pool: asyncpg.Pool) -> None:
    await users.add(pool, LAN, NOW)
    secret = (await users.new_setup_link(pool, 1, "lan", NOW)).rpartition("/")[2]
    await users.use_setup_link(pool, secret, "mot cau rat dai", NOW + timedelta(hours=71, minutes=59))
    assert (await sign_in.verify(pool, "lan", "mot cau rat dai", address="10.0.0.1", now=NOW)).login == "lan"
    with pytest.raises(NotFound):
        await users.use_setup_link(pool, secret, "mot cau khac dai", NOW)


async def test_a_link_ends_after_72_hours_and_with_a_newer_one(store: Store, pool: asyncpg.Pool) -> None:
    await users.add(pool, LAN, NOW)
    first = (await users.new_setup_link(pool, 1, "lan", NOW)).rpartition("/")[2]
    second = (await users.new_setup_link(pool, 1, "lan", NOW)).rpartition("/")[2]
    assert await users.of_setup_link(pool, first, NOW) is None
    assert await users.of_setup_link(pool, second, NOW) is not None
    assert await users.of_setup_link(pool, second, NOW + timedelta(hours=72)) is None


async def test_a_login_is_taken_once_per_tenant(store: Store, pool: asyncpg.Pool) -> None:
    await users.add(pool, LAN, NOW)
    with pytest.raises(Conflict):
        await users.add(pool, LAN, NOW)
    await users.add(pool, users.Account(2, "lan", "Lan khác", frozenset({"nurse"})), NOW)


@pytest.mark.parametrize("login", ["", "a", "Lan", "lan@main", "lan anh", "a" * 41, "-lan"])
async def test_a_login_that_cannot_be_typed_is_refused(store: Store, pool: asyncpg.Pool, login: str) -> None:
    with pytest.raises(Invalid):
        await users.add(pool, users.Account(1, login, "X", frozenset({"nurse"})), NOW)


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("123456789", False),
        ("muoi ky tu", True),
        ("aaaaaaaaaaaa", False),
        ("bac si lan 2026", False),
        ("x y z " * 40, False),
    ],
)
def test_a_password_is_long_and_not_the_login(password: str, is_good: bool) -> None:
    assert (passwords.faults(password, "lan") == "") is is_good


async def test_demo_logins_are_made_once(store: Store, pool: asyncpg.Pool, tmp_path: Path) -> None:
    first = await demo_users.ensure(pool, tmp_path, NOW)
    assert await demo_users.ensure(pool, tmp_path, NOW) == first
    login, password, _ = first[0]
    assert (await sign_in.verify(pool, login, password, address="127.0.0.1", now=NOW)).is_demo
    assert (tmp_path / demo_users.FILE).stat().st_mode & 0o077 == 0
