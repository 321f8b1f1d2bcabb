"""Work of a day for a node that is being killed: whole small visits over HTTP as people click them, with a journal.

    python visit_writer.py BASE_URL TOKEN PASSWORD PIN MLLP_PORT JOURNAL

One JSON line before each click and one when it was answered; the journal is what the test believes in. Whoever gets no
answer looks at the record, as a person looks at the screen, and clicks again only if it was not done. It runs until
SIGTERM and finishes the visit in hand.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TextIO

import httpx

#: doctor, room: one pair for each stream of visits.
DESKS = (("bacsi", "p-p101"), ("bacsi2", "p-p102"))
ANALYSER = "SIM-1"
SERVICE, DRUG, GIVEN = "XN-DIEN-GIAI", "PARA500", 4
_PATIENCE = 400


def invoice_id(visit: str, version: int) -> str:
    """The id of the Invoice of a version of a visit's cost statement."""
    return hashlib.sha256(f"statement|{visit}|{version}".encode()).hexdigest()[:32]


class NotDone(Exception):
    """The node said no, or nothing: look, and try again."""


@dataclass
class Journal:
    """Where everything is written down, and whether it is time to stop."""

    sink: TextIO
    stop: asyncio.Event

    def write(self, **line: Any) -> None:
        self.sink.write(json.dumps(line) + "\n")
        self.sink.flush()


class Person:
    """Somebody at a screen: a session, and the proof of the last page. transport: to a node in this process."""

    def __init__(self, base: str, login: str, password: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.base, self.login, self.password = base, login, password
        self.http = httpx.AsyncClient(base_url=base, timeout=20, transport=transport)
        self.page = ""

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = await self.http.request(method, path, **more)
        except httpx.HTTPError as problem:
            raise NotDone(type(problem).__name__) from None
        if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in") and path != "/sign-in":
            await self.enter()
            raise NotDone("signed out")
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = answer.text
        return answer

    async def enter(self) -> None:
        await self.ask("GET", "/sign-in")
        await self.click("/sign-in", {"login": self.login, "password": self.password})
        await self.ask("GET", "/")

    async def click(self, path: str, data: dict[str, Any]) -> httpx.Response:
        found = re.search(r'name="csrf" (?:value|content)="([^"]+)"', self.page)
        if found is None:
            await self.ask("GET", "/")
            raise NotDone("no proof")
        return await self.ask("POST", path, data={"csrf": found[1], **data})


class Stream:
    """Visits one after another at one desk, doctor and window."""

    def __init__(self, number: int, base: str, token: str, password: str, pin: str, journal: Journal,
                 transport: httpx.AsyncBaseTransport | None = None) -> None:  # fmt: skip
        self.number, self.pin, self.journal = number, pin, journal
        doctor, self.room = DESKS[number]
        self.desk, self.doctor, self.window, self.till = (
            Person(base, one, password, transport) for one in ("tiepdon", doctor, "duocsi", "thungan")
        )
        headers = {"authorization": f"Bearer {token}"}
        self.fhir = httpx.AsyncClient(base_url=f"{base}/fhir", timeout=20, headers=headers, transport=transport)

    async def find(self, path: str) -> list[dict[str, Any]]:
        try:
            answer = await self.fhir.get(path)
        except httpx.HTTPError as problem:
            raise NotDone(type(problem).__name__) from None
        if answer.status_code != 200:
            raise NotDone(f"{path.partition('?')[0]} {answer.status_code}")
        return [one["resource"] for one in answer.json().get("entry", [])]

    async def step(
        self, kind: str, mark: str, click: Callable[[], Awaitable[httpx.Response]], done: Callable[[], Awaitable[str]]
    ) -> str:
        """Click until it is done, never when it was done before; what `done` found is returned."""
        last = ""
        for _ in range(_PATIENCE):
            try:
                known = await done()
                if known:
                    return known
                self.journal.write(at="sent", kind=kind, mark=mark)
                answer = await click()
                if answer.status_code in (200, 201, 303):
                    known = await self._seen(done)
                    self.journal.write(
                        at="acked", kind=kind, mark=mark, found=known, to=answer.headers.get("location", "")
                    )
                    return known
                text = " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())[-300:]
                last = f"{answer.status_code} {text}"
                self.journal.write(at="refused", kind=kind, mark=mark, status=answer.status_code, text=text)
            except NotDone as why:
                last = str(why)
                self.journal.write(at="lost", kind=kind, mark=mark, why=last)
            await asyncio.sleep(0.1)
        raise RuntimeError(f"{kind} {mark} was never done: {last}")

    async def _seen(self, done: Callable[[], Awaitable[str]]) -> str:
        """What was just acknowledged; it must be there at once, as soon as somebody answers."""
        for _ in range(_PATIENCE):
            try:
                return await done()
            except NotDone:
                await asyncio.sleep(0.1)
        raise RuntimeError("nobody answers any more")

    async def run(self) -> None:
        for person in (self.desk, self.doctor, self.window, self.till):
            await self._until(person.enter)
        count = 0
        while not self.journal.stop.is_set():
            count += 1
            await self.visit(f"{self.number}{count:06d}")

    async def _until(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await work()
            except NotDone:
                await asyncio.sleep(0.1)

    async def visit(self, mark: str) -> None:
        """One person from the door over the till to the medicine."""
        person = await self.step("person", mark, lambda: self._register(mark), lambda: self._person(mark))
        visit = await self.step("arrival", mark, lambda: self._arrive(person, mark), lambda: self._visit(person))
        at = f"/outpatient/visits/{visit}"
        await self.step("start", mark, lambda: self.doctor.click(f"{at}/step", {"verb": "start"}),
                        lambda: self._status(visit, "in-progress", "finished"))  # fmt: skip
        order = {"step": "place", "line": SERVICE, "quantity": "1", "note": "", "repeat_reason": ""}
        await self.step("order", mark, lambda: self.doctor.click(f"{at}/orders", order), lambda: self._order(visit))
        await self.step("signature", mark, lambda: self._sign(at), lambda: self._status(visit, "finished"))
        await self.step("statement", mark, lambda: self.close(visit, "chưa hỏi địa chỉ"), lambda: self.closed(visit))
        lines = await self._lines(visit)
        code, line = lines[0]["groupIdentifier"]["value"], lines[0]["id"]
        give = {f"quantity-{line}": str(GIVEN)}
        await self.step("dispense", mark, lambda: self.window.click(f"/pharmacy/prescriptions/{code}", give),
                        lambda: self._dispense(line))  # fmt: skip
        self.journal.write(at="whole", kind="visit", mark=mark, visit=visit)

    async def close(self, visit: str, reason: str = "") -> httpx.Response:
        """Close the cost statement as the page shows it; below the 15 % line the patient has nothing to pay."""
        await self.till.ask("GET", f"/billing/visits/{visit}")
        shown = re.search(r'name="shown" value="([0-9a-f]{64})"', self.till.page)
        if shown is None:
            raise NotDone("no statement to close")
        form = {"pin": self.pin, "shown": shown[1], "reason": reason}
        return await self.till.click(f"/billing/visits/{visit}/statement", form)

    async def closed(self, visit: str) -> str:
        """The Invoice in force, "" before the statement is closed or when it must be closed again."""
        found = await self.find(f"/Invoice?status=issued&_id={invoice_id(visit, 1)},{invoice_id(visit, 2)}")
        return str(found[0]["id"]) if found else ""

    async def _register(self, mark: str) -> httpx.Response:
        body = {
            "resourceType": "Patient",
            "identifier": [{"system": "https://lienmach.test/sid", "value": mark}],
            "name": [{"text": f"Nguyễn Thử {mark}"}], "gender": "male", "birthDate": "1990-02-01",
        }  # fmt: skip
        try:
            return await self.fhir.post(
                "/Patient", json=body, headers={"if-none-exist": f"identifier=https://lienmach.test/sid|{mark}"}
            )
        except httpx.HTTPError as problem:
            raise NotDone(type(problem).__name__) from None

    async def _arrive(self, person: str, mark: str) -> httpx.Response:
        card = f"DN486{int(mark):09d}1"
        return await self.desk.click(
            # Kind 02 ends with its last day of drugs: 01 could not be signed in the minute of its arrival (TIM-01).
            f"/registration/arrivals/{person}",
            {"kind": "02", "room": self.room, "card": card, "reason": "Ho", "address_reason": "chưa hỏi"},
        )

    async def _sign(self, at: str) -> httpx.Response:
        line = {"drug_code:0": DRUG, "per_time:0": "1", "times:0": "2", "days:0": "3", "payer:0": "bhyt",
                "may_substitute:0": "yes", "step": "keep"}  # fmt: skip
        await self.doctor.click(f"{at}/prescription", line)
        note = {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ", "main": "J00", "next": "signature"}
        await self.doctor.click(f"{at}/note", note)
        await self.doctor.ask("GET", f"{at}/signature")
        shown = re.search(r'name="shown" value="([0-9a-f]{64})"', self.doctor.page)
        if shown is None:
            raise NotDone("no preview")
        end = {"result": "2", "outcome": "1", "category": "", "pin": self.pin, "shown": shown[1]}
        return await self.doctor.click(f"{at}/signature", end)

    async def _person(self, mark: str) -> str:
        found = await self.find(f"/Patient?identifier=https://lienmach.test/sid|{mark}")
        return str(found[0]["id"]) if found else ""

    async def _visit(self, person: str) -> str:
        found = await self.find(f"/Encounter?patient=Patient/{person}")
        return str(found[0]["id"]) if found else ""

    async def _status(self, visit: str, *statuses: str) -> str:
        [found] = await self.find(f"/Encounter?_id={visit}")
        return str(found["status"]) if found["status"] in statuses else ""

    async def _order(self, visit: str) -> str:
        found = await self.find(f"/ServiceRequest?encounter=Encounter/{visit}")
        return next((str(one["id"]) for one in found if one["code"]["coding"][0]["code"] == SERVICE), "")

    async def _lines(self, visit: str) -> list[dict[str, Any]]:
        while True:
            try:
                return await self.find(f"/MedicationRequest?encounter=Encounter/{visit}")
            except NotDone:
                await asyncio.sleep(0.1)

    async def _dispense(self, line: str) -> str:
        found = await self.find(f"/MedicationDispense?prescription=MedicationRequest/{line}")
        return str(found[0]["id"]) if found else ""


async def send_results(port: int, journal: Journal) -> None:
    """An analyser that repeats each message until it is acknowledged."""
    count = 0
    while not journal.stop.is_set():
        count += 1
        control_id, lost = f"K{count:06d}", 0
        message = (
            f"MSH|^~\\&|{ANALYSER}|BENCH|LIS|LAB|20261122080000||ORU^R01^ORU_R01|{control_id}|P|2.5.1||||||UNICODE UTF-8\r"
            f"OBR|1||999{count:07d}|P^Panel^L\rOBX|1|NM|K^x^L||4.2|mmol/L|||||F\r"
        ).encode()
        journal.write(at="sent", kind="result", mark=control_id)
        while not await _is_acknowledged(port, message):
            lost += 1
            await asyncio.sleep(0.1)
        journal.write(at="acked", kind="result", mark=control_id, lost=lost)
        await asyncio.sleep(0.05)


async def _is_acknowledged(port: int, message: bytes) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"\x0b" + message + b"\x1c\r")
        answer = await asyncio.wait_for(reader.readuntil(b"\x1c"), 10)
        return b"|AA|" in answer
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    finally:
        writer.close()


async def main(base: str, token: str, password: str, pin: str, port: int, path: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with open(path, "a") as sink:
        journal = Journal(sink, stop)
        streams = [Stream(number, base, token, password, pin, journal) for number in range(len(DESKS))]
        await asyncio.gather(send_results(port, journal), *(one.run() for one in streams))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5], int(sys.argv[5]), sys.argv[6]))
