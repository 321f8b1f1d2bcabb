"""What both conversations with an analyser share: the line, its limits, and words for what went wrong."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from lienmach.base import errors
from lienmach.departments.laboratory import intake
from lienmach.record import failures
from lienmach.record.transaction import Store

_log = logging.getLogger("lienmach.laboratory")
UNREAD = "The node could not store this message now; send it again later."


@dataclass(frozen=True)
class Limits:
    """message_bytes_max: longest message. idle_seconds: silence after which a line inside a message is closed;
    an idle line between messages stays open `rest_seconds`."""

    message_bytes_max: int = 1_000_000
    idle_seconds: float = 30.0
    rest_seconds: float = 3600.0


@dataclass
class Rest:
    """since: when a line began to wait for the next message, by the loop's clock; None while something goes on."""

    since: float | None = None


@dataclass(frozen=True)
class Line:
    """One connection of an analyser."""

    store: Store
    tenant: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    limits: Limits
    rest: Rest = field(default_factory=Rest)

    async def read(self, *, is_inside: bool) -> bytes:
        """The next bytes, b"" at the end. Raises TimeoutError after too long a silence."""
        patience = self.limits.idle_seconds if is_inside else self.limits.rest_seconds
        self.rest.since = None if is_inside else asyncio.get_running_loop().time()
        try:
            return await asyncio.wait_for(self.reader.read(65536), patience)
        finally:
            self.rest.since = None

    async def send(self, data: bytes) -> None:
        """Write and wait until the other side takes it."""
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), self.limits.idle_seconds)


async def keep_refused(
    line: Line, dialect: str, raw: bytes, sentence: str, *, sender: str = "", control_id: str = ""
) -> None:
    """Keep what could not be used. A node that cannot even do that has said so to the sender already."""
    try:
        await intake.refuse(
            line.store, line.tenant, dialect, raw[:200_000], sentence, sender=sender, control_id=control_id
        )
    except (errors.Failure, *failures.KINDS):
        _log.warning("A refused message of an analyser could not be kept")
