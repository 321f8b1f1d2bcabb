"""Many at once, through two doors of two stores on one database: one wins, nothing is lost, one chain without gaps."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from lienmach.api import routes
from lienmach.base import clock, db
from lienmach.identity import tokens
from lienmach.record import ledger
from lienmach.record.transaction import Store
from lienmach.standards.fhir import definitions

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
SYSTEM = "http://x"


@pytest.fixture
async def doors(store: Store, store_url: str, settings: Any) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two clients: each of a door, a store and a pool of its own, as two processes have them."""
    pool = await db.connect_pool(store_url, min=1, max=8)
    second = await Store.open(settings, pool, definitions.load())
    clients = []
    for one in (store, second):
        door = routes.FhirDoor()
        door.store = one
        token = await tokens.issue(one.pool, 1, role_names=["system"], user="many", now=clock.now())
        clients.append(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(door),
                base_url="http://localhost/fhir",
                timeout=120,
                headers={"authorization": f"Bearer {token}"},
            )
        )
    yield clients
    for client in clients:
        await client.aclose()
    await second.close()
    await pool.close()


async def _fault(store: Store) -> str:
    """What `verify` finds wrong, or ""; and the number of rows is the head's."""
    async with store.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("set local lienmach.tenant = '1'")
        async for step in ledger.verify(connection, 1):
            if isinstance(step, ledger.Fault):
                return step.text
        rows = await connection.fetchrow("select count(*), min(seq), max(seq) from version")
        head = await connection.fetchval("select seq from ledger where tenant = 1")
    return "" if tuple(rows) == (head, 1, head) else f"{tuple(rows)} rows, the head says {head}"


def _patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": "1"}], **more}


@pytest.mark.parametrize("used", [1, 2], ids=["one store", "two stores"])
async def test_of_a_hundred_conditional_creates_exactly_one_wins(
    doors: list[httpx.AsyncClient], store: Store, used: int
) -> None:
    answers = await asyncio.gather(
        *(
            doors[number % used].post("/Patient", json=_patient(), headers={"if-none-exist": f"identifier={SYSTEM}|1"})
            for number in range(100)
        )
    )
    assert Counter(one.status_code for one in answers) == {201: 1, 200: 99}
    assert len({one.json()["id"] for one in answers}) == 1
    assert (await doors[0].get(f"/Patient?identifier={SYSTEM}|1&_summary=count")).json()["total"] == 1
    assert await _fault(store) == ""


async def test_conditional_creates_in_transactions_make_one_person_and_link_to_it(
    doors: list[httpx.AsyncClient], store: Store
) -> None:
    link = "urn:uuid:8f2f2c2e-6f0d-4a4c-9a52-0a8f0d3a6d11"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": link,
                "resource": _patient(),
                "request": {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier={SYSTEM}|1"},
            },
            {
                "resource": {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "x"},
                    "subject": {"reference": link},
                },
                "request": {"method": "POST", "url": "Observation"},
            },
        ],
    }
    answers = await asyncio.gather(*(doors[number % 2].post("", json=bundle) for number in range(30)))
    assert {one.status_code for one in answers} == {200}, [one.text[:200] for one in answers if one.status_code != 200]
    found = (await doors[0].get("/Patient")).json()["entry"]
    assert len(found) == 1
    seen = (await doors[0].get("/Observation?_count=100")).json()
    assert seen["total"] == 30
    assert {one["resource"]["subject"]["reference"] for one in seen["entry"]} == {
        f"Patient/{found[0]['resource']['id']}"
    }
    assert await _fault(store) == ""


async def test_of_fifty_updates_on_one_version_exactly_one_wins(doors: list[httpx.AsyncClient], store: Store) -> None:
    assert (await doors[0].put("/Patient/p", json=_patient(id="p"))).status_code == 201
    answers = await asyncio.gather(
        *(
            doors[number % 2].put(
                "/Patient/p", json=_patient(id="p", name=[{"text": str(number)}]), headers={"if-match": 'W/"1"'}
            )
            for number in range(50)
        )
    )
    assert Counter(one.status_code for one in answers) == {200: 1, 412: 49}
    winner = next(one for one in answers if one.status_code == 200).json()
    assert (await doors[1].get("/Patient/p")).json() == winner
    assert await _fault(store) == ""


async def test_updates_without_a_condition_all_take_their_place(doors: list[httpx.AsyncClient], store: Store) -> None:
    """Each acknowledged one is a version of its own; one that met too many others is refused as a conflict."""
    answers = await asyncio.gather(
        *(
            doors[number % 2].put("/Patient/p", json=_patient(id="p", name=[{"text": str(number)}]))
            for number in range(40)
        )
    )
    assert {one.status_code for one in answers} <= {200, 201, 409}
    fine = [one.json() for one in answers if one.status_code < 300]
    history = (await doors[0].get("/Patient/p/_history?_count=100")).json()["entry"]
    assert sorted(int(one["meta"]["versionId"]) for one in fine) == list(range(1, len(history) + 1))
    assert {one["meta"]["versionId"]: one["name"] for one in fine} == {
        entry["resource"]["meta"]["versionId"]: entry["resource"]["name"] for entry in history
    }
    assert await _fault(store) == ""


async def test_patches_of_one_resource_lose_nothing(doors: list[httpx.AsyncClient], store: Store) -> None:
    """Each appends a name to what is there at that moment; every acknowledged one is in the last version."""
    await doors[0].put("/Patient/p", json=_patient(id="p", name=[{"text": "first"}]))
    answers = await asyncio.gather(
        *(
            doors[number % 2].patch(
                "/Patient/p",
                content=json.dumps([{"op": "add", "path": "/name/-", "value": {"text": str(number)}}]),
                headers={"content-type": "application/json-patch+json"},
            )
            for number in range(20)
        )
    )
    assert {one.status_code for one in answers} <= {200, 409}
    texts = [one["text"] for one in (await doors[0].get("/Patient/p")).json()["name"]]
    assert sorted(texts[1:]) == sorted(str(number) for number, one in enumerate(answers) if one.status_code == 200)
    assert await _fault(store) == ""


async def test_transactions_on_the_same_resources_are_all_or_nothing(
    doors: list[httpx.AsyncClient], store: Store
) -> None:
    """Each writes its number into three of five shared resources: all three have that version, or none."""
    lots = random.Random(SEED)
    print(f"seed {SEED}")

    async def write(number: int) -> tuple[int, list[str], int]:
        chosen = lots.sample(["a", "b", "c", "d", "e"], 3)
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "resource": {"resourceType": "Basic", "id": one, "code": {"text": str(number)}},
                    "request": {"method": "PUT", "url": f"Basic/{one}"},
                }
                for one in chosen
            ],
        }
        answer = await doors[number % 2].post("", json=bundle)
        return answer.status_code, chosen, number

    done = await asyncio.gather(*(write(number) for number in range(40)))
    assert {status for status, _, _ in done} <= {200, 409}, f"seed {SEED}: {Counter(status for status, _, _ in done)}"
    history: dict[str, set[str]] = {}
    for one in ("a", "b", "c", "d", "e"):
        answer = await doors[0].get(f"/Basic/{one}/_history?_count=100")
        for entry in answer.json().get("entry", []):
            history.setdefault(entry["resource"]["code"]["text"], set()).add(one)
    assert history == {str(number): set(chosen) for status, chosen, number in done if status == 200}, f"seed {SEED}"
    assert await _fault(store) == ""


async def test_a_reader_never_sees_half_a_transaction(doors: list[httpx.AsyncClient], store: Store) -> None:
    """While pairs are rewritten together, every search shows both of a pair with one number."""
    stop = asyncio.Event()

    async def write() -> None:
        for number in range(40):
            bundle = {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [
                    {
                        "resource": {"resourceType": "Basic", "id": one, "code": {"text": str(number)}},
                        "request": {"method": "PUT", "url": f"Basic/{one}"},
                    }
                    for one in ("left", "right")
                ],
            }
            assert (await doors[number % 2].post("", json=bundle)).status_code == 200
        stop.set()

    async def look(number: int) -> int:
        looks = 0
        while not stop.is_set():
            found = (await doors[number].get("/Basic")).json().get("entry", [])
            assert len(found) in (0, 2) and len({one["resource"]["code"]["text"] for one in found}) <= 1
            looks += 1
        return looks

    _, *looks = await asyncio.gather(write(), look(0), look(1))
    assert all(looks)


async def test_two_stores_that_write_at_once_keep_one_gapless_chain(
    doors: list[httpx.AsyncClient], store: Store
) -> None:
    """Creates, reads, deletes and refusals from both sides; every one of them audited, in one sequence."""

    async def act(number: int) -> None:
        client = doors[number % 2]
        answer = await client.post("/Patient", json=_patient(name=[{"text": str(number)}]))
        url = f"/Patient/{answer.json()['id']}"
        read = await doors[(number + 1) % 2].get(url)
        assert read.json() == answer.json()
        gone = await client.delete(url) if number % 5 == 0 else answer
        bad = await client.post("/Patient", json={"resourceType": "Patient", "gender": "x"})
        assert (answer.status_code, read.status_code, bad.status_code) == (201, 200, 422)
        assert gone is answer or gone.status_code == 204

    await asyncio.gather(*(act(number) for number in range(60)))
    assert await _fault(store) == ""


async def test_a_store_whose_connections_are_killed_goes_on_and_loses_nothing(
    doors: list[httpx.AsyncClient], store: Store, database: Any, database_name: str
) -> None:
    """Backends are ended under load: an answer is the write or a 503 in words, and the chain holds."""
    superuser = await asyncpg.connect(database.url("superuser", database_name))
    stop = asyncio.Event()
    acked: list[dict[str, Any]] = []
    seen: Counter[int] = Counter()

    async def write(client: httpx.AsyncClient) -> None:
        while not stop.is_set():
            answer = await client.post("/Patient", json=_patient())
            seen[answer.status_code] += 1
            if answer.status_code == 201:
                acked.append(answer.json())
            else:
                assert answer.status_code == 503 and answer.json()["issue"][0]["code"] == "transient", answer.text
                assert "retry-after" in answer.headers

    async def end_backends() -> None:
        for _ in range(10):
            await asyncio.sleep(0.1)
            await superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where usename = 'lienmach_app' and datname = current_database()"
            )
        await asyncio.sleep(0.2)
        stop.set()

    await asyncio.gather(end_backends(), *(write(doors[number % 2]) for number in range(6)))
    await superuser.close()
    assert len(acked) > 10, seen
    for one in acked:
        assert (await doors[0].get(f"/Patient/{one['id']}")).json() == one
    assert await _fault(store) == ""
