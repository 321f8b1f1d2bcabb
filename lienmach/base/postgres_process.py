"""The postmaster as a process: make the cluster, launch it, wait until it is ready, end it.

Nothing here trusts `postmaster.pid` alone: its number may belong to a dead process, to a zombie in
a container whose first process does not reap, or to somebody else who was given the number since.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from lienmach.base import postgres_config, processes
from lienmach.base.errors import Unavailable
from lienmach.base.postgres_place import Place
from lienmach.base.settings import Settings

log = logging.getLogger(__name__)

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}  # no PG… of the person who started us
_LOG_BYTES_MAX = 10 * 2**20


def initialise(settings: Settings, place: Place) -> None:
    """Make the cluster, roles and database; does nothing if they are there.

    All is done in a folder beside and renamed at the end: a first start that was cut off leaves
    nothing half made.
    """
    if (place.data / "PG_VERSION").exists():
        return
    half = place.folder / "data.part"
    shutil.rmtree(half, ignore_errors=True)
    superuser = postgres_config.ROLES["superuser"]
    _run(place, "initdb", "-D", str(half), "-U", superuser, "-E", "UTF8", "--locale-provider=builtin",
         "--builtin-locale=C.UTF-8", "--locale=C", "--auth=peer", "--no-instructions", "--no-sync")  # fmt: skip
    postgres_config.write(settings, place, half, {})
    # One statement is one line here: single-user mode ends a statement at the line's end.
    _run(place, "postgres", "--single", "-j", "-D", str(half), "template1",
         words=postgres_config.FIRST_BOOT.replace(";\n", ";\n\n"))  # fmt: skip
    _run(place, "initdb", "-D", str(half), "--sync-only")
    half.rename(place.data)


def launch(place: Place) -> subprocess.Popen[bytes]:
    """Start the postmaster as our child, in its own session, and return when it takes connections.

    It stops by itself when this process dies: the kernel sends it a fast shutdown. Recovery may take
    long and is waited for; a postmaster that ends raises Unavailable with its last words.
    """
    _rotate(place.log)
    # The death signal follows the *thread* that forked; only the main thread lives as long as we do.
    signum = signal.SIGINT if threading.current_thread() is threading.main_thread() else 0
    with open(place.log, "ab") as sink:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", processes.SHIM, str(place.uid), str(place.gid), str(os.getpid()),
             str(int(signum)), str(place.binaries / "postgres"), "-D", str(place.data)],
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd="/", env=_ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
    started, told = time.monotonic(), 10.0
    while not is_ready(place, child.pid):
        if child.poll() is not None:
            raise Unavailable(f"PostgreSQL did not start (exit {child.returncode}): {last_words(place)}")
        if time.monotonic() - started > told:
            log.info("PostgreSQL is recovering, %d s so far", told)
            told += 10
        time.sleep(0.01)
    return child


def is_ready(place: Place, pid: int | None = None) -> bool:
    """Whether the postmaster (of this pid, if given) says in its pid file that it takes connections."""
    try:
        lines = (place.data / "postmaster.pid").read_text().split("\n")
    except OSError:
        return False
    if len(lines) < 8 or lines[7].strip() != "ready":
        return False
    if pid is not None:
        return lines[0].strip() == str(pid)
    return lines[0].strip().isdecimal() and int(lines[0]) in processes.running_in(place.data)


def end(place: Place, seconds: float) -> None:
    """Stop whatever runs on this data folder: fast, then immediate, then by force. Safe to call twice.

    Killing is harmless to the data (the log is replayed at the next start); orphans of a dead
    postmaster must be gone before a new one may start. They are never asked to stop in order: to one
    that works for somebody SIGINT means "cancel the statement", and to the checkpointer "write that the
    database was shut down", while others may still commit.
    """
    for signum, patience in ((signal.SIGINT, seconds), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        alive = processes.running_in(place.data)
        if not alive:
            return
        head = _number_in(place.data / "postmaster.pid")
        if head not in alive and signum == signal.SIGINT:
            continue
        targets = [head] if head in alive and signum != signal.SIGKILL else alive
        if signum != signal.SIGINT:
            log.warning("PostgreSQL still runs; sending %s", signum.name)
        for pid in targets:
            _send(pid, signum)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not processes.running_in(place.data):
                return
            time.sleep(0.02)
    raise Unavailable("PostgreSQL cannot be stopped; its processes do not answer to SIGKILL.")


def clear_stale_pid(place: Place) -> None:
    """Remove lock files whose number lives on as a zombie or as somebody else.

    PostgreSQL itself deals with a number that is free. Only call this when nothing runs on the
    data folder: the pid file also guards the shared memory of orphans.
    """
    for path in (place.data / "postmaster.pid", place.sockets / ".s.PGSQL.5432.lock"):
        pid = _number_in(path)
        if pid and os.path.exists(f"/proc/{pid}"):
            log.warning("Removing a stale %s: process %d is not a database of this home", path.name, pid)
            path.unlink(missing_ok=True)


def last_words(place: Place) -> str:
    """The last line that PostgreSQL logged, for a sentence to a person."""
    try:
        with open(place.log, "rb") as file:
            file.seek(max(0, os.path.getsize(place.log) - 4000))
            lines = [one for one in file.read().decode(errors="replace").split("\n") if one.strip()]
    except OSError:
        lines = []
    grave = [one for one in lines if "FATAL" in one or "PANIC" in one]
    return (grave or lines or ["it left no word"])[-1].strip()[:300]


def _number_in(path: Path) -> int:
    try:
        return int(path.read_text().split("\n")[0])
    except (OSError, ValueError):
        return 0


def _send(pid: int, signum: signal.Signals) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


def _rotate(path: Path) -> None:
    if path.exists() and path.stat().st_size > _LOG_BYTES_MAX:
        path.replace(path.with_name(path.name + ".1"))


def _run(place: Place, program: str, *args: str, words: str = "") -> None:
    user: dict[str, Any] = {"user": place.uid, "group": place.gid, "extra_groups": []} if place.other_user else {}
    done = subprocess.run(
        [str(place.binaries / program), *args], input=words.encode(), capture_output=True, cwd="/",
        env=_ENVIRONMENT, umask=0o077, **user,
    )  # fmt: skip
    if done.returncode or b"ERROR:" in done.stderr:
        raise Unavailable(f"{program} failed (exit {done.returncode}): {done.stderr.decode(errors='replace')[-400:]}")
