"""The pages of signing on this test's own database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lienmach.base.settings import Settings
from lienmach.departments import signing
from lienmach.record.transaction import Store
from tests.web.client import Browser, add_user, build


@pytest.fixture
def app(store: Store, settings: Settings) -> Any:
    return build(store, settings, (signing.DEPARTMENT,))


@pytest.fixture
async def doctor(browser_at: Callable[..., Browser], store: Store) -> Browser:
    """A doctor who has signed in."""
    await add_user(store.pool, "bacsi", "doctor")
    browser = browser_at()
    await browser.sign_in("bacsi")
    return browser
