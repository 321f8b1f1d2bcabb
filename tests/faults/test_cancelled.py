"""Requests that are given up in the middle, at random moments: nothing leaks, nothing is half there."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

import httpx

from lienmach.api import routes
from lienmach.base import clock
from lienmach.identity import tokens
from lienmach.record import ledger
from lienmach.record.transaction import Store

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
ORGANIZATION = {"resourceType": "Organization", "name": "x", "identifier": [{"system": "http://x", "value": "1"}]}


class Hasty:
    """A client that asks at random. acked: the people whose creation was acknowledged. told: what was answered."""

    def __init__(self, client: httpx.AsyncClient, lots: random.Random) -> None:
        self.client, self.lots = client, lots
        self.acked: list[dict[str, Any]] = []
        self.told: list[tuple[str, int, str]] = []

    async def ask(self, number: int) -> None:
        kind = self.lots.choice(("create", "search", "transaction", "once", "read", "put"))
        if kind == "create":
            answer = await self.client.post("/Patient", json={"resourceType": "Patient", "name": [{"text": "x"}]})
            self.acked.append(answer.json())
        elif kind == "search":
            answer = await self.client.get("/Patient?name=x&_include=*&_total=accurate")
        elif kind == "transaction":
            answer = await self.client.post("", json=_two_alike(f"t{number}"))
        elif kind == "once":
            answer = await self.client.post(
                "/Organization", json=ORGANIZATION, headers={"if-none-exist": "identifier=http://x|1"}
            )
        elif kind == "read" and self.acked:
            answer = await self.client.get(f"/Patient/{self.lots.choice(self.acked)['id']}")
        else:
            person = {"resourceType": "Patient", "id": "p", "name": [{"text": str(number)}]}
            answer = await self.client.put("/Patient/p", json=person)
        self.told.append((kind, answer.status_code, answer.text[:200]))

    async def ask_and_give_up(self, start: int) -> None:
        """Forty requests at a time, most of them given up while they run."""
        tasks = [asyncio.create_task(self.ask(number)) for number in range(start, start + 40)]
        for task in tasks:
            if self.lots.random() < 0.6:
                asyncio.get_running_loop().call_later(self.lots.uniform(0, 0.15), task.cancel)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [one for one in done if isinstance(one, Exception)], f"seed {SEED}"


def _two_alike(mark: str) -> dict[str, Any]:
    """A transaction of two resources that are there together or not at all."""
    entry = {
        "resource": {"resourceType": "Basic", "code": {"text": mark}},
        "request": {"method": "POST", "url": "Basic"},
    }
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]}


async def test_cancelled_requests_leave_no_connection_no_snapshot_and_no_half_write(store: Store) -> None:
    print(f"seed {SEED}")
    door = routes.FhirDoor()
    door.store = store
    token = await tokens.issue(store.pool, 1, role_names=["system"], user="hasty", now=clock.now())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(door),
        base_url="http://localhost/fhir",
        timeout=60,
        headers={"authorization": f"Bearer {token}"},
    ) as client:
        hasty = Hasty(client, random.Random(SEED))
        for start in range(0, 400, 40):
            await hasty.ask_and_give_up(start)
        assert {kind for kind, _, _ in hasty.told} == {"create", "search", "transaction", "once", "read", "put"}
        spoiled = [one for one in hasty.told if one[1] not in (200, 201)]
        assert not spoiled, f"seed {SEED}: who did not give up was hit by who did: {spoiled[:3]}"
        async with asyncio.timeout(20):  # whoever waits in vain for a leaked turn or connection fails here
            for one in hasty.acked:
                assert (await client.get(f"/Patient/{one['id']}")).json() == one, f"seed {SEED}"
            found = (await client.get("/Basic?_count=1000")).json().get("entry", [])
            assert (await client.get("/Organization?_summary=count")).json()["total"] == 1
    marks = [entry["resource"]["code"]["text"] for entry in found]
    assert all(marks.count(mark) == 2 for mark in marks), f"seed {SEED}"
    assert store.committer_of(1).open == 0, f"seed {SEED}: units that never ended"
    await _all_connections_are_back(store)
    async with store.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("set local lienmach.tenant = '1'")
        async for step in ledger.verify(connection, 1):
            assert not isinstance(step, ledger.Fault), f"seed {SEED}: {step}"


async def _all_connections_are_back(store: Store) -> None:
    for _ in range(100):
        if store.pool.get_idle_size() == store.pool.get_size():
            break
        await asyncio.sleep(0.02)
    assert store.pool.get_idle_size() == store.pool.get_size(), f"seed {SEED}: a connection never came back"
