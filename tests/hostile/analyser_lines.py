"""Lines to the doors for analysers, and messages of one result that can be spoilt in any field."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import Any

from lienmach.standards.astm import frames
from lienmach.standards.fhir import type_numbers
from tests.clinic import Clinic


def hl7_message(
    number: str,
    *,
    tube: str = "9990001",
    code: str = "K",
    value: str = "4.2",
    unit: str = "mmol/L",
    sender: str = "SIM-1",
) -> bytes:
    return (
        f"MSH|^~\\&|{sender}|BENCH|LIS|LAB|20261122080000||ORU^R01^ORU_R01|{number}|P|2.5.1||||||UNICODE UTF-8\r"
        f"OBR|1||{tube}|P^Panel^L\rOBX|1|NM|{code}^x^L||{value}|{unit}|||||F\r"
    ).encode()


def astm_message(
    number: str,
    *,
    tube: str = "9990002",
    code: str = "K",
    value: str = "4.2",
    unit: str = "mmol/L",
    sender: str = "SIM-1",
) -> list[bytes]:
    """ENQ, the frames, EOT."""
    text = (
        f"H|\\^&|{number}||{sender}|||||LIS||P|LIS2-A2|20261122080000\rP|1\r"
        f"O|1|{tube}||^^^{code}|R||||||N\rR|1|^^^{code}|{value}|{unit}||||F\rL|1|N\r"
    ).encode()
    return [frames.ENQ, *frames.frames(text), frames.EOT]


@dataclass
class Ports:
    """The ports of both doors, and what the record holds behind them."""

    clinic: Clinic
    hl7: int
    astm: int

    @classmethod
    def free(cls, clinic: Clinic) -> Ports:
        found = []
        for _ in range(2):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                found.append(int(probe.getsockname()[1]))
        return cls(clinic, *found)

    async def say(self, dialect: str, data: bytes, *, steps: bool = False) -> bytes:
        """What comes back for these bytes until the line is closed or silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.hl7 if dialect == "hl7" else self.astm)
        found = b""
        with contextlib.suppress(OSError):
            for start in range(0, len(data), 65536):
                writer.write(data[start : start + 65536])
                await writer.drain()
            writer.write_eof()
        with contextlib.suppress(OSError, TimeoutError):
            while chunk := await asyncio.wait_for(reader.read(65536), 5):
                found += chunk
        writer.close()
        return found

    async def serve(self, number: int, only: str = "") -> None:
        """A proper message by both dialects is taken."""
        if only in ("", "hl7"):
            for _ in range(5):
                answer = await self.say("hl7", b"\x0b" + hl7_message(f"fine{number}") + b"\x1c\r")
                if answer:
                    break
            assert b"MSA|AA" in answer, answer[:200]
        if only in ("", "astm"):
            answer = await self.say("astm", b"".join(astm_message(f"fine{number}")))
            assert answer and frames.NAK not in answer, answer[:50]

    async def rows(self, sql: str) -> list[Any]:
        async with self.clinic.store.begin(self.clinic.actor("lab")) as tx:
            return await tx.fetch(sql)

    async def resources(self) -> int:
        """How many versions there are but of the audit."""
        audit = type_numbers.NUMBERS["AuditEvent"]
        async with self.clinic.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local lienmach.tenant = '1'")
            return int(await connection.fetchval("select count(*) from version where type <> $1", audit))

    async def kept(self) -> int:
        return int((await self.rows("select count(*) as n from laboratory_message"))[0]["n"])

    async def tray(self) -> int:
        return int((await self.rows("select count(*) as n from laboratory_tray where state = 'waiting'"))[0]["n"])

    async def sizes(self) -> list[int]:
        return [row["n"] for row in await self.rows("select length(body) as n from laboratory_message")]
