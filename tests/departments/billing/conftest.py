"""People of the cashier's desk, signed in on the test's own clinic, and visits whose money waits."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.care import money_visits
from tests.care.money_visits import MoneyVisits
from tests.clinic import PIN, Clinic
from tests.web.client import Browser

__all__ = ["PIN"]


@pytest.fixture
async def visits(clinic: Clinic) -> MoneyVisits:
    """A clinic with a small price list."""
    return await money_visits.open_clinic(clinic)


@pytest.fixture
async def cashier(clinic: Clinic, browser_at: Callable[..., Browser]) -> Browser:
    """A cashier with a signing key, signed in, without a shift."""
    await clinic.signer("cashier")
    found = browser_at()
    await found.sign_in("cashier")
    return found


def field(browser: Browser, name: str, form: str = "") -> str:
    """The value of the first field of this name on the last page, behind the form of this action if one is named."""
    page = browser.page.partition(f'action="{form}"')[2] if form else browser.page
    found = re.search(rf'name="{name}" (?:type="\w+" )?(?:[^>]*?)value="([^"]*)"', page)
    assert found, f"the page has no field {name}"
    return found[1]
