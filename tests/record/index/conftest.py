"""The shelf of one test: a transaction on a database that all tests of this folder share, rolled back at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from tests.record.index.shelves import Shelf


@pytest.fixture(scope="session")
def shelves_url(database: Any) -> Iterator[str]:
    """A migrated database that nobody commits to."""
    name = database.create()
    yield database.url("app", name)
    database.drop(name)


@pytest.fixture
async def shelf(shelves_url: str) -> AsyncIterator[Shelf]:
    connection = await asyncpg.connect(shelves_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("select set_config('lienmach.tenant', '1', true)")
    yield Shelf(connection)
    await transaction.rollback()
    await connection.close()
