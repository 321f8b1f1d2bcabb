"""The e-invoice provider that we play: numbers without gaps, once by key, adjusted and never cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from lienmach.simulators import einvoice
from tests.simulators import running


def invoice(**more: Any) -> dict[str, Any]:
    """An invoice that the provider takes."""
    return {"key": "bill.1", "kind": "original", "day": "2026-11-22", "buyer": {"name": "Người Mẫu"},
            "lines": [{"name": "Khám bệnh", "amount": 40_000}, {"name": "Thuốc", "amount": 10_000}], "total": 50_000,
            "in_words": "Năm mươi nghìn đồng", **more}  # fmt: skip


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with running.here(einvoice) as one, httpx.AsyncClient(base_url=one.url) as made:
        said = await made.post("/api/sign-in", json={"user": "x", "password": "y"})
        made.headers["Authorization"] = f"Bearer {said.json()['token']}"
        yield made


async def send(client: httpx.AsyncClient, body: Any, key: str = "") -> httpx.Response:
    return await client.post("/api/invoices", json=body, headers={"Idempotency-Key": key} if key else {})


async def test_who_has_not_signed_in_issues_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/sign-in", json={"user": "x"})).status_code == 401
    client.headers["Authorization"] = "Bearer another"
    assert (await send(client, invoice())).status_code == 401
    assert (await client.get("/api/invoices/bill.1")).status_code == 401


async def test_numbers_run_on_and_a_key_is_one_invoice(client: httpx.AsyncClient) -> None:
    first = await send(client, invoice(), "a")
    again = await send(client, invoice(), "a")
    second = await send(client, invoice(key="bill.2"), "b")
    assert (first.status_code, first.json()) == (201, again.json())
    assert [one.json()["number"] for one in (first, second)] == ["00000001", "00000002"]
    assert (await client.get("/api/invoices/bill.2")).json()["body"]["total"] == 50_000
    assert (await client.get("/api/invoices/none")).status_code == 404
    assert (await send(client, invoice(), "c")).status_code == 422  # the same key of an invoice as another message


@pytest.mark.parametrize(
    "change",
    [
        {"key": ""},
        {"kind": "cancelled"},
        {"day": "22/11/2026"},
        {"in_words": ""},
        {"total": 50_001},
        {"total": 50_000.0},
        {"total": "50000"},
        {"lines": []},
        {"lines": [{"name": "", "amount": 50_000}]},
        {"lines": [{"name": "Hoàn", "amount": -1}], "total": -1},
        {"buyer": {}},
        {"buyer": {"name": "A", "tax_code": "1"}},
        {"adjusts": "bill.0"},
        {"kind": "adjusting"},
    ],
)
async def test_what_is_wrong_is_named_and_not_issued(client: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await send(client, invoice(**change))
    assert answer.status_code == 422 and answer.json()["faults"]
    assert (await send(client, invoice())).json()["number"] == "00000001"


async def test_an_adjustment_waits_for_its_original(client: httpx.AsyncClient) -> None:
    less = invoice(key="adjust.1", kind="adjusting", adjusts="bill.1", reason="trả thuốc",
                   lines=[{"name": "Thuốc", "amount": -10_000}], total=-10_000)  # fmt: skip
    assert (await send(client, less)).status_code == 409
    await send(client, invoice())
    assert (await send(client, less)).status_code == 201
