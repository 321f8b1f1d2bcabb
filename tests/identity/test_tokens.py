"""Bearer tokens: issued once, found by hash, over when they are over."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from lienmach.base import clock
from lienmach.identity import rows, tokens
from lienmach.record.transaction import Store


async def test_a_token_stands_for_its_roles_in_its_tenant(store: Store, pool: asyncpg.Pool) -> None:
    token = await tokens.issue(pool, 2, role_names=["lab", "nurse"], user="may-xn", now=clock.now())
    actor = await tokens.actor_of(pool, token, address="10.0.0.9")
    assert actor is not None
    assert (actor.tenant, actor.user, actor.roles, actor.address) == (2, "may-xn", {"lab", "nurse"}, "10.0.0.9")


@pytest.mark.parametrize("forged", ["", "lm_", "lm_" + "a" * 43, "Bearer x", "lm_" + "a" * 5000])
async def test_a_forged_token_is_nobody(store: Store, pool: asyncpg.Pool, forged: str) -> None:
    assert await tokens.actor_of(pool, forged) is None


async def test_a_token_ends(store: Store, pool: asyncpg.Pool) -> None:
    now = clock.now()
    over = await tokens.issue(
        pool, 1, role_names=["system"], user="x", now=now - timedelta(days=2), life=timedelta(days=2)
    )
    alive = await tokens.issue(pool, 1, role_names=["system"], user="x", now=now, life=timedelta(minutes=1))
    assert await tokens.actor_of(pool, over) is None
    assert await tokens.actor_of(pool, alive) is not None


async def test_a_revoked_token_is_nobody_at_once_here(store: Store, pool: asyncpg.Pool) -> None:
    token = await tokens.issue(pool, 1, role_names=["system"], user="x", now=clock.now())
    assert await tokens.actor_of(pool, token) is not None
    assert not await tokens.revoke(pool, 2, token)  # not of that tenant
    assert await tokens.revoke(pool, 1, token)
    assert await tokens.actor_of(pool, token) is None


async def test_an_unknown_role_gets_no_token(store: Store, pool: asyncpg.Pool) -> None:
    for names in ([], ["wizard"], ["doctor", "wizard"]):
        with pytest.raises(ValueError, match="the roles are"):
            await tokens.issue(pool, 1, role_names=names, user="x", now=clock.now())


async def test_the_token_itself_is_not_stored(store: Store, pool: asyncpg.Pool) -> None:
    token = await tokens.issue(pool, 1, role_names=["system"], user="x", now=clock.now())
    async with rows.of_tenant(pool, 1) as connection:
        assert token not in str(await connection.fetchrow("select * from token"))
