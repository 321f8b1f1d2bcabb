"""The pages on this test's own database; `browser` of tests/conftest.py sits at them."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.base.settings import Settings
from lienmach.departments import registration
from lienmach.record.transaction import Store
from tests.web.client import build


@pytest.fixture
def app(store: Store, settings: Settings) -> Any:
    return build(store, settings, (registration.DEPARTMENT,))
