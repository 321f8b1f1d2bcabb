"""A lean HTTP/1.1 client on raw sockets: what it costs must not drown what it measures.

One request at a time on each keep-alive connection; answers with Content-Length or chunked, which is what the door
sends. Not a general client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """status, body and head (status line and headers) of one answer, as sent."""

    status: int
    body: bytes
    head: bytes = field(default=b"", compare=False, repr=False)


class Broken(Exception):
    """The connection was closed, or what came is not HTTP/1.1."""


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._wanted: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, problem: Exception | None) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_exception(Broken("the node closed the connection"))

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send one request; the answer comes by the future."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise Broken("the connection is closed")
        self._wanted = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._wanted

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._wanted is None or self._wanted.done():
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        if at >= 0:
            line_end = head.find(b"\r\n", at)
            length = int(head[at + 15 : line_end if line_end >= 0 else end])
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
        elif b"transfer-encoding: chunked" in head:
            if not self._buffer.endswith(b"0\r\n\r\n"):
                return
            body = _unchunk(self._buffer[end + 4 :])
        else:
            body = b""
        status, head = int(self._buffer[9:12]), self._buffer[:end]
        self._buffer = b""
        self._wanted.set_result(Answer(status, body, head))

    @property
    def is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _unchunk(data: bytes) -> bytes:
    parts = []
    while data:
        line, _, data = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        parts.append(data[:size])
        data = data[size + 2 :]
    return b"".join(parts)


def request(method: str, path: str, host: str, token: str, body: bytes | None = None) -> bytes:
    """The bytes of one request."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/fhir+json\r\n"
    )
    if body is not None:
        head += f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


@dataclass
class Driven:
    """What a drive has seen. seconds: by the wall; latencies: of the measured answers, in seconds, unsorted."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: dict[int, int] = field(default_factory=dict)
    example: bytes = b""

    @property
    def count(self) -> int:
        return len(self.latencies)

    def quantile(self, share: float) -> float:
        """A latency in milliseconds."""
        if not self.latencies:
            return float("nan")
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


async def drive(
    host: str, port: int, make: Callable[[], bytes], *, connections: int, seconds: float, count_max: int | None = None
) -> Driven:
    """Keep `connections` busy with requests from `make` for that long, or until `count_max` were sent."""
    loop = asyncio.get_running_loop()
    seen = Driven()
    started = time.perf_counter()
    until = started + seconds
    sent = 0

    async def keep_busy() -> None:
        nonlocal sent
        _, one = await loop.create_connection(Connection, host, port)
        try:
            while time.perf_counter() < until and (count_max is None or sent < count_max):
                sent += 1
                asked = make()
                begun = time.perf_counter()
                answer = await one.ask(asked)
                seen.latencies.append(time.perf_counter() - begun)
                if answer.status >= 300:
                    seen.failures[answer.status] = seen.failures.get(answer.status, 0) + 1
                    seen.example = seen.example or answer.body[:400]
        finally:
            one.close()

    await asyncio.gather(*(keep_busy() for _ in range(connections)))
    seen.seconds = time.perf_counter() - started
    return seen
