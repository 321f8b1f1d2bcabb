"""A disk without room, through the FHIR door: writes are refused in words, reading and its audit go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest

from lienmach.api import routes
from lienmach.base import clock, disk
from lienmach.base.settings import Settings
from lienmach.identity import tokens
from lienmach.record import ledger
from lienmach.record.transaction import Store

PATIENT = {"resourceType": "Patient", "name": [{"text": "HTEST"}]}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    door = routes.FhirDoor()
    door.store = store
    token = await tokens.issue(store.pool, 1, role_names=["system"], user="full", now=clock.now())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(door),
        base_url="http://localhost/fhir",
        timeout=60,
        headers={"authorization": f"Bearer {token}"},
    ) as one:
        yield one


async def _audited(client: httpx.AsyncClient) -> int:
    return int((await client.get("/AuditEvent?subtype=read&_summary=count")).json()["total"])


async def _fault(store: Store) -> str:
    async with store.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("set local lienmach.tenant = '1'")
        async for step in ledger.verify(connection, 1):
            if isinstance(step, ledger.Fault):
                return step.text
    return ""


def _refused(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 503
        and answer.json()["issue"][0]["code"] == "transient"
        and "retry-after" in answer.headers
        and "disk" in answer.text
    )


async def test_on_a_full_disk_writes_are_refused_and_audited_reading_goes_on(
    client: httpx.AsyncClient, store: Store, settings: Settings
) -> None:
    stored = (await client.post("/Patient", json=PATIENT)).json()
    url = f"/Patient/{stored['id']}"
    full = disk.Watch(replace(settings, disk_low_mb=2**40, disk_full_mb=2**40), [settings.home])
    store.check_room = full.check_write
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}],
    }
    assert _refused(await client.post("/Patient", json=PATIENT))
    assert _refused(await client.put(url, json={**stored, "active": True}))
    assert _refused(await client.post("", json=bundle))
    assert _refused(
        await client.patch(
            url,
            content='[{"op":"add","path":"/active","value":true}]',
            headers={"content-type": "application/json-patch+json"},
        )
    )
    before = await _audited(client)
    assert (await client.get(url)).json() == stored
    assert (await client.get("/Patient")).json()["total"] == 1
    assert await _audited(client) == before + 1
    store.check_room = disk.Watch(settings, [settings.home]).check_write
    assert (await client.put(url, json={**stored, "active": True})).status_code == 200
    assert await _fault(store) == ""


async def test_a_commit_that_finds_no_room_is_a_clear_503_and_stores_nothing(
    client: httpx.AsyncClient, store: Store, owner_url: str
) -> None:
    """PostgreSQL itself says that the disk is full, in the middle of a commit."""
    stored = (await client.post("/Patient", json=PATIENT)).json()
    owner = await asyncpg.connect(owner_url)
    await owner.execute(
        "create function no_room() returns trigger language plpgsql as $$ begin "
        "raise exception 'could not extend file' using errcode = '53100'; end $$"
    )
    await owner.execute("create trigger no_room before insert on str for each row execute function no_room()")
    refused = await client.post("/Patient", json=PATIENT)
    assert _refused(refused) and "nothing was stored" in refused.text
    await owner.execute("create trigger no_room before insert on version for each row execute function no_room()")
    assert (
        await client.get(f"/Patient/{stored['id']}")
    ).status_code == 503  # it could not be audited, so it does not leave
    await owner.execute("drop trigger no_room on str; drop trigger no_room on version")
    await owner.close()
    assert (await client.get("/Patient")).json()["total"] == 1
    assert (await client.post("/Patient", json=PATIENT)).status_code == 201
    assert await _fault(store) == ""


async def test_units_that_share_a_commit_do_not_share_the_fate_of_a_bad_one(
    client: httpx.AsyncClient, store: Store, owner_url: str
) -> None:
    """PostgreSQL refuses one row of a group: its unit fails in words, the others are stored."""
    import asyncio

    owner = await asyncpg.connect(owner_url)
    await owner.execute(
        "create function dislike() returns trigger language plpgsql as $$ begin "
        "if convert_from(new.body, 'UTF8') like '%disliked%' then raise exception 'no' using errcode = '23514'; "
        "end if; return new; end $$"
    )
    await owner.execute("create trigger dislike before insert on version for each row execute function dislike()")
    await owner.close()
    bodies = [{**PATIENT, "name": [{"text": "disliked" if number == 7 else "HTEST"}]} for number in range(20)]
    answers: list[Any] = await asyncio.gather(*(client.post("/Patient", json=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [409 if number == 7 else 201 for number in range(20)]
    assert answers[7].json()["resourceType"] == "OperationOutcome"
    assert (await client.get("/Patient?_summary=count")).json()["total"] == 19
    assert await _fault(store) == ""
