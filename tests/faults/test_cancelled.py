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


async def test_cancelled_requests_leave_no_connection_no_snapshot_and_no_half_write(store: Store) -> None:
    print(f"seed {SEED}")
    lots = random.Random(SEED)
    door = routes.FhirDoor()
    door.store = store
    token = await tokens.issue(store.pool, 1, role_names=["system"], user="hasty", now=clock.now())
    acked: list[dict[str, Any]] = []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(door),
        base_url="http://localhost/fhir",
        timeout=60,
        headers={"authorization": f"Bearer {token}"},
    ) as client:

        def bundle(mark: str) -> dict[str, Any]:
            return {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [
                    {
                        "resource": {"resourceType": "Basic", "code": {"text": mark}},
                        "request": {"method": "POST", "url": "Basic"},
                    }
                    for _ in range(2)
                ],
            }

        async def ask(number: int) -> None:
            kind = lots.choice(("create", "search", "transaction", "once", "read", "put"))
            if kind == "create":
                answer = await client.post("/Patient", json={"resourceType": "Patient", "name": [{"text": "x"}]})
                acked.append(answer.json())
            elif kind == "search":
                await client.get("/Patient?name=x&_include=*&_total=accurate")
            elif kind == "transaction":
                await client.post("", json=bundle(f"t{number}"))
            elif kind == "once":
                await client.post(
                    "/Organization",
                    json={
                        "resourceType": "Organization",
                        "name": "x",
                        "identifier": [{"system": "http://x", "value": "1"}],
                    },
                    headers={"if-none-exist": "identifier=http://x|1"},
                )
            elif kind == "read" and acked:
                await client.get(f"/Patient/{lots.choice(acked)['id']}")
            else:
                await client.put(
                    "/Patient/p", json={"resourceType": "Patient", "id": "p", "name": [{"text": str(number)}]}
                )

        for start in range(0, 400, 40):
            tasks = [asyncio.create_task(ask(number)) for number in range(start, start + 40)]
            for task in tasks:
                if lots.random() < 0.6:
                    asyncio.get_running_loop().call_later(lots.uniform(0, 0.15), task.cancel)
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert not [one for one in done if isinstance(one, Exception)], f"seed {SEED}"

        async with asyncio.timeout(20):  # whoever waits in vain for a leaked turn or connection fails here
            for one in acked:
                assert (await client.get(f"/Patient/{one['id']}")).json() == one, f"seed {SEED}"
            found = (await client.get("/Basic?_count=1000")).json().get("entry", [])
            assert (await client.get("/Organization?_summary=count")).json()["total"] == 1
    marks = [entry["resource"]["code"]["text"] for entry in found]
    assert all(marks.count(mark) == 2 for mark in marks), f"seed {SEED}"
    assert store.committer_of(1).open == 0, f"seed {SEED}: units that never ended"
    for _ in range(100):
        if store.pool.get_idle_size() == store.pool.get_size():
            break
        await asyncio.sleep(0.02)
    assert store.pool.get_idle_size() == store.pool.get_size(), f"seed {SEED}: a connection never came back"
    async with store.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("set local lienmach.tenant = '1'")
        async for step in ledger.verify(connection, 1):
            assert not isinstance(step, ledger.Fault), f"seed {SEED}: {step}"
