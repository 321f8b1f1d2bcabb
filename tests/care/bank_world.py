"""Bills to be paid by bank, and what the bank says of it, in the test's clinic."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base.actor import Actor
from lienmach.care import resources
from lienmach.care.money import accounts, ledger, payment_requests, receipts, transfers
from lienmach.care.money.accounts import Account
from lienmach.care.money.bank_notice import Notice
from lienmach.care.money.ledger import Posting
from lienmach.care.money.payment_requests import PaymentRequest
from lienmach.care.money.transfers import Received, Transfer
from lienmach.record.transaction import Transaction
from tests.clinic import Clinic

BIN, ACCOUNT = "999999", "HTEST0000086991"
BANK = Actor(1, "system", frozenset({"system"}), "HPAYMT", "bank")
_numbers = itertools.count(1)


async def visit(clinic: Clinic) -> str:
    """An open visit without an account."""
    return await clinic.visit(await clinic.patient())


async def bill(clinic: Clinic, total: int, *, encounter_id: str = "") -> str:
    """A visit whose statement asks for this much; again for the same visit: its next version. Returns the Encounter."""
    own = encounter_id or await visit(clinic)
    number = next(_numbers)

    async def close(tx: Transaction) -> None:
        before = await accounts.of_visit(tx, own)
        if before is None:
            accounts.open_finished(tx, await resources.read(tx, "Encounter", own))
        change = Decimal(total - (before.patient_total if before else 0))

        async def write(connection: asyncpg.Connection) -> None:
            await connection.execute(
                """update visit_account set state = 'closed', closed_at = $3, invoice_id = $4, bill_number = $5,
                          version = version + 1, patient_total = $6 where tenant = $1 and encounter_id = $2""",
                tx.tenant.number, own, tx.now, f"invoice-{number}", f"BK26-86991-{number:06}", total,
            )  # fmt: skip
            await ledger.write(
                connection, tx, kind="statement", cause=f"test/{own}/{number}", encounter_id=own,
                postings=[Posting("1311", own, change), Posting("5111", "", -change)],
            )  # fmt: skip
            await accounts.settle(connection, tx, own)

        tx.also(write)

    await clinic.store.run(BANK, close)
    return own


async def ask(clinic: Clinic, encounter_id: str, **more: Any) -> PaymentRequest:
    """The cashier asks for the money."""

    async def work(tx: Transaction) -> PaymentRequest:
        return await payment_requests.ask(tx, encounter_id, **more)

    return await clinic.store.run(clinic.actor("cashier"), work)


def notice(request: PaymentRequest | None = None, **more: Any) -> Notice:
    """What the bank says of money for a request."""
    own = {
        "transaction": f"FT{next(_numbers):08}",
        "bin": BIN,
        "account": ACCOUNT,
        "amount": request.amount if request else 50_000,
        "purpose": request.purpose if request else "",
        "at": datetime.now(UTC),
        "payer": "NGUOI TRA TIEN MAU",
    }
    return Notice(**{**own, **more})  # type: ignore[arg-type]


async def tell(clinic: Clinic, one: Notice, *, via: str = "webhook") -> Received:
    """The bank tells of a transfer."""
    return await transfers.take_in(clinic.store, BANK, one, via=via)


async def account(clinic: Clinic, encounter_id: str) -> Account:
    """The account of a visit as it stands."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await accounts.read(tx, encounter_id)


async def slips(clinic: Clinic, encounter_id: str) -> list[receipts.Receipt]:
    """The receipts of a visit."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await receipts.of_visit(tx, encounter_id)


async def request(clinic: Clinic, number: str) -> PaymentRequest:
    """A request as it stands."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await payment_requests.read(tx, number)


async def tray(clinic: Clinic) -> list[Transfer]:
    """Money that waits for a person."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await transfers.unmatched(tx)


async def books(clinic: Clinic) -> dict[str, int]:
    """Account -> balance, after a look that all of it adds up to nothing and the tray is what 3381 says."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        sums = await ledger.trial(tx)
        waiting = sum(one.amount for one in await transfers.unmatched(tx))
    assert sum(sums.values()) == 0
    assert -sums.get("3381", Decimal(0)) == waiting
    return {name: int(amount) for name, amount in sums.items() if amount}


async def books_of_tray(clinic: Clinic) -> int:
    """What 3381 says is waiting, however long the tray is."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return -int((await ledger.trial(tx)).get("3381", Decimal(0)))
