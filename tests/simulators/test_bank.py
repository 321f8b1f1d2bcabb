"""The bank that we play: it pays codes, signs what it tells, keeps a statement, and fails on demand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators import bank, faults
from lienmach.standards import vietqr
from tests.simulators import running

SECRET = "bí mật"
CODE = vietqr.payload("970436", "0000000001", 150_000, "LM261122ACDEFG")


class Facility:
    """Who gets the notices."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def take(self, request: Request) -> Response:
        self.got.append((dict(request.headers), await request.body()))
        return JSONResponse({"state": "matched"})

    def is_signed(self, index: int) -> bool:
        """Whether a notice carries our secret's mark."""
        headers, body = self.got[index]
        return headers["x-signature"] == bank.signed(SECRET, headers["x-timestamp"], body)["X-Signature"]


@pytest.fixture
async def facility() -> AsyncIterator[Facility]:
    one, port = Facility(), running.free_port()
    app = Starlette(routes=[Route("/notices", one.take, methods=["POST"])])
    serving = asyncio.create_task(faults.listen(app, "127.0.0.1", port))
    await running._wait_for(port)
    one.url = f"http://127.0.0.1:{port}/notices"
    yield one
    serving.cancel()
    await asyncio.wait([serving])


@pytest.fixture
async def client(facility: Facility) -> AsyncIterator[httpx.AsyncClient]:
    async with running.here(bank, webhook=facility.url, secret=SECRET) as one:
        async with httpx.AsyncClient(base_url=one.url, timeout=20) as made:
            yield made


async def ask(client: httpx.AsyncClient, query: str, *, secret: str = SECRET, age: int = 0) -> httpx.Response:
    """The statement, asked for as a facility does."""
    at = str(int(time.time()) - age)
    return await client.get(f"/statement?{query}", headers=bank.signed(secret, at, f"/statement?{query}".encode()))


async def pay(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/pay", json={"payload": CODE, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_code_is_paid_and_told_with_a_signature(client: httpx.AsyncClient, facility: Facility) -> None:
    said = await pay(client)
    assert (said["amount"], said["purpose"], said["notice"]) == (150_000, "LM261122ACDEFG", 200)
    told = json.loads(facility.got[0][1])
    assert (told["transaction"], told["bin"], told["account"], told["currency"]) == (
        said["transaction"], "970436", "0000000001", "VND",
    )  # fmt: skip
    assert facility.is_signed(0)


async def test_without_a_code_bank_account_amount_and_purpose_do(client: httpx.AsyncClient) -> None:
    answer = await client.post("/pay", json={"payload": "970436,0000000001,5000,vien phi, thang 11"})
    assert answer.json()["purpose"] == "vien phi, thang 11"


async def test_a_purpose_may_arrive_mangled_with_its_number_in_it(client: httpx.AsyncClient) -> None:
    said = await pay(client, mangle=True)
    assert "LM261122ACDEFG" in said["purpose"] and said["purpose"] != "LM261122ACDEFG"


@pytest.mark.parametrize("payload", ["", "hello", CODE[:40], "970436,1,0,x", "970436,1,-5,x", "970436,1,1.5,x"])
async def test_what_is_no_code_is_refused(client: httpx.AsyncClient, facility: Facility, payload: str) -> None:
    answer = await client.post("/pay", json={"payload": payload})
    assert answer.status_code == 422 and answer.json()["problem"]
    assert facility.got == []


async def test_the_statement_goes_on_from_its_cursor(client: httpx.AsyncClient) -> None:
    numbers = [(await pay(client))["transaction"] for _ in range(3)]
    await client.post("/pay", json={"payload": "970436,0000000002,5000,x"})
    first = (await ask(client, "account=0000000001&limit=2")).json()
    assert [one["transaction"] for one in first["items"]] == numbers[:2] and first["more"]
    second = (await ask(client, f"account=0000000001&limit=2&after={first['next']}")).json()
    assert [one["transaction"] for one in second["items"]] == numbers[2:] and not second["more"]
    third = (await ask(client, f"account=0000000001&after={second['next']}")).json()
    assert third == {"items": [], "next": second["next"], "more": False}


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"age": 301}])
async def test_the_statement_wants_a_fresh_signature(client: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    assert (await ask(client, "account=0000000001", **wrong)).status_code == 401
    assert (await client.get("/statement?account=0000000001")).status_code == 401


async def test_notices_are_lost_doubled_forged_stale_and_late_on_demand(
    client: httpx.AsyncClient, facility: Facility
) -> None:
    await client.post("/_webhook", json={"drop": 2})
    assert [(await pay(client))["notice"] for _ in range(3)] == ["dropped", "dropped", 200]
    assert len(facility.got) == 1
    await client.post("/_webhook", json={"double": 1})
    await pay(client)
    assert len(facility.got) == 3 and facility.got[1][1] == facility.got[2][1]
    await client.post("/_webhook", json={"forge": 1})
    await pay(client)
    await pay(client)
    assert [facility.is_signed(index) for index in (3, 4)] == [False, True]
    await client.post("/_webhook", json={"stale": 1})
    await pay(client)
    assert facility.is_signed(5) and time.time() - int(facility.got[5][0]["x-timestamp"]) > bank.WINDOW_SECONDS
    await client.post("/_webhook", json={"late": 0.2})
    assert (await pay(client))["notice"] == "late"
    assert len(facility.got) == 6
    for _ in range(200):
        if len(facility.got) == 7:
            break
        await asyncio.sleep(0.05)
    assert len(facility.got) == 7
    assert len((await ask(client, "account=0000000001")).json()["items"]) == 8  # the statement knows them all


@pytest.mark.parametrize("modes", [{"burn": 1}, {"drop": "x"}, {"drop": -1}, [1]])
async def test_a_mode_that_there_is_not_is_refused(client: httpx.AsyncClient, modes: Any) -> None:
    assert (await client.post("/_webhook", json=modes)).status_code == 400


async def test_a_facility_that_is_away_loses_nothing_of_the_statement() -> None:
    nobody = f"http://127.0.0.1:{running.free_port()}/notices"
    async with running.here(bank, webhook=nobody) as one, httpx.AsyncClient(base_url=one.url) as client:
        assert (await pay(client))["notice"] is None
        assert len((await client.get("/statement?account=0000000001")).json()["items"]) == 1
