"""A node's database for a command: the one that runs, or one started for the command alone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from lienmach.base import db, migrate, postgres
from lienmach.base.errors import Conflict, Unavailable
from lienmach.base.settings import Settings
from lienmach.record import tenants

log = logging.getLogger(__name__)

_PACKAGE = Path(__file__).parent.parent
_ROOMS = ("base", "record", "identity", "care")
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class Node:
    """settings: with the database's URL filled in. cluster: None where the database is given by URL."""

    settings: Settings
    pool: asyncpg.Pool
    cluster: postgres.Cluster | None


@asynccontextmanager
async def attached(settings: Settings) -> AsyncIterator[Node]:
    """The node's database: by URL, or the embedded one, started for us if it does not run.

    A database that we started is migrated and stopped at the end. Raises Unavailable if a running
    one waits for a migration, Conflict if another process holds the home without a database.
    """
    cluster = None
    if not settings.database_url:
        cluster = await _find_or_start(settings)
        settings = with_urls(settings, cluster)
    try:
        if cluster is not None and cluster.child is not None:
            await prepare(settings, cluster)
        await check_up_to_date(settings)
        assert settings.database_url is not None
        pool = await db.connect_pool(settings.database_url, min=settings.pool_min, max=settings.pool_max)
        try:
            yield Node(settings, pool, cluster)
        finally:
            await pool.close()
    finally:
        if cluster is not None:
            cluster.stop(after_others=True)


def with_urls(settings: Settings, cluster: postgres.Cluster) -> Settings:
    """The settings with the URLs of an embedded database."""
    return replace(settings, database_url=cluster.url("app"), database_owner_url=cluster.url("owner"))


async def prepare(settings: Settings, cluster: postgres.Cluster | None) -> list[str]:
    """Schema and first tenant, `main`, of a database that may be new; returns the migrations that ran."""
    done = await bring_up_to_date(settings, cluster)
    owner = await asyncpg.connect(settings.database_owner_url)
    try:
        if not await owner.fetchval("select exists (select from tenant)"):
            await tenants.add(owner, "main", "Cơ sở chính")
    finally:
        await owner.close()
    return done


async def check_up_to_date(settings: Settings) -> None:
    """Raise Unavailable if migrations wait, or if nobody answers at the database's URL."""
    assert settings.database_url is not None
    try:
        waiting = await migrate.pending(settings.database_url, schema_folders())
    except (OSError, asyncpg.PostgresError) as error:
        raise Unavailable(f"The database does not answer ({type(error).__name__}).") from error
    if waiting:
        raise Unavailable(f"The database waits for {', '.join(waiting)}; run `lienmach migrate` first.")


async def bring_up_to_date(settings: Settings, cluster: postgres.Cluster | None, *, dry_run: bool = False) -> list[str]:
    """Run the migrations that wait, and return their labels. Raises Unavailable without an owner's URL."""
    if not settings.database_owner_url:
        raise Unavailable("LIENMACH_DATABASE_OWNER_URL is not set: the role that owns the schema has to migrate.")
    superuser = cluster.url("superuser") if cluster is not None else None
    return await migrate.migrate(settings.database_owner_url, superuser, schema_folders(), dry_run=dry_run)


def schema_folders() -> list[Path]:
    """The rooms' folders of SQL files, in the order of the house; departments after them, by name."""
    departments = sorted((_PACKAGE / "departments").glob("*/schema"))
    return [one for one in (*(_PACKAGE / room / "schema" for room in _ROOMS), *departments) if one.is_dir()]


async def _find_or_start(settings: Settings) -> postgres.Cluster:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        cluster = postgres.attach(settings)
        if cluster is not None:
            return cluster
        try:
            # Blocks the loop for a moment; the main thread must do it, see postgres.start.
            return postgres.start(settings)
        except Conflict:  # a node that is just starting or stopping holds the home
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
