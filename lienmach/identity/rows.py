"""A connection that sees one tenant: the way by which identity reads and writes its own tables."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


@asynccontextmanager
async def of_tenant(pool: asyncpg.Pool, tenant: int) -> AsyncIterator[asyncpg.Connection]:
    """One short transaction in which row-level security shows the rows of this tenant only."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', $1, true)", str(tenant))
        yield connection


async def tenant_of(pool: asyncpg.Pool, slug: str) -> int | None:
    """Number of the tenant with this slug."""
    return await pool.fetchval("select tenant from tenant where slug = $1", slug)


def new_secret(prefix: str = "") -> tuple[str, bytes]:
    """A fresh secret of 256 random bits as text, and the SHA-256 under which it is stored."""
    text = prefix + secrets.token_urlsafe(32)
    return text, digest(text)


def digest(secret: str) -> bytes:
    """SHA-256 of a secret. No salt or stretching: the secret itself has 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()
