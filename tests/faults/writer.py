"""Load for a node that is being killed: writes and reads over HTTP from a process of its own, and keeps a journal.

    python writer.py BASE_URL TOKEN JOURNAL SEED

One JSON line in the journal when a request is sent and one when it was acknowledged; the journal is what the test
believes in. Each of the clients owns its resources, so the version that a write must make is known beforehand.
It runs until it is told to stop by SIGTERM, and finishes what it has begun.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from typing import Any, TextIO

import httpx

CLIENTS = 4
SYSTEM = "https://lienmach.test/sid"
ACCEPTED = {200, 201}


class Client:
    """One integrator that writes, remembers what was acknowledged, and tries again after an outage."""

    def __init__(self, number: int, http: httpx.AsyncClient, journal: TextIO, lots: random.Random) -> None:
        self.number = number
        self.http = http
        self.journal = journal
        self.lots = lots
        self.count = 0
        self.versions: dict[str, int] = {}  # of the patients that this client owns, as last acknowledged

    def write_down(self, **line: Any) -> None:
        self.journal.write(json.dumps(line) + "\n")
        self.journal.flush()

    async def send(
        self, kind: str, mark: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response | None:
        """The answer, or None if there was none or the node said that it cannot now; both may have been stored."""
        self.write_down(at="sent", kind=kind, mark=mark, body=body)
        try:
            answer = await self.http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as problem:
            self.write_down(at="lost", kind=kind, mark=mark, why=type(problem).__name__)
            return None
        if answer.status_code in ACCEPTED:
            self.write_down(
                at="acked",
                kind=kind,
                mark=mark,
                status=answer.status_code,
                etag=answer.headers.get("etag"),
                answer=answer.json(),
            )
            return answer
        self.write_down(at="refused", kind=kind, mark=mark, status=answer.status_code, text=answer.text[:300])
        return None

    async def run(self, stop: asyncio.Event) -> None:
        acts = [self.update, self.update, self.create, self.transaction, self.transaction, self.create_once, self.read]
        while not stop.is_set():
            self.count += 1
            if not await self.lots.choice(acts)(f"{self.number}-{self.count}"):
                await asyncio.sleep(0.05)

    async def update(self, mark: str) -> bool:
        """Write the next version of one of eight own patients, under If-Match of the one before."""
        patient_id = f"own-{self.number}-{self.lots.randrange(8)}"
        known = self.versions.get(patient_id)
        if known is None:
            known = await self._version_of(patient_id)
            if known is None:
                return False
        body = {"resourceType": "Patient", "id": patient_id, "name": [{"text": f"HTEST {mark}"}]}
        headers = {"if-match": f'W/"{known}"'} if known else None
        answer = await self.send("update", mark, "PUT", f"/Patient/{patient_id}", body, headers)
        if answer is None:
            self.versions.pop(patient_id, None)  # nobody knows; ask before the next one
            return False
        self.versions[patient_id] = int(answer.json()["meta"]["versionId"])
        return True

    async def _version_of(self, patient_id: str) -> int | None:
        try:
            answer = await self.http.get(f"/Patient/{patient_id}")
        except httpx.HTTPError:
            return None
        if answer.status_code == 404:
            return 0
        return int(answer.json()["meta"]["versionId"]) if answer.status_code == 200 else None

    async def create(self, mark: str) -> bool:
        body = {"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"system": SYSTEM, "value": mark}]}
        return await self.send("create", mark, "POST", "/Basic", body) is not None

    async def create_once(self, mark: str) -> bool:
        """A conditional create that is sent again until it is acknowledged, as a careful client does."""
        body = {"resourceType": "Organization", "name": mark, "identifier": [{"system": SYSTEM, "value": mark}]}
        for _ in range(200):
            answer = await self.send(
                "once", mark, "POST", "/Organization", body, {"if-none-exist": f"identifier={SYSTEM}|{mark}"}
            )
            if answer is not None:
                return True
            await asyncio.sleep(0.1)
        return False

    async def transaction(self, mark: str) -> bool:
        """Three linked resources and a change to one of this client's own: all of it or nothing."""
        stay, seen = f"urn:uuid:{self._uuid()}", f"urn:uuid:{self._uuid()}"
        person = f"urn:uuid:{self._uuid()}"
        identifier = [{"system": SYSTEM, "value": mark}]
        entries = [
            (
                seen,
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "x"},
                    "identifier": identifier,
                    "subject": {"reference": person},
                    "encounter": {"reference": stay},
                },
            ),
            (person, {"resourceType": "Patient", "identifier": identifier, "name": [{"text": f"HTEST {mark}"}]}),
            (
                stay,
                {
                    "resourceType": "Encounter",
                    "status": "finished",
                    "class": {"code": "AMB"},
                    "identifier": identifier,
                    "subject": {"reference": person},
                },
            ),
        ]
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
                for url, one in entries
            ],
        }
        return await self.send("transaction", mark, "POST", "", bundle) is not None

    async def read(self, mark: str) -> bool:
        patient_id = f"own-{self.number}-{self.lots.randrange(8)}"
        if not self.versions.get(patient_id):
            return True
        request = f"read-{mark}"
        return (
            await self.send("read", request, "GET", f"/Patient/{patient_id}", None, {"x-request-id": request})
            is not None
        )

    def _uuid(self) -> str:
        text = f"{self.lots.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


async def main(base: str, token: str, path: str, seed: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with open(path, "a") as journal:
        async with httpx.AsyncClient(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=20) as http:
            await asyncio.gather(
                *(
                    Client(number, http, journal, random.Random(f"{seed}-{number}")).run(stop)
                    for number in range(CLIENTS)
                )
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
