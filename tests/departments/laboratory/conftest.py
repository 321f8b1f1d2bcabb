"""A clinic with a signed laboratory order, an analyser on a real socket, and browsers at the pages."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lab_world import Lab, Wire, free_port

from lienmach.departments import laboratory
from lienmach.departments.laboratory import listener, machines
from lienmach.departments.laboratory.conversations import Limits
from lienmach.simulators import analyser as simulator
from lienmach.simulators import faults
from tests.clinic import Clinic
from tests.web.client import Browser, build

CODES = {"K": "K", "NA": "NA", "CL": "CL"}


@pytest.fixture
def app(clinic: Clinic) -> Any:
    """The pages of the laboratory alone."""
    return build(clinic.store, clinic.settings, (laboratory.DEPARTMENT,))


@pytest.fixture
async def lab(clinic: Clinic) -> Lab:
    """The laboratory with one analyser."""
    one = Lab(clinic)

    async def add(tx: Any) -> str:
        return await machines.add(tx, code="SIM-1", name="Máy sinh hoá (mẫu)", dialect="hl7")

    one.analyser_id = await one.run(add)

    async def map_codes(tx: Any) -> None:
        for code, indicator in CODES.items():
            await machines.map_code(tx, one.analyser_id, code, indicator)

    await one.run(map_codes)
    return one


@pytest.fixture
async def wire(clinic: Clinic, lab: Lab) -> AsyncIterator[Wire]:
    """Listening for this test."""
    ports = free_port(), free_port()
    settings = dataclasses.replace(clinic.settings, mllp=f"127.0.0.1:{ports[0]}", astm=f"127.0.0.1:{ports[1]}")
    stop, ready = asyncio.Event(), asyncio.Event()
    listening = asyncio.create_task(
        listener.listen(
            clinic.store, settings, stop=stop, ready=ready, limits=Limits(message_bytes_max=20_000, idle_seconds=5)
        )
    )
    await ready.wait()
    hl7, astm = ("127.0.0.1", ports[0]), ("127.0.0.1", ports[1])
    yield Wire(hl7, astm, simulator.Analyser("SIM-1", hl7, astm, faults.Faults(), random.Random(1)))
    stop.set()
    await listening


@pytest.fixture
async def as_role(browser_at: Callable[..., Browser]) -> Callable[..., Any]:
    """A browser where an account of this role has signed in."""

    async def sign_in(login: str) -> Browser:
        browser = browser_at()
        answer = await browser.sign_in(login)
        assert answer.status_code == 303
        await browser.get("/password")
        return browser

    return sign_in
