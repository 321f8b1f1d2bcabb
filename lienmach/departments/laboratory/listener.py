"""The doors for analysers: HL7 v2 over MLLP and ASTM over TCP, each on the address of its setting.

An answer goes out only after the commit of what it acknowledges. What cannot be read is answered by a sentence (HL7)
or NAK (ASTM), is kept, and changes nothing else. Limits: bytes of a message, silence, connections. When all places are
taken, the line that has rested longest gives way: cables and switched-off machines leave lines that never end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from lienmach.base.settings import Settings
from lienmach.departments.laboratory import conversation_astm, conversation_hl7
from lienmach.departments.laboratory.conversations import Limits, Line
from lienmach.record.transaction import Store

_log = logging.getLogger("lienmach.laboratory")
_CONNECTIONS_MAX = 64
Talk = Callable[[Line], Awaitable[None]]


async def listen(
    store: Store,
    settings: Settings,
    *,
    stop: asyncio.Event,
    limits: Limits | None = None,
    ready: asyncio.Event | None = None,
) -> None:
    """Listen for the first tenant until `stop`; an address that is "" stays closed. ready: set when both are open.

    Raises OSError if an address is taken.
    """
    tenant = min(store.tenants)
    servers = []
    for address, talk in ((settings.mllp, conversation_hl7.talk), (settings.astm, conversation_astm.talk)):
        if address:
            servers.append(await _open(store, tenant, address, talk, limits or Limits()))
            _log.info("Listening for analysers on %s", address)
    try:
        if ready is not None:
            ready.set()
        await stop.wait()
    finally:
        for server, talks in servers:
            server.close()
            while talks:  # a cancellation that meets the last bytes of a line is lost in Python 3.11: ask again
                for one in list(talks):
                    one.cancel()
                await asyncio.wait(list(talks), timeout=1)


async def _open(
    store: Store, tenant: int, address: str, talk: Talk, limits: Limits
) -> tuple[asyncio.Server, dict[asyncio.Task[None], Line]]:
    host, _, port = address.rpartition(":")
    talks: dict[asyncio.Task[None], Line] = {}

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(talks) >= _CONNECTIONS_MAX and not _make_way(talks):
            _log.warning("An analyser was turned away: %d connections are open", len(talks))
            writer.close()
            return
        line = talks[task] = Line(store, tenant, reader, writer, limits)
        try:
            await talk(line)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            _log.info("An analyser hung up")
        except asyncio.CancelledError:
            pass
        except Exception:
            _log.exception("A conversation with an analyser broke")
        finally:
            talks.pop(task, None)
            writer.close()
            with suppress(ConnectionError, OSError):
                await writer.wait_closed()

    return await asyncio.start_server(accept, host.strip("[]"), int(port), backlog=32), talks


def _make_way(talks: dict[asyncio.Task[None], Line]) -> bool:
    """End the line that has rested longest; False if something goes on at every line."""
    resting = [(line.rest.since, task) for task, line in talks.items() if line.rest.since is not None]
    if not resting:
        return False
    task = min(resting, key=lambda one: one[0])[1]
    talks.pop(task)
    task.cancel()
    return True
