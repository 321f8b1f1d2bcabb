"""Connections to PostgreSQL: a pool whose reset costs nothing, and the check of the role it has.

Nothing that outlives a transaction may be set on a pooled connection: settings by SET LOCAL only,
no session advisory lock, no LISTEN. That is why the reset may be a ROLLBACK and no more; asyncpg's own
reset is a second round trip that doubles the cost of a read.
"""

from __future__ import annotations

import asyncpg

from lienmach.base.errors import Unavailable
from lienmach.base.settings import SettingError


class Connection(asyncpg.Connection):
    """A connection that asyncpg resets by rolling an open transaction back and by nothing else."""

    def get_reset_query(self) -> str:
        return ""


async def connect_pool(url: str, *, min: int = 1, max: int = 10) -> asyncpg.Pool:
    """Open a pool and check its role. Raises Unavailable if nobody answers, SettingError for the role."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=min,
            max_size=max,
            connection_class=Connection,
            max_inactive_connection_lifetime=300.0,
            command_timeout=None,
            statement_cache_size=512,
            # Compiled searches repeat with other values: a plan made once serves them all for the session.
            server_settings={"application_name": "lienmach", "plan_cache_mode": "force_generic_plan", "jit": "off"},
        )
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
        raise Unavailable(f"The database does not answer: {error}") from error
    try:
        async with pool.acquire() as connection:
            await check_role(connection)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def check_role(connection: asyncpg.Connection) -> None:
    """Refuse to serve as a role that row-level security does not bind.

    Raises SettingError for a superuser, a role with BYPASSRLS, and the owner of the schema's tables
    (or a member of the owner): each would see every tenant's rows if a predicate were forgotten.
    """
    row = await connection.fetchrow(
        """select current_user as name, rolsuper, rolbypassrls,
                  exists (select from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
                           and pg_has_role(current_user, c.relowner, 'usage')) as owner
             from pg_roles where rolname = current_user"""
    )
    fault = (
        "is a superuser" if row["rolsuper"]
        else "has BYPASSRLS" if row["rolbypassrls"]
        else "owns the tables" if row["owner"]
        else ""
    )  # fmt: skip
    if fault:
        raise SettingError(
            f"The database role {row['name']} {fault}, so row-level security would not bind it; "
            "LIENMACH_DATABASE_URL needs a role like lienmach_app."
        )
