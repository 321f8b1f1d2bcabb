"""Answer HTTP, beside a running database. `lienmach run` starts this for itself."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lienmach.base import disk, postgres, postgres_place, processes
from lienmach.base.errors import Unavailable
from lienmach.base.settings import Settings

if TYPE_CHECKING:
    import uvicorn

log = logging.getLogger(__name__)

HEAD_BYTES_MAX = 192 * 1024  # request line and headers; the longest query is 64 KB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-jobs", action="store_true", help="leave the job queue to `lienmach work`")
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--go-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; requests in hand are finished first.

    fd: a listening socket of the supervisor. ready_fd: a pipe that is written to when the door is
    open. go_fd: a pipe that says where the database is as soon as it is ready. parent: the process
    that we must not outlive.
    """
    if args.parent:
        processes.end_with_parent(args.parent, signal.SIGTERM)
    import uvicorn

    from lienmach import app

    settings = replace(settings, database_url=_database_url(settings, args.go_fd))
    assert settings.database_url is not None
    watch = disk.watch(settings, postgres_place.find(settings))
    config = uvicorn.Config(
        app.build(settings, database_url=settings.database_url, watch=watch, works=not args.no_jobs),
        loop="uvloop", http=protocol(), ws="none", lifespan="on", access_log=False, log_config=None,
        server_header=False, date_header=True, proxy_headers=False, timeout_keep_alive=65,
        timeout_graceful_shutdown=settings.stop_seconds, backlog=1024, **_certificate(settings),
    )  # fmt: skip
    server = _server(config, args.ready_fd)
    listener = socket.socket(fileno=args.fd) if args.fd is not None else listen(settings)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _database_url(settings: Settings, go_fd: int | None) -> str:
    if go_fd is not None:
        with open(go_fd, "rb") as pipe:
            url = pipe.read().decode()
        if not url:
            raise Unavailable("The supervisor went away before the database was ready.")
        return url
    if settings.database_url:
        return settings.database_url
    cluster = postgres.attach(settings)
    if cluster is None:
        raise Unavailable("The database does not run; `lienmach run` starts it together with the rest.")
    return cluster.url("app")


def listen(settings: Settings) -> socket.socket:
    """The listening socket of the web door. Raises Unavailable with a sentence if the address is taken."""
    host, port = settings.listen()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"The address {settings.http} cannot be used ({error.strerror}); set LIENMACH_HTTP to another one."
        ) from None
    listener.listen(1024)
    return listener


def _certificate(settings: Settings) -> dict[str, Any]:
    if settings.is_loopback():
        return {}
    from lienmach.base import tls

    chain, key = tls.certificate(settings)
    return {"ssl_certfile": str(chain), "ssl_keyfile": str(key)}


def protocol() -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol, which itself takes in a head of any length, with an end to it: 431."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Protocol(HttpToolsProtocol):
        in_head = True
        head_bytes = 0

        def on_message_begin(self) -> None:
            self.in_head, self.head_bytes = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self.in_head = False
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.in_head:
                self.head_bytes += len(data)
                if self.head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                    self.transport.write(
                        b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n"
                        b"connection: close\r\n\r\n"
                    )
                    self.transport.close()

    return Protocol


def _server(config: uvicorn.Config, ready_fd: int | None) -> uvicorn.Server:
    """A uvicorn server that tells the supervisor when its door is open."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started and ready_fd is not None:
                os.write(ready_fd, b"1")
                os.close(ready_fd)
            # The definitions stay for good; looking through them for cycles held all requests up for 80 to 260 ms.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)

    return Server(config)
