"""The pages of all departments on the test's own clinic; `browser` of tests/conftest.py sits at them."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.app import DEPARTMENTS
from tests.clinic import Clinic
from tests.web.client import build


@pytest.fixture
def app(clinic: Clinic) -> Any:
    """All pages, on the clinic."""
    return build(clinic.store, clinic.settings, DEPARTMENTS)
