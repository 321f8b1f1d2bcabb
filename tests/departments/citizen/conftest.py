"""One's own record at the test's clinic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from tests.clinic import Clinic
from tests.departments.citizen.own_world import OwnRecord, sending
from tests.web.client import Browser


@pytest.fixture
def own(clinic: Clinic, browser_at: Callable[..., Browser]) -> OwnRecord:
    """The clinic sends messages."""
    sending(clinic)
    return OwnRecord(clinic, browser_at)


@pytest.fixture
async def owner(clinic: Clinic) -> AsyncIterator[asyncpg.Connection]:
    """The database as the owner of its schema sees it."""
    connection = await asyncpg.connect(clinic.settings.database_owner_url)
    yield connection
    await connection.close()
