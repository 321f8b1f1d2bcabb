"""Several tenants on one node, each with its own account at a bank: money goes to whom the account belongs, or to nobody."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from lienmach.base.actor import Actor
from lienmach.base.jobs import Taken
from lienmach.base.settings import Settings
from lienmach.care import catalogues
from lienmach.care.catalogues import Row
from lienmach.care.money import bank_lines, poll_turns, statement_polls, transfers
from lienmach.departments.billing import bank_notices
from lienmach.record.transaction import Transaction
from lienmach.simulators import bank
from lienmach.standards import vietqr
from lienmach.web.department import Department
from tests.care import bank_world, outbox_work
from tests.clinic import Clinic
from tests.departments.billing.test_bank_notices import FOLDER, Bank, body
from tests.simulators import running
from tests.web.client import build

THEIRS = "HTEST0000099002"  # the account of the second tenant
A, B = "bí mật A", "bí mật B"


def actor(tenant: int) -> Actor:
    return Actor(tenant, "system", frozenset({"system"}), "HPAYMT", "bank")


async def open_account(clinic: Clinic, tenant: int, account: str) -> None:
    """A tenant takes money into an account from today on."""

    async def work(tx: Transaction) -> None:
        data = {"bin": bank_world.BIN, "account": account, "holder": "BENH VIEN KHAC (MAU)"}
        on = catalogues.today(tx)
        catalogues.put(tx, [Row("bank-account", f"9900{tenant}", "Tài khoản (mẫu)", on, None, "approved", data)])

    await clinic.store.run(actor(tenant), work)


async def money(clinic: Clinic) -> list[tuple[int, str]]:
    """(tenant, number) of all money that was stored."""
    found = []
    for tenant in (1, 2):
        async with clinic.store.begin(actor(tenant)) as tx:
            found += [(tenant, one.transfer_id) for one in await transfers.recent(tx)]
    return found


def door(clinic: Clinic, secret: str) -> Bank:
    """The bank before the node's door."""
    settings = dataclasses.replace(clinic.settings, bank_secret=secret)
    app = build(clinic.store, settings, [Department("billing", "Thu ngân", FOLDER, bank_notices.ROUTES)])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")
    return Bank(client, clinic)


async def told(clinic: Clinic, secret: str, signed: str, account: str) -> httpx.Response:
    """The answer to a notice of money for an account. secret: of the node's settings; signed: the sender's."""
    sender = door(clinic, secret)
    sender.secret = signed
    async with sender.client:
        return await sender.send(body(transaction=f"FT-{account}", account=account))


@pytest.mark.parametrize(
    ("secret", "signed"), [(f"main={A},other={B}", {1: A, 2: B}), (f"other={B}, main={A}", {1: A, 2: B})]
)
async def test_a_notice_goes_to_the_tenant_whose_account_it_names(
    clinic: Clinic, secret: str, signed: dict[int, str]
) -> None:
    await open_account(clinic, 2, THEIRS)
    for tenant, account in ((2, THEIRS), (1, bank_world.ACCOUNT)):
        answer = await told(clinic, secret, signed[tenant], account)
        assert (answer.status_code, answer.json()) == (200, {"state": "unmatched"})
    assert [tenant for tenant, _ in await money(clinic)] == [1, 2]


@pytest.mark.parametrize(
    ("secret", "signed", "account", "status"),
    [
        (f"main={A},other={B}", A, "HTEST0000000000", 422),  # nobody's
        (A, A, THEIRS, 422),  # one secret is that of the first tenant
        (f"main={A},other={B}", A, THEIRS, 422),  # signed by the bank of another tenant
        (f"main={A},other={B}", B, bank_world.ACCOUNT, 422),
        (f"main={A}", B, THEIRS, 401),  # of a tenant without a line
        (f"main={A}", "", THEIRS, 401),
        (f"main={A},other={B}", "bí mật", THEIRS, 401),
        (f"main={A},other=", "", THEIRS, 401),  # an empty secret signs nothing
        ("", "", THEIRS, 401),
    ],
)
async def test_a_notice_that_belongs_to_nobody_who_could_have_signed_it_changes_nothing(
    clinic: Clinic, secret: str, signed: str, account: str, status: int
) -> None:
    await open_account(clinic, 2, THEIRS)
    answer = await told(clinic, secret, signed, account)
    assert answer.status_code == status and answer.json()["problem"]
    assert await money(clinic) == []


async def test_an_account_of_two_tenants_with_one_secret_takes_no_notice(clinic: Clinic) -> None:
    await open_account(clinic, 2, bank_world.ACCOUNT)
    answer = await told(clinic, f"main={A},other={A}", A, bank_world.ACCOUNT)
    assert answer.status_code == 409 and "nhiều đơn vị" in answer.json()["problem"]
    assert await money(clinic) == []
    answer = await told(clinic, f"main={A},other={B}", A, bank_world.ACCOUNT)
    assert answer.status_code == 200, "each has a line of its own: it is the one whose bank signed"


@pytest.fixture
async def far_bank(clinic: Clinic) -> AsyncIterator[running.Simulator]:
    """The bank of the second tenant."""
    await open_account(clinic, 2, THEIRS)
    async with running.here(bank, secret=B) as one:
        yield one


@pytest.mark.parametrize("is_own", [False, True])
async def test_the_statement_is_read_for_each_tenant_that_has_a_line(
    clinic: Clinic, far_bank: running.Simulator, is_own: bool
) -> None:
    names = ["other"] if is_own else ["main", "other"]
    url, secret = (",".join(f"{one}={word}" for one in names) for word in (far_bank.url, B))
    outbox_work.connect(clinic.store, bank_url=url, bank_secret=secret)
    async with httpx.AsyncClient(base_url=far_bank.url) as client:
        for account in (bank_world.ACCOUNT, THEIRS):
            payload = vietqr.payload(bank_world.BIN, account, 50_000, "VIEN PHI")
            assert (await client.post("/pay", json={"payload": payload})).status_code == 200
    for tenant in (1, 2):
        await clinic.store.run(actor(tenant), _expect)
        async with clinic.store.begin(actor(tenant)) as tx:
            rows = await tx.fetch("select turn from bank_poll where tenant = $1", tenant)
            assert (await poll_turns.state(tx)).is_connected == (tenant == 2 or not is_own)
        for row in rows:
            job = Taken(1, tenant, poll_turns.POLL, {"turn": row["turn"]}, 1, 10)
            await statement_polls.poll(clinic.store, job)
    assert [tenant for tenant, _ in await money(clinic)] == ([2] if is_own else [1, 2])


async def _expect(tx: Transaction) -> None:
    poll_turns.expect(tx)


@pytest.mark.parametrize(
    ("said", "main", "other"),
    [
        ("", "", ""),
        ("một", "một", ""),
        ("main=một", "một", ""),
        ("main=một,other=hai", "một", "hai"),
        ("other=a=b==", "", "a=b=="),
        ("c2VjcmV0=", "c2VjcmV0=", ""),  # ends in a sign of base64: a secret and no tenant
        ("main=một,third=hai", "main=một,third=hai", ""),  # names a tenant that there is not
    ],
)
async def test_a_setting_is_of_the_first_tenant_or_of_each_that_it_names(
    clinic: Clinic, said: str, main: str, other: str
) -> None:
    of = functools.partial(bank_lines.of, dataclasses.replace(Settings.load({}), bank_secret=said, bank_url=said))
    for tenant, own in ((1, main), (2, other)):
        line: Any = of(clinic.store.tenants, tenant)
        assert (line.url, line.secret) == (own, own)
