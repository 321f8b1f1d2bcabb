"""A child process of the supervisor: started, listened to until it is ready, started again when it dies."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time

log = logging.getLogger(__name__)

_BACKOFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STABLE_SECONDS = 60.0


class Child:
    """One `lienmach` command as a process in its own session, so that a Ctrl-C reaches only the supervisor.

    tells_ready: it is given a pipe by --ready-fd and writes to it when its door is open. Started with
    `waits`, it loads its code and then waits for `go`: half of a start is imports, and the database
    starts meanwhile.
    """

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], *, pass_fds: tuple[int, ...] = (),
        tells_ready: bool = False,
    ) -> None:  # fmt: skip
        self.name = name
        self.command = command
        self.environment = environment
        self.pass_fds = pass_fds
        self.tells_ready = tells_ready
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_fd: int | None = None
        self.deaths_in_a_row = 0
        self._go: int | None = None
        self._started_at = 0.0
        self._died_at: float | None = None
        self._was_ready = False

    def start(self, *, waits: bool = False) -> None:
        """Start it; call it from the main thread (the kernel ties the child to the thread)."""
        extra, theirs = ["--parent", str(os.getpid())], []
        if self.tells_ready:
            self._forget_pipe()
            self._was_ready = False
            self.ready_fd, write = os.pipe()
            extra += ["--ready-fd", str(write)]
            theirs.append(write)
        if waits:
            read, self._go = os.pipe()
            extra += ["--go-fd", str(read)]
            theirs.append(read)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lienmach", *self.command, *extra], env=self.environment, stdin=subprocess.DEVNULL,
            pass_fds=(*self.pass_fds, *theirs), start_new_session=True,
        )  # fmt: skip
        for fd in theirs:
            os.close(fd)
        self._started_at = time.monotonic()
        self._died_at = None

    def go(self, database_url: str) -> None:
        """Tell one that waits that the database is ready, and where it is."""
        if self._go is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._go, database_url.encode())
            os.close(self._go)
            self._go = None

    def is_ready(self) -> bool:
        """Whether it said so; one that tells nothing is ready once it runs."""
        return self.is_running() and (self._said_ready() or not self.tells_ready)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def has_ended(self) -> bool:
        """Whether it ran and does not any more; counts and logs each death once."""
        if self.process is None or self.process.poll() is None:
            return False
        if self._died_at is None:
            self._died_at = time.monotonic()
            if self._died_at - self._started_at > _STABLE_SECONDS:
                self.deaths_in_a_row = 0
            elif self._said_ready():  # it served, so it is not its start that fails: nobody waits long for it
                self.deaths_in_a_row = min(self.deaths_in_a_row, 1)
            self.deaths_in_a_row += 1
            if self.process.returncode != 0:
                log.error("The process `%s` ended (%s)", self.name, _how(self.process.returncode))
        return True

    def start_again_if_due(self) -> None:
        """Start it again after a pause that grows with each death in a row."""
        pause = _BACKOFF_SECONDS[min(self.deaths_in_a_row - 1, len(_BACKOFF_SECONDS) - 1)]
        if self._died_at is not None and time.monotonic() - self._died_at >= pause:
            log.info("Starting `%s` again", self.name)
            self.start()

    def _said_ready(self) -> bool:
        if self.ready_fd is not None:
            os.set_blocking(self.ready_fd, False)
            try:
                self._was_ready = os.read(self.ready_fd, 1) == b"1"
            except BlockingIOError:
                return False
            self._forget_pipe()
        return self._was_ready

    def ask_to_stop(self) -> None:
        if self.is_running():
            assert self.process is not None
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self.is_running():
            assert self.process is not None
            log.warning("The process `%s` does not stop and is killed", self.name)
            self.process.kill()

    def _forget_pipe(self) -> None:
        if self.ready_fd is not None:
            os.close(self.ready_fd)
            self.ready_fd = None


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
