"""Sign-in: login and password -> account, with a growing lock per login and a limit per network address.

    failures of one login since its last success   1 2 3 4   5    6    7    8   9 and more
    locked for (minutes)                           - - - -   1    2    4    8   15
    failures of one address in ten minutes         30, then 429 for all logins from there

Failures older than a day are forgotten. An unknown login is counted, locked and timed like a known one.
"""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import asyncpg

from lienmach.base.errors import TooMany, Unauthenticated
from lienmach.identity import passwords, rows, users

FAILURES_FREE = 4
LOCK_MINUTES = (1, 2, 4, 8, 15)
ADDRESS_FAILURES_MAX = 30
ADDRESS_WINDOW = timedelta(minutes=10)
FORGET_AFTER = timedelta(days=1)
TENANT_DEFAULT = "main"
_AT_ONCE = 2  # as many as are hashed at a time, see passwords.py
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def lock_of(failures: int) -> timedelta | None:
    """How long a login is locked after this many failures in a row."""
    if failures <= FAILURES_FREE:
        return None
    return timedelta(minutes=LOCK_MINUTES[min(failures - FAILURES_FREE, len(LOCK_MINUTES)) - 1])


def split(text: str) -> tuple[str, str]:
    """Read "name" or "name@slug" as (login, tenant slug)."""
    login, _, slug = text.strip().casefold().replace("\0", "\ufffd").partition("@")  # PostgreSQL has no NUL in texts
    return login[:80], slug[:80] or TENANT_DEFAULT


def is_loopback(address: str) -> bool:
    """Whether a client address is this machine itself; an unreadable address is not."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def verify(pool: asyncpg.Pool, text: str, password: str, *, address: str, now: datetime) -> users.Account:
    """Return the account, or raise Unauthenticated (one sentence for all reasons) or TooMany (with seconds)."""
    async with _gate():
        return await _verify(pool, text, password, address=address, now=now)


def _gate() -> asyncio.Semaphore:
    """A guess is counted before the next but one begins: sent all at once they would all find an open lock."""
    return _gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))


async def _verify(pool: asyncpg.Pool, text: str, password: str, *, address: str, now: datetime) -> users.Account:
    await _check_address(pool, address, now)
    login, slug = split(text)
    tenant = await rows.tenant_of(pool, slug)
    if tenant is not None:
        await _check_lock(pool, tenant, login, now)
    account = await users.find(pool, tenant, login) if tenant is not None else None
    right = await passwords.matches(account.password_hash if account else None, password)
    if account is None or not right or (account.is_demo and not is_loopback(address)):
        await _count_failure(pool, tenant, login, address=address, now=now)
        raise Unauthenticated("login or password is wrong")
    async with rows.of_tenant(pool, account.tenant) as connection:
        await connection.execute("delete from lockout where login = $1", login)
    return account


async def _check_address(pool: asyncpg.Pool, address: str, now: datetime) -> None:
    count = await pool.fetchval("select attempts_since($1, $2)", address, now - ADDRESS_WINDOW)
    if count >= ADDRESS_FAILURES_MAX:
        raise TooMany("too many failed sign-ins from this address", seconds=int(ADDRESS_WINDOW.total_seconds()))


async def _check_lock(pool: asyncpg.Pool, tenant: int, login: str, now: datetime) -> None:
    async with rows.of_tenant(pool, tenant) as connection:
        locked_until = await connection.fetchval("select locked_until from lockout where login = $1", login)
    if locked_until is not None and now < locked_until:
        raise TooMany(
            "this login is locked after failed sign-ins", seconds=max(1, int((locked_until - now).total_seconds()))
        )


async def _count_failure(pool: asyncpg.Pool, tenant: int | None, login: str, *, address: str, now: datetime) -> None:
    await pool.execute("insert into attempt (address, at) values ($1, $2)", address, now)
    if tenant is None:
        return
    async with rows.of_tenant(pool, tenant) as connection:
        failures = await connection.fetchval(
            """insert into lockout (tenant, login, failures, failed_at) values ($1, $2, 1, $3)
               on conflict (tenant, login) do update
                  set failures = case when lockout.failed_at < $4 then 1 else lockout.failures + 1 end, failed_at = $3
               returning failures""",
            tenant,
            login,
            now,
            now - FORGET_AFTER,
        )
        lock = lock_of(failures)
        if lock is not None:
            await connection.execute("update lockout set locked_until = $2 where login = $1", login, now + lock)
