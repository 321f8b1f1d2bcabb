"""Tenants: the data controllers of this node, read once and kept; adding one is the owner's work."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import asyncpg

from lienmach.base import errors

_FIRST_HASH = bytes(32)  # what the chain of every tenant starts from


@dataclass(frozen=True)
class Tenant:
    """number: key of all rows. slug: name in commands. term_seed: seed of this tenant's search terms."""

    number: int
    slug: str
    name: str
    time_zone: ZoneInfo
    term_seed: int
    references_must_resolve: bool = False


async def load_all(connection: asyncpg.Connection) -> dict[int, Tenant]:
    """All tenants of this node by number."""
    found = await connection.fetch("select * from tenant order by tenant")
    return {
        row["tenant"]: Tenant(
            row["tenant"],
            row["slug"],
            row["name"],
            ZoneInfo(row["time_zone"]),
            row["term_seed"],
            row["references_must_resolve"],
        )
        for row in found
    }


async def add(connection: asyncpg.Connection, slug: str, name: str, *, references_must_resolve: bool = False) -> int:
    """Add a tenant with an empty chain, as the owner role, and return its number.

    slug: 1 to 40 of a-z, 0-9 and `-`. Raises errors.Invalid for another one, errors.Conflict if it is taken.
    """
    if not (0 < len(slug) <= 40 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in slug)):
        raise errors.Invalid(f"A tenant's slug has 1 to 40 of a-z, 0-9 and '-'; this is not one: {slug[:80]}")
    seed = secrets.randbits(63)
    async with connection.transaction():
        await connection.execute("lock table tenant in exclusive mode")
        number: int = await connection.fetchval("select coalesce(max(tenant), 0) + 1 from tenant")
        if await connection.fetchval("select 1 from tenant where slug = $1", slug):
            raise errors.Conflict(f"There is a tenant '{slug}' already.")
        await connection.execute(
            "insert into tenant (tenant, slug, name, term_seed, references_must_resolve) values ($1, $2, $3, $4, $5)",
            number,
            slug,
            name,
            seed,
            references_must_resolve,
        )
        await connection.execute("insert into ledger values ($1, 0, $2)", number, _FIRST_HASH)
    return number
