"""Static files: read once at start, compressed once, served from memory under a URL that holds their hash.

    /static/<hash of all files>/app.css            of web/static
    /static/<hash of all files>/registration/x.js  of departments/registration/static

One hash over all files keeps relative URLs inside style sheets working. Files under `vendor/` arrive from
npm at build and are not committed.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.errors import NotFound

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StaticFile:
    """body: the bytes. packed: the same under gzip, or None where that gains nothing (fonts)."""

    body: bytes
    packed: bytes | None
    media_type: str


@dataclass(frozen=True)
class StaticFiles:
    """All static files of the house by path, and the hash that stands in their URLs."""

    files: dict[str, StaticFile]
    hash: str

    @classmethod
    def load(cls, folders: Iterable[tuple[str, Path]]) -> StaticFiles:
        """Read (prefix, folder) pairs; a folder that is not there has no files."""
        files: dict[str, StaticFile] = {}
        for prefix, folder in folders:
            for file in sorted(folder.rglob("*")):
                if file.suffix in _TYPES and file.is_file():
                    files[prefix + file.relative_to(folder).as_posix()] = _read(file)
        whole = hashlib.sha256()
        for path, found in files.items():
            whole.update(path.encode() + b"\0" + hashlib.sha256(found.body).digest())
        return cls(files, whole.hexdigest()[:12])

    def url(self, path: str) -> str:
        """URL of a static file for a page."""
        return f"/static/{self.hash}/{path}"

    def route(self) -> Route:
        """The one route of all static files."""
        return Route("/static/{hash}/{path:path}", self.show, name="static")

    async def show(self, request: Request) -> Response:
        """A file; for ever in caches if the URL holds the present hash, else not cached at all."""
        found = self.files.get(request.path_params["path"])
        if found is None:
            raise NotFound("no such file")
        is_present = request.path_params["hash"] == self.hash
        headers = {"Cache-Control": _FOR_EVER if is_present else "no-cache", "Vary": "Accept-Encoding"}
        if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(found.body, media_type=found.media_type, headers=headers)


def _read(file: Path) -> StaticFile:
    body = file.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if file.suffix in (".css", ".js", ".svg") else None
    return StaticFile(body, packed, _TYPES[file.suffix])
