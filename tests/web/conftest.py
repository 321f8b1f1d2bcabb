"""The pages on this test's own database, and browsers at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lienmach.base.settings import Settings
from lienmach.departments import registration
from lienmach.record.transaction import Store
from tests.web.client import Browser, build


@pytest.fixture
def app(store: Store, settings: Settings) -> Any:
    return build(store, settings, (registration.DEPARTMENT,))


@pytest.fixture
async def browser_at(app: Any) -> AsyncIterator[Callable[..., Browser]]:
    """Makes a browser at a network address."""
    made: list[Browser] = []

    def make(address: str = "127.0.0.1") -> Browser:
        made.append(Browser(app, address))
        return made[-1]

    yield make
    for one in made:
        await one.client.aclose()


@pytest.fixture
def browser(browser_at: Callable[..., Browser]) -> Browser:
    return browser_at()
