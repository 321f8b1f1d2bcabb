"""The pages of all departments on the test's own clinic, and browsers at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lienmach.app import DEPARTMENTS
from tests.clinic import Clinic
from tests.web.client import Browser, build


@pytest.fixture
def app(clinic: Clinic) -> Any:
    """All pages, on the clinic."""
    return build(clinic.store, clinic.settings, DEPARTMENTS)


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
    """One browser; nobody has signed in."""
    return browser_at()
