"""Who answers demo visits in place of portal, national prescriptions, bank and so on: the simulators.

Those that the settings name; else those of the node that runs on this home (`lienmach run` writes their addresses into
the home); else simulators of our own, started for as long as the command works. A home that is no demo is never
connected to a simulator: who calls this has made sure of it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from lienmach.base import errors
from lienmach.base.settings import PREFIX, Settings
from lienmach.commands import connections_file
from lienmach.commands.simulate import SIMULATORS

ACCOUNTS = {
    "insurance_user": "demo",
    "insurance_password": "demo",
    "prescription_facility": "86991,86992",
    "prescription_password": "demo",
    "einvoice_user": "demo",
    "einvoice_password": "demo",
}
_NAMED = {name: setting for name, (setting, _) in SIMULATORS.items() if setting}
_TRIES, _PAUSE_SECONDS = 200, 0.05


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with somebody who answers. Raises errors.Unavailable if our own simulators do not start."""
    if any(getattr(settings, _field(one)) for one in _NAMED.values()):
        yield settings
        return
    running = connections_file.read(settings.home)
    if running:
        yield _with(settings, running)
        return
    first = _free_ports(len(_NAMED))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lienmach", "simulate", *_NAMED, "--port", str(first), "--parent", str(os.getpid()),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _wait(first, len(_NAMED))
        yield _with(settings, addresses(first))
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def addresses(first: int) -> dict[str, str]:
    """The environment that names simulators listening at `first` and the ports after it, in the order of SIMULATORS."""
    found = {setting: f"http://127.0.0.1:{first + offset}" for offset, setting in enumerate(_NAMED.values())}
    return found | {PREFIX + name.upper(): value for name, value in ACCOUNTS.items()}


def _with(settings: Settings, environment: Mapping[str, str]) -> Settings:
    known = {_field(name): value for name, value in environment.items() if hasattr(settings, _field(name))}
    return replace(settings, **known)  # type: ignore[arg-type]


def _field(name: str) -> str:
    return name.removeprefix(PREFIX).lower()


def _free_ports(count: int) -> int:
    """The first of so many ports in a row that are free now."""
    for first in range(20_000 + os.getpid() % 20_000, 60_000, 37):
        probes: list[socket.socket] = []
        try:
            for offset in range(count):
                probes.append(socket.create_server(("127.0.0.1", first + offset)))
            return first
        except OSError:
            continue
        finally:
            for one in probes:
                one.close()
    raise errors.Unavailable("No free ports were found for the simulators.")


async def _wait(first: int, count: int) -> None:
    for offset in range(count):
        for _ in range(_TRIES):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", first + offset)
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            writer.close()
            break
        else:
            raise errors.Unavailable("The simulators of the demo visits did not start.")
