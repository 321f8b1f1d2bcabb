"""A simulator at a free port: in this loop, or as a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx


class Simulator:
    """A running simulator. url: where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def fault(self, said: str, **more: Any) -> None:
        """Make it fail in this way from now on; "" ends it."""
        async with httpx.AsyncClient() as client:
            answer = await client.post(self.url + "/_fault", json={"fault": said, **more})
            assert answer.status_code == 200, answer.text

    async def state(self) -> dict[str, Any]:
        """What it remembers."""
        async with httpx.AsyncClient() as client:
            found: dict[str, Any] = (await client.get(self.url + "/_state")).json()
            return found


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.asynccontextmanager
async def here(module: Any, **options: Any) -> AsyncIterator[Simulator]:
    """Run it in this loop."""
    port = free_port()
    serving = asyncio.create_task(module.serve("127.0.0.1", port, **options))
    await _wait_for(port)
    try:
        yield Simulator(f"http://127.0.0.1:{port}")
    finally:
        serving.cancel()
        await asyncio.wait([serving])


class Process(Simulator):
    """One in a process of its own; `kill` ends it without a word, `start` begins another one at the same port."""

    def __init__(self, name: str) -> None:
        self.name, self.port = name, free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        command = [sys.executable, "-m", "lienmach", "simulate", self.name, "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        await _wait_for(self.port)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


async def _wait_for(port: int) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the simulator did not start")
