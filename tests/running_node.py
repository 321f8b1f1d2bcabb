"""A node as people run it: `lienmach` as a process, with a home and an address of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lienmach.base import postgres, postgres_place, processes
from lienmach.base.settings import Settings

ROOT = Path(postgres.__file__).parents[2]
PATIENCE_SECONDS = 90.0


class Node:
    """A home and an address; `run` starts a node there as a process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.process: subprocess.Popen[str] | None = None
        self.output = home.with_name(home.name + ".log")

    def start(self, *args: str) -> subprocess.Popen[str]:
        with open(self.output, "w") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lienmach", *args],
                stdout=sink,
                stderr=sink,
                text=True,
                cwd=ROOT,
                env=self.environment(),
            )
        return self.process

    def run(self) -> subprocess.Popen[str]:
        process = self.start("run", "--empty")
        self.wait(lambda: "Ready after" in self.said())
        return process

    def command(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lienmach", *args],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.environment(),
            timeout=60,
        )

    def environment(self) -> dict[str, str]:
        mine = {"LIENMACH_HOME": str(self.home), "LIENMACH_HTTP": self.address, "LIENMACH_DISK_LOW_MB": "2",
                "LIENMACH_DISK_FULL_MB": "1", "LIENMACH_DISK_RESERVE_MB": "1"}  # fmt: skip
        return {**{name: value for name, value in os.environ.items() if not name.startswith("LIENMACH_")}, **mine}

    def said(self) -> str:
        return self.output.read_text()

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen in time:\n{self.said()}"
            assert self.process is None or self.process.poll() is None, f"the node ended:\n{self.said()}"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=2) as answer:
                return json.load(answer)["ready"] is True
        except (OSError, urllib.error.URLError):
            return False

    def web_pids(self) -> list[int]:
        assert self.process is not None
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "lienmach serve"], capture_output=True, text=True
        )
        return [int(one) for one in found.stdout.split()]

    def database_pids(self) -> list[int]:
        place = postgres_place.find(Settings(home=self.home))
        return processes.running_in(place.data) if place is not None else []

    def postmaster(self) -> int:
        place = postgres_place.find(Settings(home=self.home))
        assert place is not None
        return int((place.data / "postmaster.pid").read_text().split("\n")[0])
