"""People of the outpatient department, signed in on the test's own clinic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lienmach.care import facility, signing
from tests.clinic import Clinic
from tests.web.client import Browser

PIN = "583914"


@pytest.fixture
async def doctor(clinic: Clinic, browser_at: Callable[..., Browser]) -> Browser:
    """A doctor with a signing key, signed in."""
    await signing.ensure(clinic.store, clinic.actor("doctor"), PIN)
    found = browser_at()
    await found.sign_in("doctor")
    return found


@pytest.fixture
async def nurse(browser_at: Callable[..., Browser]) -> Browser:
    found = browser_at()
    await found.sign_in("nurse")
    return found


@pytest.fixture
def seat(clinic: Clinic) -> Callable[..., Awaitable[str]]:
    """Sits a person down in the first examination room; returns its id."""

    async def sit(login: str = "doctor") -> str:
        room = await clinic.room("exam")

        async def work(tx: Any) -> None:
            facility.set_workplace(tx, room.id)

        role = "doctor" if login.startswith("doctor") else login
        await clinic.store.run(clinic.actor(role, login), work)
        return room.id

    return sit
