"""The pool hands out clean connections and serves only under a role that row-level security binds."""

from __future__ import annotations

import asyncpg
import pytest

from lienmach.base import db
from lienmach.base.errors import Unavailable
from lienmach.base.settings import SettingError


async def test_a_connection_left_in_a_transaction_comes_back_clean(store_url: str) -> None:
    pool = await db.connect_pool(store_url, min=1, max=1)
    try:
        pool._loop.set_exception_handler(lambda *_: None)  # asyncpg reports the transaction that we leave open
        async with pool.acquire() as connection:
            await connection.execute("begin")
            await connection.execute("set local lienmach.tenant = '7'")
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()
            assert await connection.fetchval("select current_setting('lienmach.tenant', true)") in (None, "")
    finally:
        await pool.close()


async def test_a_connection_after_an_error_in_a_transaction_comes_back_clean(store_url: str) -> None:
    pool = await db.connect_pool(store_url, min=1, max=1)
    try:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("select 1/0")
        assert await pool.fetchval("select 1") == 1
    finally:
        await pool.close()


@pytest.mark.parametrize(("role", "fault"), [("owner", "owns the tables"), ("superuser", "is a superuser")])
async def test_a_role_above_row_level_security_is_refused(database, database_name: str, role: str, fault: str) -> None:
    with pytest.raises(SettingError, match=fault):
        await db.connect_pool(database.url(role, database_name))


async def test_a_role_with_bypassrls_is_refused(database, database_name: str) -> None:
    connection = await asyncpg.connect(database.url("superuser", database_name))
    try:
        await connection.execute("create role seer bypassrls")
        async with connection.transaction():
            await connection.execute("set local role seer")
            with pytest.raises(SettingError, match="BYPASSRLS"):
                await db.check_role(connection)
    finally:
        await connection.execute("drop role seer")
        await connection.close()


async def test_a_database_that_is_away_is_unavailable(tmp_path) -> None:
    with pytest.raises(Unavailable):
        await db.connect_pool(f"postgresql://lienmach_app@/lienmach?host={tmp_path}&port=5432")
