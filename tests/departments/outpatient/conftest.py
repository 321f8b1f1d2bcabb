"""The pages of the outpatient department beside those that app.py names, on the test's own clinic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lienmach.app import DEPARTMENTS
from lienmach.care import facility, signing
from lienmach.departments import outpatient
from tests.clinic import Clinic
from tests.web.client import Browser, build

PIN = "583914"


@pytest.fixture
def app(clinic: Clinic) -> Any:
    if outpatient.DEPARTMENT in DEPARTMENTS:
        return build(clinic.store, clinic.settings, DEPARTMENTS)
    for kind, guard in outpatient.DEPARTMENT.guards:
        clinic.store.guards.setdefault(kind, []).append(guard)
    return build(clinic.store, clinic.settings, (*DEPARTMENTS, outpatient.DEPARTMENT))


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
