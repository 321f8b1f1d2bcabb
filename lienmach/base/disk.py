"""Free space: announced early, refused before it is gone, with a reserve that keeps reading alive.

Reading is audited and so needs to write. Three stages: `low` is announced (log, metric, readiness);
`full` refuses writes by people and programs while reading and its audit go on; when even less is
left, the reserve file is deleted, and its space serves audit rows and PostgreSQL's own log.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from lienmach.base.errors import Unavailable
from lienmach.base.postgres_place import Place
from lienmach.base.settings import Settings

log = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Space:
    """state: ok | low | full. free_mb: the least of the watched folders. reserve: held, given or none."""

    state: str
    free_mb: int
    reserve: str


class Watch:
    """Watches the folders that this node writes to. Cheap: it asks the kernel once a second at most."""

    def __init__(self, settings: Settings, folders: list[Path], reserve: Path | None = None) -> None:
        self.settings = settings
        self.folders = folders
        self.reserve = reserve
        self._seen = Space("ok", 0, "none")
        self._looked = -1e9

    def look(self) -> Space:
        """The space as it is now, at most a second old; logs every change of state."""
        if time.monotonic() - self._looked < _LOOK_EVERY_SECONDS:
            return self._seen
        self._looked = time.monotonic()
        free = min((shutil.disk_usage(_existing(one)).free // 2**20 for one in self.folders), default=2**40)
        state = "full" if free < self.settings.disk_full_mb else "low" if free < self.settings.disk_low_mb else "ok"
        if state != self._seen.state:
            level = logging.INFO if state == "ok" else logging.WARNING if state == "low" else logging.ERROR
            log.log(level, "Disk space is %s: %d MB free, writes are refused below %d MB", state, free,
                    self.settings.disk_full_mb)  # fmt: skip
        held = "none" if self.reserve is None else "held" if self.reserve.exists() else "given"
        self._seen = Space(state, free, held)
        return self._seen

    def check_write(self) -> None:
        """Raise Unavailable if the disk is full; every write that a person or program asks for calls this."""
        space = self.look()
        if space.state == "full":
            raise Unavailable(
                f"The disk is full ({space.free_mb} MB left): nothing was changed. Reading goes on; "
                "free some space and send the request again."
            )

    def tend_reserve(self) -> None:
        """Give the reserve away when the end is near, take it back when there is room. Run by the supervisor."""
        if self.reserve is None or self.settings.disk_reserve_mb == 0:
            return
        space = self.look()
        if space.free_mb < self.settings.disk_full_mb // 4:
            give_reserve(self.reserve)
        elif space.free_mb > self.settings.disk_full_mb + 2 * self.settings.disk_reserve_mb:
            take_reserve(self.reserve, self.settings.disk_reserve_mb)


def watch(settings: Settings, place: Place | None) -> Watch:
    """The watch of a node: its home, and the folder of its embedded database."""
    if place is None:
        return Watch(settings, [settings.home])
    return Watch(settings, [settings.home, place.folder], place.reserve)


def make_room_to_start(settings: Settings, place: Place) -> None:
    """PostgreSQL needs some space to replay its log: give the reserve away before a start on a full disk."""
    for old in place.folder.glob("*.part"):
        if old.is_file():
            old.unlink(missing_ok=True)
    free_mb = shutil.disk_usage(place.folder).free // 2**20
    if free_mb < settings.disk_full_mb // 4:
        give_reserve(place.reserve)


def give_reserve(path: Path) -> None:
    """Delete the reserve; safe to call twice."""
    if path.exists():
        path.unlink(missing_ok=True)
        log.error("The disk is nearly out of space: the reserve was given away")


def take_reserve(path: Path, size_mb: int) -> None:
    """Set the reserve aside in real blocks; does nothing if it is there."""
    if path.exists() and path.stat().st_size == size_mb * 2**20:
        return
    half = path.with_name(path.name + ".part")
    file = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(file, 0, size_mb * 2**20)
    except OSError as error:
        half.unlink(missing_ok=True)
        log.warning("The reserve of %d MB cannot be set aside: %s", size_mb, error.strerror)
        return
    finally:
        os.close(file)
    half.replace(path)


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
