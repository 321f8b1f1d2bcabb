"""The laboratory of a test's clinic: orders, tubes, results by short verbs; messages of an analyser and their way."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import Any

from lienmach.care import orders, resources
from lienmach.departments.laboratory import panel, tubes
from lienmach.departments.laboratory.panel import Panel
from lienmach.simulators import analyser as simulator
from lienmach.standards.hl7v2 import mllp
from tests.clinic import Clinic


@dataclass
class Lab:
    """The laboratory of a test's clinic: orders, tubes, an analyser named SIM-1 that knows K, NA and CL."""

    clinic: Clinic
    analyser_id: str = ""

    async def run(self, work: Any, role: str = "lab") -> Any:
        return await self.clinic.store.run(self.clinic.actor(role), work)

    async def order(self, *services: str, **patient: Any) -> list[str]:
        """A person with a visit and these services ordered; returns the ids of the orders."""
        patient_id = await self.clinic.patient(**patient)
        return await self.order_for(patient_id, *services)

    async def order_for(self, patient_id: str, *services: str) -> list[str]:
        visit_id = await self.clinic.visit(patient_id)

        async def place(tx: Any) -> list[str]:
            lines = [orders.OrderLine(one, repeat_reason="theo dõi") for one in services]
            return [one.id for one in await orders.place(tx, visit_id, lines)]

        return await self.run(place, "doctor")

    async def collect(self, order_ids: list[str]) -> list[str]:
        """Take the specimens; returns the numbers of the tubes."""

        async def work(tx: Any) -> list[str]:
            return [tubes.number_of(one) for one in await tubes.collect(tx, order_ids)]

        return await self.run(work)

    async def tube(self, *services: str, **patient: Any) -> str:
        """One tube with these services ordered."""
        return (await self.collect(await self.order(*services, **patient)))[0]

    async def panel(self, tube: str) -> Panel:
        async with self.clinic.store.begin(self.clinic.actor("lab")) as tx:
            specimen = await tubes.of_number(tx, tube)
            assert specimen is not None
            return await panel.of_specimen(tx, specimen)

    async def value(self, tube: str, indicator: str) -> dict[str, Any] | None:
        """The result of a test, None while there is none."""
        return (await self.panel(tube)).named(indicator)[0].observation

    async def find(self, kind: str, *params: tuple[str, str]) -> list[dict[str, Any]]:
        async with self.clinic.store.begin(self.clinic.actor("doctor")) as tx:
            return await resources.find(tx, kind, *params)

    async def rows(self, sql: str) -> list[Any]:
        async with self.clinic.store.begin(self.clinic.actor("lab")) as tx:
            return await tx.fetch(sql)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Wire:
    """The listeners of the laboratory on free ports, and a simulator that speaks to them."""

    hl7: tuple[str, int]
    astm: tuple[str, int]
    sim: simulator.Analyser


def oru(tube: str, code: str, value: str, number: str = "42", *, unit: str = "mmol/L", patient: str = "") -> bytes:
    """A result message of SIM-1."""
    person = f"PID|1||||{patient}\r" if patient else ""
    return (
        f"MSH|^~\\&|SIM-1|BENCH|LIS|LAB|20261122080000||ORU^R01^ORU_R01|{number}|P|2.5.1||||||UNICODE UTF-8\r{person}"
        f"OBR|1||{tube}|P^Panel^L\rOBX|1|NM|{code}^x^L||{value}|{unit}|||||F\r"
    ).encode()


async def exchange(address: tuple[str, int], message: bytes) -> bytes:
    """Send one message on a line of its own; the answer without its frame."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(mllp.frame(message))
    answer = await asyncio.wait_for(reader.readuntil(mllp.END), 20)
    writer.close()
    return answer.strip(mllp.START + mllp.END)
