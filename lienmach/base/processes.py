"""What the kernel knows of a process, and how a child is made to end with its parent (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1

# Run by a bare interpreter between fork and exec. The kernel forgets the death signal when the user
# changes, so the order is: change user, ask for the signal, look whether the parent is still there.
SHIM = """
import ctypes, os, sys
uid, gid, parent, signum = map(int, sys.argv[1:5])
library = ctypes.CDLL(None)
os.umask(0o077)
if uid != os.geteuid():
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if signum:
    library.prctl(1, signum, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
os.execv(sys.argv[5], sys.argv[5:])
"""


def end_with_parent(parent: int, signum: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send us `signum` when the process that started us dies, however it dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def is_running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie that nobody has reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in ("Z", "X")


def running_in(folder: Path) -> list[int]:
    """Numbers of the running processes whose working folder is `folder`.

    PostgreSQL's processes all work in their data folder, so this finds a cluster also when its
    pid file is wrong, and orphans whose postmaster is dead.
    """
    wanted = os.path.realpath(folder)
    found = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.readlink(f"/proc/{name}/cwd") == wanted and is_running(int(name)):
                found.append(int(name))
        except OSError:
            continue
    return found


class Company:
    """A file that those who use something hold in common, and that its owner waits to have alone."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def join(self) -> None:
        """Be among the users until `leave` or death."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def is_over(self) -> bool:
        """Whether no other process is among the users."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def leave(self) -> None:
        """Be no user any more; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Lock:
    """An exclusive lock on a file, held by this process until `release` or death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self, words: str) -> str | None:
        """Take the lock and leave `words` in it; returns the words of the one who holds it otherwise."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 200).decode(errors="replace").strip()
            os.close(file)
            return holder or "another process"
        self._file = file
        with contextlib.suppress(OSError):  # the words are a courtesy; a full disk must not forbid the start
            os.ftruncate(file, 0)
            os.pwrite(file, words.encode(), 0)
        return None

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None
