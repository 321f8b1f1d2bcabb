"""Sign-in: who gets in, who is locked out and for how long, and what an attacker learns (nothing)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from lienmach.base.errors import TooMany, Unauthenticated
from lienmach.identity import sign_in
from lienmach.record.transaction import Store
from tests.web.client import PASSWORD, add_user

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture
async def people(store: Store, pool: asyncpg.Pool) -> asyncpg.Pool:
    await add_user(pool, "lan", "doctor")
    await add_user(pool, "mau", "nurse", is_demo=True)
    await add_user(pool, "lan", "nurse", tenant=2)
    return pool


async def attempt(
    pool: asyncpg.Pool, login: str, password: str = "sai", *, address: str = "10.0.0.1", now: datetime = NOW
) -> sign_in.users.Account:
    return await sign_in.verify(pool, login, password, address=address, now=now)


async def fail(
    pool: asyncpg.Pool, times: int, login: str = "lan", now: datetime = NOW, address: str = "10.0.0.1"
) -> None:
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            await attempt(pool, login, address=address, now=now)


async def test_the_right_password_opens(people: asyncpg.Pool) -> None:
    assert (await attempt(people, "lan", PASSWORD)).roles == {"doctor"}
    assert (await attempt(people, " LAN ", PASSWORD)).login == "lan"


async def test_the_same_login_of_another_tenant_is_another_person(people: asyncpg.Pool) -> None:
    assert (await attempt(people, "lan@other", PASSWORD)).roles == {"nurse"}
    with pytest.raises(Unauthenticated):
        await attempt(people, "lan@nowhere", PASSWORD)


async def test_four_failures_do_not_lock(people: asyncpg.Pool) -> None:
    await fail(people, 4)
    assert (await attempt(people, "lan", PASSWORD)).login == "lan"


async def test_the_fifth_failure_locks_for_a_minute_even_with_the_right_password(people: asyncpg.Pool) -> None:
    await fail(people, 5)
    with pytest.raises(TooMany) as locked:
        await attempt(people, "lan", PASSWORD, now=NOW + timedelta(seconds=59))
    assert locked.value.seconds == 1
    assert (await attempt(people, "lan", PASSWORD, now=NOW + timedelta(seconds=60))).login == "lan"


async def test_the_lock_grows_with_each_further_failure(people: asyncpg.Pool) -> None:
    await fail(people, 5)
    later = NOW + timedelta(minutes=1)
    await fail(people, 1, now=later)
    with pytest.raises(TooMany):
        await attempt(people, "lan", PASSWORD, now=later + timedelta(seconds=119))
    assert [sign_in.lock_of(n) for n in (4, 5, 9, 90)] == [None, *(timedelta(minutes=m) for m in (1, 15, 15))]


async def test_a_success_forgets_earlier_failures(people: asyncpg.Pool) -> None:
    await fail(people, 4)
    await attempt(people, "lan", PASSWORD)
    await fail(people, 4)
    assert (await attempt(people, "lan", PASSWORD)).login == "lan"


async def test_failures_older_than_a_day_are_forgotten(people: asyncpg.Pool) -> None:
    await fail(people, 4)
    await fail(people, 1, now=NOW + timedelta(days=1, seconds=1), address="10.0.0.2")
    assert (await attempt(people, "lan", PASSWORD, now=NOW + timedelta(days=1, seconds=2))).login == "lan"


async def test_an_unknown_login_is_locked_like_a_known_one(people: asyncpg.Pool) -> None:
    await fail(people, 5, login="khong-co")
    with pytest.raises(TooMany):
        await attempt(people, "khong-co")


async def test_thirty_failures_of_one_address_close_it_for_every_login(people: asyncpg.Pool) -> None:
    for number in range(30):
        await fail(people, 1, login=f"nguoi{number}")
    with pytest.raises(TooMany):
        await attempt(people, "lan", PASSWORD)
    assert (await attempt(people, "lan", PASSWORD, address="10.0.0.2")).login == "lan"
    assert (await attempt(people, "lan", PASSWORD, now=NOW + timedelta(minutes=10, seconds=1))).login == "lan"


@pytest.mark.parametrize(("address", "opens"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("", False)])
async def test_a_demo_login_opens_on_this_machine_only(people: asyncpg.Pool, address: str, opens: bool) -> None:
    if opens:
        assert (await attempt(people, "mau", PASSWORD, address=address)).is_demo
    else:
        with pytest.raises(Unauthenticated):
            await attempt(people, "mau", PASSWORD, address=address)


async def test_guesses_sent_all_at_once_are_counted_like_those_sent_one_by_one(people: asyncpg.Pool) -> None:
    found = await asyncio.gather(*[attempt(people, "lan", f"sai {n}") for n in range(12)], return_exceptions=True)
    guessed = sum(isinstance(one, Unauthenticated) for one in found)
    assert guessed in (5, 6)  # two are looked at side by side
    assert sum(isinstance(one, TooMany) for one in found) == 12 - guessed
