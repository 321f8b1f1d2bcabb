"""The bank's door: what is not signed, not fresh or not right changes nothing and is told why; what is right is durable."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from lienmach.base.actor import Actor
from lienmach.care import catalogues
from lienmach.care.gateways import bank
from lienmach.care.money import bank_notice, transfers
from lienmach.departments.billing import bank_notices
from lienmach.record.transaction import Transaction
from lienmach.web.department import Department
from tests.care import bank_world
from tests.clinic import Clinic
from tests.web.client import build

SECRET = "bí mật chung của ngân hàng và cơ sở"
PATH = "/billing/bank-notices"
FOLDER = Path(bank_notices.__file__).parent


class Bank:
    """Somebody who sends notices to the door. secret: theirs."""

    def __init__(self, client: httpx.AsyncClient, clinic: Clinic) -> None:
        self.client, self.clinic, self.secret = client, clinic, SECRET

    async def send(self, body: Any, *, age: float = 0, **headers: str | None) -> httpx.Response:
        """A notice, signed as the bank signs; headers: to be sent instead, None to leave one out."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        at = str(int(self.clinic.store.now().timestamp() - age))
        own = {"X-Timestamp": at, "X-Signature": bank.signature(self.secret, at, content)}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[misc]
        sent = {name: value for name, value in own.items() if value is not None}
        return await self.client.post(PATH, content=content, headers={"Content-Type": "application/json", **sent})


@pytest.fixture
async def sender(clinic: Clinic) -> AsyncIterator[Bank]:
    settings = dataclasses.replace(clinic.settings, bank_secret=SECRET)
    app = build(clinic.store, settings, [Department("billing", "Thu ngân", FOLDER, bank_notices.ROUTES)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        yield Bank(client, clinic)


def body(**more: Any) -> dict[str, Any]:
    """A notice as the bank writes it."""
    return {"transaction": "FT1", "bin": bank_world.BIN, "account": bank_world.ACCOUNT, "amount": 150_000,
            "currency": "VND", "direction": "credit", "purpose": "vien phi", "payer": "NGUOI MAU",
            "at": "2026-11-22T08:00:00+07:00", **more}  # fmt: skip


async def nothing_changed(clinic: Clinic) -> bool:
    """Whether no money was stored."""
    return await bank_world.tray(clinic) == [] and await bank_world.books(clinic) == {}


async def test_a_signed_notice_closes_the_bill(clinic: Clinic, sender: Bank) -> None:
    visit = await bank_world.bill(clinic, 150_000)
    request = await bank_world.ask(clinic, visit)
    answer = await sender.send(body(purpose=request.purpose))
    assert (answer.status_code, answer.json()) == (200, {"state": "matched"})
    assert (await bank_world.account(clinic, visit)).due == 0


async def test_a_notice_is_answered_again_and_booked_once(clinic: Clinic, sender: Bank) -> None:
    told = await asyncio.gather(*(sender.send(body()) for _ in range(100)))
    assert {one.status_code for one in told} == {200}
    assert sorted(one.json()["state"] for one in told) == ["known"] * 99 + ["unmatched"]
    assert await bank_world.books(clinic) == {"1121": 150_000, "3381": -150_000}


@pytest.mark.parametrize("age", [299, -299])
async def test_within_five_minutes_a_notice_is_fresh(sender: Bank, age: int) -> None:
    assert (await sender.send(body(), age=age)).status_code == 200


@pytest.mark.parametrize("age", [302, 86_400, -302])
async def test_a_replayed_notice_is_refused(clinic: Clinic, sender: Bank, age: int) -> None:
    answer = await sender.send(body(), age=age)
    assert answer.status_code == 401 and "5 phút" in answer.json()["problem"]
    assert await nothing_changed(clinic)


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Signature": None},
        {"X_Timestamp": None},
        {"X_Signature": ""},
        {"X_Signature": "0" * 64},
        {"X_Signature": "x" * 64},
        {"X_Signature": "é" * 10},
        {"X_Timestamp": "-1"},
        {"X_Timestamp": "1e9"},
        {"X_Timestamp": "9" * 400},
        {"X_Timestamp": "now"},
    ],
)
async def test_a_notice_without_a_true_signature_is_refused(
    clinic: Clinic, sender: Bank, headers: dict[str, str | None]
) -> None:
    encoded = {name: value.encode() if value else value for name, value in headers.items()}
    answer = await sender.send(body(), **encoded)  # type: ignore[arg-type]
    assert answer.status_code == 401 and answer.json()["problem"]
    assert await nothing_changed(clinic)


async def test_a_notice_signed_by_somebody_else_is_refused(clinic: Clinic, sender: Bank) -> None:
    sender.secret = SECRET + " "
    assert (await sender.send(body())).status_code == 401
    assert await nothing_changed(clinic)


async def test_a_notice_that_was_changed_on_the_way_is_refused(clinic: Clinic, sender: Bank) -> None:
    at = str(int(clinic.store.now().timestamp()))
    mark = bank.signature(SECRET, at, json.dumps(body()).encode())
    assert (await sender.send(body(amount=1), X_Timestamp=at, X_Signature=mark)).status_code == 401
    assert (await sender.send(body(), X_Timestamp=str(int(at) + 1), X_Signature=mark)).status_code == 401
    assert await nothing_changed(clinic)


async def test_without_a_secret_nobody_can_tell_us_anything(clinic: Clinic) -> None:
    app = build(clinic.store, clinic.settings, [Department("billing", "Thu ngân", FOLDER, bank_notices.ROUTES)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        stranger = Bank(client, clinic)
        stranger.secret = ""
        answer = await stranger.send(body())
    assert answer.status_code == 401 and "chưa kết nối" in answer.json()["problem"]
    assert await nothing_changed(clinic)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": -150_000},
        {"amount": 10**12},
        {"amount": 10**30},
        {"amount": 150_000.0},
        {"amount": 150_000.5},
        {"amount": "150000"},
        {"amount": True},
        {"amount": None},
        {"amount": [150_000]},
        {"currency": "USD"},
        {"currency": None},
        {"direction": "debit"},
        {"direction": ""},
        {"transaction": ""},
        {"transaction": "x" * 65},
        {"transaction": "FT 1"},
        {"transaction": "FT/1"},
        {"transaction": 7},
        {"bin": "97043"},
        {"account": "' or 1=1 --"},
        {"account": None},
        {"purpose": 5},
        {"purpose": None},
        {"at": "2026-11-22T08:00:00"},
        {"at": "hôm nay"},
        {"at": 1_700_000_000},
        {"at": "0001-01-01T00:00:00+07:00"},
    ],
)
async def test_a_member_that_cannot_be_is_named(clinic: Clinic, sender: Bank, change: dict[str, Any]) -> None:
    answer = await sender.send(body(**change))
    assert answer.status_code == 422
    assert next(iter(change)) in answer.json()["problem"]
    assert await nothing_changed(clinic)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 10_000, 400),
        (b'{"amount": 1, "amount": 2}', 400),
        (b'{"amount": NaN}', 400),
        (b'{"amount": ' + b"9" * 5_000 + b"}", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"x"', 422),
        (b"{}", 422),
        (b" " * (bank_notice.BYTES_MAX + 1), 413),
    ],
)
async def test_what_is_no_notice_is_refused(clinic: Clinic, sender: Bank, content: bytes, status: int) -> None:
    answer = await sender.send(content)
    assert answer.status_code == status and answer.json()["problem"]
    assert await nothing_changed(clinic)


async def test_a_notice_of_just_the_largest_size_is_read(sender: Bank) -> None:
    content = json.dumps(body()).encode()
    assert (await sender.send(content.ljust(bank_notice.BYTES_MAX))).status_code == 200


@pytest.mark.parametrize(
    "account", ["0000000001", "HTEST0000086993", "htest0000086991"], ids=["unknown", "pharmacy", "small letters"]
)
async def test_money_into_an_account_that_is_not_ours_is_refused(clinic: Clinic, sender: Bank, account: str) -> None:
    answer = await sender.send(body(account=account))
    assert answer.status_code == 422 and "tài khoản" in answer.json()["problem"].lower()
    assert await nothing_changed(clinic)


async def test_money_into_another_tenants_account_is_refused_and_reaches_neither(clinic: Clinic, sender: Bank) -> None:
    theirs = Actor(2, "system", frozenset({"system"}), "HPAYMT")
    data = {"bin": bank_world.BIN, "account": "HTEST0000000002", "holder": "BENH VIEN KHAC"}

    async def open_account(tx: Transaction) -> None:
        row = catalogues.Row("bank-account", "86999", "Bệnh viện khác", date(2020, 1, 1), state="approved", data=data)
        catalogues.put(tx, [row])

    await clinic.store.run(theirs, open_account)
    assert (await sender.send(body(account="HTEST0000000002"))).status_code == 422
    assert await nothing_changed(clinic)
    async with clinic.store.begin(theirs) as tx:
        assert await transfers.recent(tx) == []


async def test_the_same_number_with_another_amount_is_refused(clinic: Clinic, sender: Bank) -> None:
    await sender.send(body())
    answer = await sender.send(body(amount=150_001))
    assert answer.status_code == 409 and "lần báo đầu" in answer.json()["problem"]
    assert await bank_world.books(clinic) == {"1121": 150_000, "3381": -150_000}


@pytest.mark.parametrize(
    ("purpose", "kept"),
    [
        ("viện phí Ân 💸", "viện phí Ân 💸"),
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("\ud800 nửa chữ", "nửa chữ"),
        ("x" * 600, "x" * 500),
    ],
)
async def test_a_strange_purpose_is_kept_as_people_may_read_it(
    clinic: Clinic, sender: Bank, purpose: str, kept: str
) -> None:
    assert (await sender.send(body(purpose=purpose))).status_code == 200
    [waiting] = await bank_world.tray(clinic)
    assert waiting.purpose == kept
