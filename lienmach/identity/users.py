"""Accounts: people of a tenant who may sign in, and the links by which they set their first password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from lienmach.base.errors import Conflict, Invalid, NotFound
from lienmach.identity import passwords, roles, rows

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
SETUP_LINK_HOURS = 72


@dataclass(frozen=True)
class Account:
    """One person of one tenant. practitioner: FHIR reference that stands for the person in the record, or ""."""

    tenant: int
    login: str
    display: str
    roles: frozenset[str]
    password_hash: str | None = None
    practitioner: str = ""
    is_demo: bool = False
    must_change: bool = False


async def add(pool: asyncpg.Pool, account: Account, now: datetime) -> None:
    """Store a new account. Raises Invalid for a login or role that cannot be, Conflict if the login is taken."""
    if not _LOGIN.fullmatch(account.login):
        raise Invalid("a login has 2 to 40 letters a-z, digits, dots, dashes; it starts with a letter or digit")
    try:
        roles.check_names(sorted(account.roles))
    except ValueError as error:
        raise Invalid(str(error)) from error
    async with rows.of_tenant(pool, account.tenant) as connection:
        added = await connection.fetchval(
            """insert into account (tenant, login, display, password_hash, roles, practitioner, is_demo, must_change,
                                    created_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning true""",
            account.tenant,
            account.login,
            account.display,
            account.password_hash,
            sorted(account.roles),
            account.practitioner,
            account.is_demo,
            account.must_change,
            now,
        )
    if not added:
        raise Conflict(f"the login {account.login} is taken")


async def find(pool: asyncpg.Pool, tenant: int, login: str) -> Account | None:
    """The open account of this login, or None."""
    async with rows.of_tenant(pool, tenant) as connection:
        row = await connection.fetchrow(
            """select tenant, login, display, roles, password_hash, practitioner, is_demo, must_change from account
               where login = $1 and state = 'active'""",
            login,
        )
    return None if row is None else Account(**{**row, "roles": frozenset(row["roles"])})


async def set_password(pool: asyncpg.Pool, tenant: int, login: str, password: str) -> None:
    """Set a new password and end all sessions of the account. The caller has checked `passwords.faults`."""
    hashed = await passwords.hash_password(password)
    async with rows.of_tenant(pool, tenant) as connection:
        await connection.execute(
            "update account set password_hash = $2, must_change = false where login = $1", login, hashed
        )
        await connection.execute("delete from session where login = $1", login)


async def set_preferences(pool: asyncpg.Pool, tenant: int, login: str, *, comfort: bool, language: str) -> None:
    """Remember letter size and language (`vi` or `en`) of a person."""
    async with rows.of_tenant(pool, tenant) as connection:
        await connection.execute(
            "update account set comfort = $2, language = $3 where login = $1", login, comfort, language
        )


async def close(pool: asyncpg.Pool, tenant: int, login: str) -> None:
    """Close an account for good: its sessions and tokens end with it, its name stays in the audit."""
    async with rows.of_tenant(pool, tenant) as connection:
        done = await connection.fetchval("update account set state = 'closed' where login = $1 returning true", login)
        await connection.execute("delete from session where login = $1", login)
        await connection.execute("delete from token where login = $1", login)
    if not done:
        raise NotFound(f"no account {login}")


async def new_setup_link(pool: asyncpg.Pool, tenant: int, login: str, now: datetime) -> str:
    """Path of a page where the person sets a password, good once and for 72 hours; older links end."""
    secret, hashed = rows.new_secret()
    async with rows.of_tenant(pool, tenant) as connection:
        await connection.execute("delete from setup_link where login = $1", login)
        await connection.execute(
            "insert into setup_link (token_hash, tenant, login, expires_at) values ($1, $2, $3, $4)",
            hashed,
            tenant,
            login,
            now + timedelta(hours=SETUP_LINK_HOURS),
        )
    return f"/set-up/{secret}"


async def of_setup_link(pool: asyncpg.Pool, secret: str, now: datetime) -> Account | None:
    """The account that this link belongs to, while the link is good."""
    row = await pool.fetchrow("select * from setup_link_by_hash($1)", rows.digest(secret))
    if row is None or row["expires_at"] <= now:
        return None
    return await find(pool, row["tenant"], row["login"])


async def use_setup_link(pool: asyncpg.Pool, secret: str, password: str, now: datetime) -> Account:
    """Set the password and end the link. Raises NotFound if the link is used up, unknown or too old."""
    account = await of_setup_link(pool, secret, now)
    if account is None:
        raise NotFound("this link has been used or is too old; ask for a new one")
    async with rows.of_tenant(pool, account.tenant) as connection:
        taken = await connection.fetchval(
            "delete from setup_link where token_hash = $1 returning true", rows.digest(secret)
        )
    if not taken:  # someone else used it between the two statements
        raise NotFound("this link has been used or is too old; ask for a new one")
    await set_password(pool, account.tenant, account.login, password)
    return account
