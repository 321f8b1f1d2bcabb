"""Hostile bytes on the wire, through the real HTTP server: answered or cut off, and the next client is served."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from conftest_hostile import World

from lienmach.commands import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(world: World) -> AsyncIterator[int]:
    """The door behind the server that `lienmach serve` uses, on a port of its own."""
    transport = world.client._transport
    config = uvicorn.Config(
        transport.app,
        http=serve.protocol(),
        ws="none",
        lifespan="off",
        access_log=False,  # type: ignore[attr-defined]
        log_config=None,
        server_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await task


async def say(port: int, data: bytes, *, seconds: float = 5.0) -> bytes:
    """What comes back for these bytes until the connection ends or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                while chunk := await reader.read(65536):
                    found += chunk
                    if b"\r\n\r\n" in found:
                        break
    finally:
        writer.close()
    return found


def lines(*text: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([*text, b"host: localhost", b"connection: close", b"", b""]) + body


WIRE = {
    "rubbish": b"\x00\x01\x02\x03\r\n\r\n",
    "a TLS greeting": bytes.fromhex("16030100c8010000c40303") + b"x" * 50 + b"\r\n\r\n",
    "an HTTP version of 9": lines(b"GET /fhir/Patient/an HTTP/9.9"),
    "a path that climbs": lines(b"GET /fhir/../../etc/passwd HTTP/1.1"),
    "a path that climbs in percent": lines(b"GET /fhir/%2e%2e/%2e%2e/etc/passwd HTTP/1.1"),
    "a path of dots": lines(b"GET /fhir/Patient/.. HTTP/1.1"),
    "a path of invalid UTF-8": lines(b"GET /fhir/Patient/%ff%fe HTTP/1.1"),
    "a path of raw bytes": lines(b"GET /fhir/Patient/\xff\xfe HTTP/1.1"),
    "a path with NUL": lines(b"GET /fhir/Patient/a%00b HTTP/1.1"),
    "a path percent cut off": lines(b"GET /fhir/Patient/a% HTTP/1.1"),
    "a path percent twice": lines(b"GET /fhir/Patient/%2500 HTTP/1.1"),
    "an absolute URL": lines(b"GET http://evil.example/fhir/Patient/an HTTP/1.1"),
    "a query of 70 KB": lines(b"GET /fhir/Patient?name=" + b"x" * 70_000 + b" HTTP/1.1"),
    "a query of raw bytes": lines(b"GET /fhir/Patient?name=\xff HTTP/1.1"),
    "a header of 1 MB": lines(b"GET /fhir/Patient/an HTTP/1.1", b"x: " + b"x" * 10**6),
    "10,000 headers": lines(b"GET /fhir/Patient/an HTTP/1.1", *[b"x%d: y" % number for number in range(10_000)]),
    "two lengths": lines(b"POST /fhir/Patient HTTP/1.1", b"content-length: 3", b"content-length: 5", body=b"abc"),
    "a length and chunks": lines(
        b"POST /fhir/Patient HTTP/1.1", b"content-length: 3", b"transfer-encoding: chunked", body=b"0\r\n\r\n"
    ),
    "a negative length": lines(b"POST /fhir/Patient HTTP/1.1", b"content-length: -1"),
    "a chunk of rubbish": lines(b"POST /fhir/Patient HTTP/1.1", b"transfer-encoding: chunked", body=b"zz\r\nabc\r\n"),
    "a chunk of 2^64": lines(
        b"POST /fhir/Patient HTTP/1.1", b"transfer-encoding: chunked", body=b"fffffffffffffffff\r\nabc"
    ),
    "a header folded": lines(b"GET /fhir/Patient/an HTTP/1.1", b"x: a", b" b"),
    "a header with a bare newline": b"GET /fhir/Patient/an HTTP/1.1\nhost: localhost\n\n",
    "a method of rubbish": lines(b"G@T /fhir/Patient/an HTTP/1.1"),
    "no host": b"GET /fhir/Patient/an HTTP/1.1\r\nconnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", WIRE)
async def test_hostile_bytes_are_answered_with_4xx_or_cut_off(world: World, port: int, name: str) -> None:
    before = await world.count()
    answer = await say(port, WIRE[name])
    assert not answer or answer.split()[1][:1] == b"4", f"{name}: {answer[:300]!r}"
    assert await world.count() == before
    fine = await say(port, lines(b"GET /fhir/metadata HTTP/1.1"))
    assert fine.split()[1] == b"200", f"after {name}: {fine[:200]!r}"


async def test_a_client_that_never_finishes_its_body_disturbs_nobody(world: World, port: int) -> None:
    """Fifty slow clients hang in the middle of a body; another is served, and their end leaves nothing."""
    before = await world.count()
    hanging = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
    token = world.client.headers["authorization"].encode()
    for _, writer in hanging:
        writer.write(
            lines(
                b"POST /fhir/Patient HTTP/1.1",
                b"authorization: " + token,
                b"content-type: application/json",
                b"content-length: 1000",
            ).replace(b"connection: close\r\n", b"")
            + b'{"resourceType":'
        )
    fine = await say(port, lines(b"GET /fhir/Patient/an HTTP/1.1", b"authorization: " + token))
    assert fine.split()[1] == b"200", fine[:200]
    for _, writer in hanging:
        writer.close()
    await asyncio.sleep(0.1)
    assert await world.count() == before


async def test_an_endless_header_is_cut_off(port: int) -> None:
    """Nobody may fill the memory with a header that never ends."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(b"GET /fhir/metadata HTTP/1.1\r\nx: ")
        for _ in range(64):
            writer.write(b"x" * 2**20)
            await writer.drain()
            sent += 1
            await asyncio.sleep(0)
    writer.close()
    assert sent < 64, "64 MB of one header were taken in"
