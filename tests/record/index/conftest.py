"""The shelf of one test: index tables of a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.record.index.shelves import Shelf


@pytest.fixture
async def shelf(pool: asyncpg.Pool) -> AsyncIterator[Shelf]:
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        yield Shelf(connection)
        await transaction.rollback()
