"""Bearer tokens for programs: issue, look up, revoke. Only the SHA-256 of a token is stored.

A look-up may be five seconds old, so a revoked token works at most that long in another process
and not at all in the process that revoked it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from lienmach.base import clock
from lienmach.base.actor import Actor
from lienmach.identity import roles, rows

PREFIX = "lm_"
LIFE_DEFAULT = timedelta(days=90)
CACHE_SECONDS = 5.0
_CACHE_ENTRIES_MAX = 2000


@dataclass(frozen=True)
class _Known:
    actor: Actor
    expires_at: datetime
    until: float


# One cache a process, by pool (two pools may be two databases: tests open many), hash and the client's address.
_cache: dict[tuple[int, bytes, str], _Known] = {}


async def issue(
    pool: asyncpg.Pool,
    tenant: int,
    *,
    role_names: list[str],
    user: str,
    now: datetime,
    display: str = "",
    purpose: str = "",
    life: timedelta = LIFE_DEFAULT,
) -> str:
    """Make a token for the roles within the tenant and return it; it cannot be shown again.

    purpose: v3 PurposeOfUse, by default the one of the roles. Raises ValueError for an unknown role.
    """
    names = roles.check_names(role_names)
    secret, hashed = rows.new_secret(PREFIX)
    async with rows.of_tenant(pool, tenant) as connection:
        await connection.execute(
            """insert into token (token_hash, tenant, login, display, roles, purpose, created_at, expires_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8)""",
            hashed,
            tenant,
            user,
            display or user,
            sorted(names),
            purpose or roles.purpose_of(names),
            now,
            now + life,
        )
    return secret


async def actor_of(pool: asyncpg.Pool, token: str, *, address: str = "") -> Actor | None:
    """The actor of a bearer token, or None if it is unknown, revoked or over."""
    if not token.startswith(PREFIX) or len(token) > 80:
        return None
    key = (id(pool), rows.digest(token), address)
    known = _cache.get(key)
    if known is None or known.until < time.monotonic():
        row = await pool.fetchrow("select * from token_by_hash($1)", key[1])
        if row is None:
            _cache.pop(key, None)
            return None
        actor = Actor(
            row["tenant"], row["login"], frozenset(row["roles"]), row["purpose"], row["display"], address=address
        )
        known = _Known(actor, row["expires_at"], time.monotonic() + CACHE_SECONDS)
        if len(_cache) >= _CACHE_ENTRIES_MAX:
            _cache.clear()
        _cache[key] = known
    if clock.now() >= known.expires_at:
        return None
    return known.actor


async def revoke(pool: asyncpg.Pool, tenant: int, token: str) -> bool:
    """End a token; whether there was one."""
    hashed = rows.digest(token)
    for key in [one for one in _cache if one[1] == hashed]:
        del _cache[key]
    async with rows.of_tenant(pool, tenant) as connection:
        return bool(
            await connection.fetchval("delete from token where token_hash = $1 returning true", rows.digest(token))
        )
