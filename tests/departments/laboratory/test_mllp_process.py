"""The listener and the simulator as processes of their own: killed at any step, nothing is lost or stored twice."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from lab_world import exchange, free_port, oru

import lienmach
from lienmach.base.settings import Settings
from lienmach.departments.laboratory import facts

ROOT = Path(lienmach.__file__).parents[1]


@asynccontextmanager
async def process(
    settings: Settings, *arguments: str, ports: tuple[int, ...]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command of ours, ready when its ports answer; killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LIENMACH_HOME": str(settings.home)}
    for name in ("database_url", "database_owner_url", "mllp", "astm"):
        environment[f"LIENMACH_{name.upper()}"] = str(getattr(settings, name))
    environment |= {"LIENMACH_DISK_LOW_MB": "2", "LIENMACH_DISK_FULL_MB": "1"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lienmach", *arguments, env=environment, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        for port in ports:
            await _answers(child, port)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _answers(child: asyncio.subprocess.Process, port: int) -> None:
    for _ in range(600):
        assert child.returncode is None, "the process ended at once"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("nobody listens")


@pytest.fixture
def places(clinic: Any) -> tuple[Settings, int, int]:
    ports = free_port(), free_port()
    clinic.settings.home.mkdir(parents=True, exist_ok=True)
    return (
        dataclasses.replace(clinic.settings, mllp=f"127.0.0.1:{ports[0]}", astm=f"127.0.0.1:{ports[1]}"),
        ports[0],
        ports[1],
    )


async def test_a_listener_that_is_killed_acknowledges_only_what_is_stored(lab: Any, places: Any) -> None:
    settings, hl7, astm = places
    tube = await lab.tube("XN-DIEN-GIAI")
    message = oru(tube, "K", "6.8")
    async with process(settings, "mllp", ports=(hl7, astm)) as child:
        sending = asyncio.create_task(exchange(("127.0.0.1", hl7), message))
        await asyncio.sleep(0)
        child.kill()
        await child.wait()
        try:
            was_told = b"|AA|" in await sending
        except (OSError, asyncio.IncompleteReadError):
            was_told = False
    assert facts.has_value(await lab.value(tube, "K")) or not was_told
    async with process(settings, "mllp", ports=(hl7, astm)):
        assert b"|AA|" in await exchange(("127.0.0.1", hl7), message)  # the analyser sends it again
    assert (await lab.value(tube, "K"))["meta"]["versionId"] == "1"
    assert len(await lab.find("Task", ("code", "critical-result"))) == 1


async def test_the_simulator_measures_a_tube_by_both_protocols(lab: Any, wire: Any, clinic: Any) -> None:
    tube, other, door = await lab.tube("XN-DIEN-GIAI"), await lab.tube("XN-DIEN-GIAI"), free_port()
    clinic.settings.home.mkdir(parents=True, exist_ok=True)
    addresses = [f"{name}={host}:{port}" for name, (host, port) in (("mllp", wire.hl7), ("astm", wire.astm))]
    arguments = ["simulate", "analyser", "--port", str(door), *(part for one in addresses for part in ("--with", one))]
    async with process(clinic.settings, *arguments, ports=(door,)), httpx.AsyncClient(timeout=30) as client:
        at = f"http://127.0.0.1:{door}"
        told = (await client.post(f"{at}/send", json={"tube": tube})).json()
        assert sorted(told["asked"]) == ["CL", "K", "NA"] and told["answer"] == "AA"
        told = (
            await client.post(f"{at}/send", json={"tube": other, "results": {"K": "6.8"}, "dialect": "astm"})
        ).json()
        assert told["answer"] == "ACK"
        assert (await client.post(f"{at}/send", content=b"nonsense")).status_code == 400
        assert (await client.post(f"{at}/_fault", json={"fault": "down"})).json() == {"fault": "down:1"}
        assert (await client.post(f"{at}/send", json={"tube": tube})).status_code == 502
        assert len((await client.get(f"{at}/_state")).json()["log"]) == 2
    assert all(facts.has_value(one.observation) for one in (await lab.panel(tube)).tests)
    assert facts.flag_of(await lab.value(other, "K")) == "HH"
