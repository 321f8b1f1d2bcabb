"""A node of its own on a scratch home: started, asked for a token, filled by its import, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from lienmach.bench import processes

_READY_SECONDS_MAX = 90.0
_POLL_SECONDS = 0.02


class Failed(Exception):
    """The node did not do what a benchmark needs; its last words are in the text."""


class Node:
    """One node. home: its scratch folder. options: further settings, LIENMACH_… names. is_demo: with clinic and logins."""

    def __init__(self, home: Path, options: dict[str, str], *, is_demo: bool = False) -> None:
        self.home = home
        self.is_demo = is_demo
        self.host = "127.0.0.1"
        self.port = _free_port()
        self.log = home.parent / f"{home.name}.log"
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("LIENMACH_")}
        self.environment |= {"LIENMACH_HOME": str(home), "LIENMACH_HTTP": f"{self.host}:{self.port}", **options}
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Start it, empty or as a demo, and return the seconds until it was ready."""
        begun = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lienmach", "run", *([] if self.is_demo else ["--empty"])],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while time.monotonic() - begun < _READY_SECONDS_MAX:
            if self.process.poll() is not None:
                raise Failed(f"The node ended with {self.process.returncode}: {self._last_words()}")
            if self._is_ready():
                return time.monotonic() - begun
            time.sleep(_POLL_SECONDS)
        raise Failed(f"The node was not ready after {_READY_SECONDS_MAX:.0f} s: {self._last_words()}")

    def stop(self) -> float:
        """Stop it as Ctrl-C does; returns the seconds that it took."""
        if self.process is None or self.process.poll() is not None:
            return 0.0
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - begun

    def fetch_token(self) -> None:
        """A token of role `system`."""
        done = subprocess.run(
            [sys.executable, "-m", "lienmach", "token", "--role", "system"],
            env=self.environment,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f"lienmach token: {done.stderr.decode()[-400:]}")
        self.token = done.stdout.decode().split()[-1]

    def load(self, file: Path) -> tuple[float, float]:
        """`lienmach import file`; returns (CPU seconds of the command and of the node meanwhile, seconds by the wall)."""
        before, begun = processes.cpu_seconds(self.pid), time.monotonic()
        command = subprocess.Popen(
            [sys.executable, "-m", "lienmach", "import", str(file)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert command.stdout is not None
        said = command.stdout.read()
        _, status, usage = os.wait4(command.pid, 0)
        command.returncode = os.waitstatus_to_exitcode(status)
        if command.returncode:
            raise Failed(f"lienmach import: {said.decode()[-600:]}")
        seconds = time.monotonic() - begun
        return usage.ru_utime + usage.ru_stime + processes.cpu_seconds(self.pid) - before, seconds

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def _last_words(self) -> str:
        return self.log.read_text("utf-8", "replace")[-800:] if self.log.exists() else ""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
