"""Bytes by content hash: written once, never changed, read whole or by range.

A blob lies at `blobs/<tenant>/<ab>/<cd>/<sha256>` below the home: tenants never share a file, so
that neither existence nor deletion of one says anything about another's. A write is durable when it
returns: temporary file, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lienmach.base.errors import NotFound

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Blobs:
    """The blobs of one home. folder: `<home>/blobs`."""

    folder: Path

    async def write(self, tenant: int, data: bytes) -> str:
        """Store bytes durably and return their SHA-256 in hex; the same bytes twice are stored once."""
        return await asyncio.to_thread(self._write, tenant, data)

    async def read(self, tenant: int, sha256: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes from `start` up to, not including, `end`. Raises NotFound; a range past the end is cut."""
        return await asyncio.to_thread(self._read, tenant, sha256, start, end)

    async def size(self, tenant: int, sha256: str) -> int:
        """Length in bytes. Raises NotFound."""
        return await asyncio.to_thread(self._size, tenant, sha256)

    def path(self, tenant: int, sha256: str) -> Path:
        """Where the blob lies, or would lie. Raises NotFound for what is not a hash."""
        if not _HASH.fullmatch(sha256):
            raise NotFound("This is not the name of a blob.")
        return self.folder / str(tenant) / sha256[:2] / sha256[2:4] / sha256

    def _write(self, tenant: int, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(tenant, sha256)
        if path.exists():
            return sha256
        made = _make_folders(path.parent)
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(half, path)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
        for folder in (path.parent, *made):
            _sync_folder(folder)
        return sha256

    def _read(self, tenant: int, sha256: str, start: int, end: int | None) -> bytes:
        try:
            with open(self.path(tenant, sha256), "rb") as file:
                file.seek(start)
                return file.read(-1 if end is None else max(0, end - start))
        except FileNotFoundError:
            raise NotFound("There is no such blob.") from None

    def _size(self, tenant: int, sha256: str) -> int:
        try:
            return self.path(tenant, sha256).stat().st_size
        except FileNotFoundError:
            raise NotFound("There is no such blob.") from None


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder with its parents; returns the parents whose new entry must be synced."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return [one.parent for one in missing]


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
