"""Sessions on the server: a cookie is 256 random bits, we keep only its hash.

A session ends after 30 minutes without a request, 12 hours after sign-in, at sign-out, and when the
password changes. Locking keeps the session but shows nothing until the password is given again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from lienmach.base.actor import Actor
from lienmach.identity import roles, rows, users

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
_TOUCH = timedelta(minutes=1)  # last_seen_at is written once a minute, not with each request


@dataclass(frozen=True)
class Session:
    """A living session. csrf: 32 bytes, masked anew for each page. cookie: the secret itself, for close and lock."""

    cookie: str
    tenant: int
    slug: str
    facility: str
    login: str
    display: str
    roles: frozenset[str]
    practitioner: str
    comfort: bool
    language: str
    must_change: bool
    is_demo: bool
    csrf: bytes
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_locked: bool

    def actor(self, address: str) -> Actor:
        """The actor that this session stands for."""
        return Actor(
            self.tenant, self.login, self.roles, roles.purpose_of(self.roles), self.display, self.practitioner, address
        )


async def open_session(pool: asyncpg.Pool, account: users.Account, now: datetime) -> str:
    """Start a session and return its cookie. It is always a new secret: none brought by the browser is kept."""
    cookie, hashed = rows.new_secret()
    async with rows.of_tenant(pool, account.tenant) as connection:
        await connection.execute(
            "delete from session where login = $1 and (expires_at <= $2 or last_seen_at <= $3)",
            account.login,
            now,
            now - IDLE,
        )
        await connection.execute(
            """insert into session (token_hash, tenant, login, csrf, created_at, last_seen_at, expires_at)
               values ($1, $2, $3, $4, $5, $5, $6)""",
            hashed,
            account.tenant,
            account.login,
            secrets.token_bytes(32),
            now,
            now + ABSOLUTE,
        )
    return cookie


async def find(pool: asyncpg.Pool, cookie: str, now: datetime) -> Session | None:
    """The living session of a cookie, or None; notes that it was used."""
    if not 40 <= len(cookie) <= 60:
        return None
    row = await pool.fetchrow("select * from session_by_hash($1)", rows.digest(cookie))
    if row is None or now >= row["expires_at"] or now >= row["last_seen_at"] + IDLE:
        return None
    session = Session(**{**row, "cookie": cookie, "roles": frozenset(row["roles"])})
    if now >= session.last_seen_at + _TOUCH:
        async with rows.of_tenant(pool, session.tenant) as connection:
            await connection.execute(
                "update session set last_seen_at = $2 where token_hash = $1", rows.digest(cookie), now
            )
    return session


async def close(pool: asyncpg.Pool, session: Session) -> None:
    """End a session; ending it twice is no error."""
    async with rows.of_tenant(pool, session.tenant) as connection:
        await connection.execute("delete from session where token_hash = $1", rows.digest(session.cookie))


async def set_locked(pool: asyncpg.Pool, session: Session, is_locked: bool) -> None:
    """Lock the session, or unlock it after the caller has checked the password."""
    async with rows.of_tenant(pool, session.tenant) as connection:
        await connection.execute(
            "update session set is_locked = $2 where token_hash = $1", rows.digest(session.cookie), is_locked
        )
