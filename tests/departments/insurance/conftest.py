"""What the pages of the insurance desk are tested on: a clinic with a small price list and visits that are signed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.care import money_visits
from tests.care.money_visits import MoneyVisits
from tests.clinic import Clinic
from tests.departments.insurance.claim_visits import ClaimVisits
from tests.web.client import Browser


@pytest.fixture
async def visits(clinic: Clinic) -> MoneyVisits:
    """A clinic with a small price list."""
    return await money_visits.open_clinic(clinic)


@pytest.fixture
async def officer(clinic: Clinic, browser_at: Callable[..., Browser]) -> Callable[..., Awaitable[Browser]]:
    """Signs somebody in at the desk, with a signing key."""

    async def sit(role: str = "insurance") -> Browser:
        await clinic.signer(role)
        browser = browser_at()
        await browser.sign_in(role)
        return browser

    return sit


@pytest.fixture
def sendings(visits: MoneyVisits) -> ClaimVisits:
    """What happens to claims."""
    return ClaimVisits(visits)
