"""An analyser of a laboratory, as its own process: HL7 v2.5.1 over MLLP and ASTM E1394 over TCP.

It asks the laboratory system which tests a tube is ordered for, measures plausible values and sends them. A small HTTP
door makes it work: `POST /send {"tube": "2611220001", "results": {"K": "6.8"}, "dialect": "hl7"}` answers with what the
laboratory system said; without `results` it asks first. `POST /control {"sample": "QC1", "results": {…}}` sends control
material. `GET /_state` tells what it did. Faults: `POST /_fault`. It knows nothing of the system
that it speaks to but the two protocols.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators import faults

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
ENQ, ACK, NAK, EOT, STX, ETX, ETB = b"\x05", b"\x06", b"\x15", b"\x04", b"\x02", b"\x03", b"\x17"
_SECONDS = 20.0
#: code -> (name, unit, mean, standard deviation, digits): what a district hospital's bench measures.
TESTS: dict[str, tuple[str, str, float, float, int]] = {
    "K": ("Potassium", "mmol/L", 4.2, 0.4, 1),
    "NA": ("Sodium", "mmol/L", 140, 2.5, 0),
    "CL": ("Chloride", "mmol/L", 103, 2.5, 0),
    "GLU": ("Glucose", "mmol/L", 5.6, 1.2, 1),
    "UREA": ("Urea", "mmol/L", 5.2, 1.3, 1),
    "CREA": ("Creatinine", "umol/L", 82, 15, 0),
    "AST": ("AST", "U/L", 24, 7, 0),
    "ALT": ("ALT", "U/L", 25, 9, 0),
    "CHOL": ("Cholesterol", "mmol/L", 4.9, 0.8, 1),
    "TG": ("Triglycerides", "mmol/L", 1.5, 0.5, 1),
    "HBA1C": ("HbA1c", "%", 6.4, 1.1, 1),
    "WBC": ("Leucocytes", "10*9/L", 7.2, 1.8, 1),
    "RBC": ("Erythrocytes", "10*12/L", 4.7, 0.4, 2),
    "HGB": ("Haemoglobin", "g/L", 138, 12, 0),
    "PLT": ("Platelets", "10*9/L", 250, 55, 0),
}


@dataclass
class Analyser:
    """lis_hl7, lis_astm: where the laboratory system listens. `log` tells what was sent and answered."""

    name: str
    lis_hl7: tuple[str, int]
    lis_astm: tuple[str, int]
    faults: faults.Faults
    chance: random.Random
    log: list[dict[str, Any]] = field(default_factory=list)

    def measure(self, code: str) -> tuple[str, str]:
        """A plausible value with its unit; a code without a range gets one around 10."""
        _, unit, mean, deviation, digits = TESTS.get(code, ("", "", 10.0, 1.0, 1))
        return f"{max(self.chance.gauss(mean, deviation), 0):.{digits}f}", unit

    async def send(
        self,
        tube: str,
        results: dict[str, str] | None,
        dialect: str,
        *,
        is_control: bool = False,
        unit: str = "",
        patient: str = "",
    ) -> dict[str, Any]:
        """Ask if no results are given, send them, and tell what was answered. Raises OSError, TimeoutError."""
        fault = self.faults.draw()
        if fault == "down":
            raise ConnectionRefusedError("the analyser is down")
        if fault == "slow":
            await asyncio.sleep(self.faults.slow_seconds)
        ask, tell = (ask_hl7, tell_hl7) if dialect == "hl7" else (ask_astm, tell_astm)
        asked = None
        if results is None:
            asked = await ask(self, tube)
            values = {code: self.measure(code) for code in asked}
        else:
            values = {code: (str(value), unit or TESTS.get(code, ("", ""))[1]) for code, value in results.items()}
        if fault == "wrong":
            values = {code: ("#####", sent) for code, (_, sent) in values.items()}
        told: dict[str, Any] = {"tube": tube, "dialect": dialect, "asked": asked, "answer": "nothing to measure",
                                "values": {code: value for code, (value, _) in values.items()}}  # fmt: skip
        if values:
            batch = Batch(f"{self.name}-{self.chance.getrandbits(48):012x}", tube, values, is_control, patient)
            told["answer"] = await tell(self, batch)
            if fault == "duplicate":
                told["again"] = await tell(self, batch)
        self.log = [*self.log[-199:], told]
        return told


@dataclass(frozen=True)
class Batch:
    """What is sent in one message. number: control id. values: code -> (value, unit). patient: name, "" if none."""

    number: str
    tube: str
    values: dict[str, tuple[str, str]]
    is_control: bool
    patient: str
    at: str = field(default_factory=lambda: _stamp())


def _stamp() -> str:
    return datetime.now().strftime("%Y%m%d%H%M%S")


# -- HL7 v2 over MLLP -----------------------------------------------------------------------------------------------


async def _exchange(address: tuple[str, int], message: str) -> list[list[str]]:
    """Send one message and return the segments of the answer, each as its fields."""
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*address), _SECONDS)
    try:
        writer.write(VT + message.encode() + FS + CR)
        await writer.drain()
        raw = await asyncio.wait_for(reader.readuntil(FS), _SECONDS)
        return [line.split("|") for line in raw.strip(VT + FS + CR).decode().split("\r") if line]
    finally:
        writer.close()


def _head(analyser: Analyser, kind: str, number: str, at: str) -> str:
    return f"MSH|^~\\&|{analyser.name}|BENCH|LIS|LAB|{at}||{kind}|{number}|P|2.5.1||||||UNICODE UTF-8"


async def ask_hl7(analyser: Analyser, tube: str) -> list[str]:
    """The codes ordered for a tube, by QBP^Q11."""
    number = f"{analyser.name}-Q{analyser.chance.getrandbits(40):010x}"
    message = "\r".join(
        [
            _head(analyser, "QBP^Q11^QBP_Q11", number, _stamp()),
            f"QPD|WOS^Work order step^IHE_LABTF|{number}|{tube}",
            "RCP|I||R",
        ]
    )
    answer = await _exchange(analyser.lis_hl7, message + "\r")
    return [fields[4].split("^")[0] for fields in answer if fields[0] == "OBR" and len(fields) > 4]


async def tell_hl7(analyser: Analyser, batch: Batch) -> str:
    """Send results as ORU^R01; returns MSA-1 and what was said."""
    tube, role = batch.tube, "Q" if batch.is_control else "P"
    lines = [_head(analyser, "ORU^R01^ORU_R01", batch.number, batch.at)]
    if batch.patient:
        lines.append(f"PID|1||||{batch.patient}")
    lines += [f"OBR|1||{tube}|PANEL^Panel^L", f"SPM|1|{tube}|||||||||{role}"]
    for index, (code, (value, unit)) in enumerate(batch.values.items(), 1):
        name = TESTS.get(code, ("",))[0]
        lines.append(f"OBX|{index}|NM|{code}^{name}^L||{value}|{unit}|||||F|||{batch.at}")
    answer = await _exchange(analyser.lis_hl7, "\r".join(lines) + "\r")
    said = next((fields for fields in answer if fields[0] == "MSA"), ["MSA", "?"])
    return " ".join(part for index, part in enumerate(said) if index in (1, 3) and part)


# -- ASTM E1394 over TCP --------------------------------------------------------------------------------------------


def _frames(message: bytes) -> list[bytes]:
    parts = [message[start : start + 240] for start in range(0, len(message), 240)]
    found = []
    for index, part in enumerate(parts):
        body = b"%d" % ((index + 1) % 8) + part + (ETX if index == len(parts) - 1 else ETB)
        found.append(STX + body + b"%02X" % (sum(body) & 0xFF) + b"\r\n")
    return found


async def _push(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: str) -> str:
    """Send one message; "ACK", or "NAK" if a part was refused six times."""
    for part in (ENQ, *_frames(message.encode())):
        for _ in range(6):
            writer.write(part)
            await writer.drain()
            if await asyncio.wait_for(reader.readexactly(1), _SECONDS) == ACK:
                break
        else:
            writer.write(EOT)
            await writer.drain()
            return "NAK"
    writer.write(EOT)
    await writer.drain()
    return "ACK"


async def _pull(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Receive one message as its text."""
    text = b""
    while True:
        first = await asyncio.wait_for(reader.readexactly(1), _SECONDS)
        if first == EOT:
            return text.decode()
        if first == STX:
            frame = await asyncio.wait_for(reader.readuntil(b"\n"), _SECONDS)
            body = frame[:-4]
            is_good = frame[-4:-2].upper() == b"%02X" % (sum(body) & 0xFF)
            if is_good:
                text += body[1:-1]
            writer.write(ACK if is_good else NAK)
        elif first == ENQ:
            writer.write(ACK)
        await writer.drain()


async def ask_astm(analyser: Analyser, tube: str) -> list[str]:
    """The codes ordered for a tube, by a Q record."""
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*analyser.lis_astm), _SECONDS)
    try:
        number = f"{analyser.chance.getrandbits(40):010x}"
        message = f"H|\\^&|{number}||{analyser.name}|||||LIS||P|LIS2-A2|{_stamp()}\rQ|1|^{tube}||ALL\rL|1|N\r"
        if await _push(reader, writer, message) != "ACK":
            return []
        answer = await _pull(reader, writer)
    finally:
        writer.close()
    codes: list[str] = []
    for record in answer.split("\r"):
        fields = record.split("|")
        if fields[0] == "O" and len(fields) > 4:
            codes += [test.split("^")[3] for test in fields[4].split("\\") if test.count("^") >= 3]
    return codes


async def tell_astm(analyser: Analyser, batch: Batch) -> str:
    """Send results as R records; returns ACK or NAK."""
    tests = "\\".join("^^^" + code for code in batch.values)
    lines = [
        f"H|\\^&|{batch.number}||{analyser.name}|||||LIS||P|LIS2-A2|{batch.at}",
        f"P|1||||{batch.patient}",
        f"O|1|{batch.tube}||{tests}|R||||||{'Q' if batch.is_control else 'N'}",
    ]
    lines += [f"R|{index}|^^^{code}|{value}|{unit}||||F"
              for index, (code, (value, unit)) in enumerate(batch.values.items(), 1)]  # fmt: skip
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*analyser.lis_astm), _SECONDS)
    try:
        return await _push(reader, writer, "".join(line + "\r" for line in [*lines, "L|1|N"]))
    finally:
        writer.close()


# -- its own door ---------------------------------------------------------------------------------------------------


async def serve(
    host: str,
    port: int,
    *,
    fault: str = "",
    seed: int = 1,
    name: str = "SIM-1",
    mllp: str = "127.0.0.1:2575",
    astm: str = "127.0.0.1:2576",
    dialect: str = "hl7",
    send: str = "",
) -> None:
    """Answer HTTP at host and port until cancelled.

    name: how the analyser calls itself. mllp, astm: HOST:PORT where the laboratory system listens. send: what is sent
    at the start, `TUBE:CODE=VALUE,CODE=VALUE`, several separated by `;`, in `dialect` (hl7 or astm).
    """
    analyser = Analyser(name, _address(mllp), _address(astm), faults.Faults(fault, seed), random.Random(seed))
    for text in filter(None, send.split(";")):
        tube, _, results = text.strip().partition(":")
        wanted = dict(part.split("=", 1) for part in results.split(",") if "=" in part)
        print(json.dumps(await analyser.send(tube, wanted or None, dialect)), flush=True)
    await faults.listen(build(analyser), host, port)


def build(analyser: Analyser) -> Starlette:
    """The small HTTP door of an analyser."""

    async def send(request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
            tube, results = str(asked.get("tube") or asked.get("sample") or ""), asked.get("results")
            if not tube or (results is not None and not isinstance(results, dict)):
                raise ValueError
        except (ValueError, AttributeError):
            return JSONResponse({"problem": 'send {"tube": "…", "results": {"K": "6.8"}, "dialect": "hl7"}'}, 400)
        try:
            told = await analyser.send(
                tube, results, str(asked.get("dialect") or "hl7"), is_control=request.url.path == "/control",
                unit=str(asked.get("unit") or ""), patient=str(asked.get("patient") or ""),
            )  # fmt: skip
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as problem:
            return JSONResponse({"problem": f"the laboratory system does not answer: {type(problem).__name__}"}, 502)
        return JSONResponse(told)

    async def set_fault(request: Request) -> Response:
        try:
            analyser.faults.set(str(json.loads(await request.body() or b"{}").get("fault", "")))
        except (ValueError, AttributeError) as problem:
            return JSONResponse({"problem": str(problem)}, 400)
        return JSONResponse({"fault": analyser.faults.said})

    async def show(request: Request) -> Response:
        return JSONResponse({"name": analyser.name, "fault": analyser.faults.said, "log": analyser.log[-20:]})

    return Starlette(
        routes=[
            Route("/send", send, methods=["POST"]),
            Route("/control", send, methods=["POST"]),
            Route("/_fault", set_fault, methods=["POST"]),
            Route("/_state", show),
        ]
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)
