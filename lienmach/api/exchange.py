"""One HTTP exchange on the FHIR door: what was asked, with limits, and what is answered. Raw ASGI, no framework."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from lienmach.base import errors
from lienmach.base.settings import Settings

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_GZIP_BYTES_MIN = 1400  # below one packet compression only costs
_GZIP_LEVEL = 1
_BIG_BYTES = 256 * 1024  # above this, packing or laying out takes milliseconds


@dataclass(slots=True)
class Request:
    """What was asked. parts: the path below `/fhir`, unquoted. params: of the query string, in order."""

    method: str
    parts: tuple[str, ...]
    query: str
    headers: dict[bytes, bytes]
    base_url: str
    address: str
    limits: Settings
    receive: Receive
    params: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, scope: dict[str, Any], receive: Receive, limits: Settings, prefix: str) -> Request:
        """Raises errors.TooLarge for a longer query than allowed, errors.Malformed for one that is not UTF-8."""
        raw = scope["query_string"]
        if len(raw) > limits.query_bytes_max:
            raise errors.TooLarge(
                f"The query has {len(raw)} bytes; the limit is {limits.query_bytes_max}. Use _search."
            )
        headers = dict(scope["headers"])
        path = scope["path"][len(prefix) :]
        host = headers.get(b"host", b"localhost").decode("latin-1")
        client = scope.get("client")
        return cls(
            method=scope["method"],
            parts=tuple(p for p in path.split("/") if p),
            query=raw.decode("latin-1"),
            headers=headers,
            base_url=f"{scope.get('scheme', 'http')}://{host}{prefix}",
            address=client[0] if client else "",
            limits=limits,
            receive=receive,
            params=read_params(raw),
        )

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def param(self, name: str) -> str | None:
        """The last value of a parameter that is not a search criterion, such as `_format`."""
        for key, value in reversed(self.params):
            if key == name:
                return value
        return None

    def prefers(self, name: str) -> str | None:
        """The value of one preference of `Prefer`, such as `return` or `handling`."""
        for part in self.header(b"prefer").replace(",", ";").split(";"):
            key, _, value = part.strip().partition("=")
            if key.strip() == name:
                return value.strip().strip('"')
        return None

    async def body(self) -> bytes:
        """The whole body, unpacked. Raises errors.TooLarge, Malformed, Unsupported; a bomb never unpacks."""
        limit = self.limits.body_bytes_max
        declared = self.header(b"content-length")
        if declared.isdecimal() and int(declared) > limit:
            raise errors.TooLarge(f"The body has {declared} bytes; the limit is {limit}.")
        encoding = self.header(b"content-encoding").lower()
        if encoding not in ("", "identity", "gzip"):
            raise errors.Unsupported(f"Content-Encoding '{encoding[:40]}' is not read here; send gzip or none.")
        unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise errors.Malformed("The connection ended before the body did.")
            chunk = message.get("body", b"")
            if unpack is not None:
                chunk = _unpack(unpack, chunk, limit - size)
            size += len(chunk)
            if size > limit:
                raise errors.TooLarge(f"The body has more than {limit} bytes, which is the limit.")
            chunks.append(chunk)
            if not message.get("more_body"):
                break
        if unpack is not None and not unpack.eof:
            raise errors.Malformed("The gzip stream of the body is cut off.")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def content_type(self) -> str:
        return self.header(b"content-type").split(";")[0].strip().lower()


def _unpack(unpack: Any, chunk: bytes, room: int) -> bytes:
    try:
        plain: bytes = unpack.decompress(chunk, room + 1)
    except zlib.error:
        raise errors.Malformed("The body is not a gzip stream, as its Content-Encoding says.") from None
    if unpack.unconsumed_tail or len(plain) > room:
        raise errors.TooLarge("The body unpacks to more bytes than the limit allows.")
    if unpack.eof and unpack.unused_data:
        raise errors.Malformed("There is more after the gzip stream of the body.")
    return plain


def read_params(raw: bytes) -> list[tuple[str, str]]:
    """Name and value pairs of a query string or a form body, percent-decoded as UTF-8."""
    if not raw:
        return []
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=2000)
    except ValueError:
        try:  # some clients send UTF-8 without quoting it
            pairs = parse_qsl(
                unquote(raw.decode("utf-8"), errors="strict") if b"%" not in raw else raw.decode("utf-8"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=2000,
            )
        except ValueError:
            raise errors.Malformed("The query is not percent-encoded UTF-8, or has too many parameters.") from None
    for _, value in pairs:
        if "\x00" in value:
            raise errors.Malformed("A parameter holds a NUL character, which no value has.")
    return pairs


async def aside(size: int, work: Callable[[], bytes]) -> bytes:
    """Work over so many bytes: a lot of them in a thread, for it would hold up everybody else."""
    return await asyncio.to_thread(work) if size > _BIG_BYTES else work()


@dataclass(slots=True)
class Answer:
    """What is sent. headers: lower-case names."""

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def send(self, request: Request | None, send: Send) -> None:
        body, headers = self.body, [(b"cache-control", b"no-store"), *self.headers]
        if len(body) >= _GZIP_BYTES_MIN and request is not None and "gzip" in request.header(b"accept-encoding"):
            whole = body
            body = await aside(len(whole), lambda: gzip.compress(whole, compresslevel=_GZIP_LEVEL, mtime=0))
            headers.append((b"content-encoding", b"gzip"))
            headers.append((b"vary", b"accept-encoding"))
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        without = request is not None and request.method == "HEAD"
        await send({"type": "http.response.body", "body": b"" if without else body})
