"""Money of a demo visit: the cost statement, what the patient pays and how, and the evening at the desks.

The insurance desk closes the statements of insured visits, the cashier those of all others. Some pay a part before,
some by transfer (the bank's notice is taken in as the webhook takes it), a few pay later on credit. In the evening what
was given out differently is closed again, what is owed is paid back, and the shift is closed with what was counted.
"""

from __future__ import annotations

from typing import Any

from lienmach.care.money import accounts, payment_requests, payments, shifts, statements, transfers
from lienmach.care.money.accounts import Account
from lienmach.care.money.bank_notice import Notice
from lienmach.commands.demo_visit_day import Day
from lienmach.record.transaction import Transaction

_FLOAT = 500_000
_DEPOSIT = 100_000
_DEPOSIT_SHARE, _TRANSFER_SHARE, _CREDIT_SHARE, _PART_SHARE = 0.25, 0.45, 0.03, 0.1
_LISTED_MAX = 5000
DESK, CASHIER = "baohiem", "thungan"


async def advance(one: Any) -> None:
    """Some who have no card pay a part before the laboratory begins (demo_visit_walk.Visit)."""
    if one.has_card or one.plan.random("deposit").random() >= _DEPOSIT_SHARE:
        return
    await _open_shift(one.day)
    key = f"demo/{one.plan.mark}/deposit"

    async def work(tx: Transaction) -> None:
        await payments.take_deposit(
            tx, one.encounter_id, _DEPOSIT, method="cash", shift_id=one.day.shift_id, request_key=key
        )

    await one.day.run(CASHIER, work)
    one.day.tally.deposits += 1


async def close_statement(one: Any) -> None:
    """The desk checks and signs the cost statement."""
    account = await _account(one.day, one.encounter_id)
    await _close(one.day, account, "")


async def pay(one: Any) -> None:
    """The patient pays what is due: cash, transfer, a part now and the rest at once after it, or later on credit."""
    account = await _account(one.day, one.encounter_id)
    if account.due <= 0:
        return
    chance, key = one.plan.random("pay"), f"demo/{one.plan.mark}/pay"
    if chance.random() < _CREDIT_SHARE:

        async def trust(tx: Transaction) -> None:
            accounts.allow_credit(tx, one.encounter_id, "Người bệnh quay lại trả sau (mẫu)")

        await one.day.run(CASHIER, trust)
        one.day.tally.credits += 1
        return
    if chance.random() < _TRANSFER_SHARE:
        await _transfer(one.day, one.encounter_id, key)
    else:
        parts = [account.due]
        if chance.random() < _PART_SHARE and account.due > 1000:
            parts = [account.due // 2, account.due - account.due // 2]
        for number, amount in enumerate(parts):
            await _cash(one.day, one.encounter_id, amount, f"{key}/{number}")
    one.day.tally.paid += 1


async def close_again(day: Day) -> None:
    """The evening: statements that no longer say what was given out, then what is owed to patients."""

    async def stale(tx: Transaction) -> list[Account]:
        return await accounts.listed(tx, is_stale=True, on=day.day, limit=_LISTED_MAX)

    for account in await day.run(CASHIER, stale):
        await _close(day, account, "Người bệnh không lĩnh đủ thuốc")
        day.tally.closed_again += 1

    async def owed(tx: Transaction) -> list[Account]:
        return await accounts.listed(tx, is_owed=True, on=day.day, limit=_LISTED_MAX)

    for account in await day.run(CASHIER, owed):
        await _open_shift(day)

        async def give_back(tx: Transaction, one: Account = account) -> None:
            await payments.refund(
                tx, one.encounter_id, -one.due, method="cash", shift_id=day.shift_id,
                reason="Thuốc không lĩnh", request_key=f"demo/{one.encounter_id}/refund/{one.version}",
            )  # fmt: skip

        await day.run(CASHIER, give_back)
        day.tally.refunds += 1


async def end_shift(day: Day) -> None:
    """Close the shift with what the drawer holds."""
    if not day.shift_id:
        return

    async def work(tx: Transaction) -> None:
        await shifts.close(tx, day.shift_id, await shifts.expected(tx, day.shift_id))

    await day.run(CASHIER, work)
    day.shift_id = ""


async def _account(day: Day, encounter_id: str) -> Account:
    return await day.run(CASHIER, lambda tx: accounts.read(tx, encounter_id))


async def _close(day: Day, account: Account, reason: str) -> None:
    login = DESK if account.is_insured else CASHIER

    async def work(tx: Transaction) -> None:
        await statements.close(tx, account.encounter_id, day.signers[login], reason=reason)

    await day.run(login, work)
    day.tally.statements += 1


async def _open_shift(day: Day) -> None:
    if day.shift_id:
        return

    async def work(tx: Transaction) -> str:
        own = await shifts.current(tx) or await shifts.open_shift(tx, _FLOAT)
        return own.shift_id

    day.shift_id = await day.run(CASHIER, work)


async def _cash(day: Day, encounter_id: str, amount: int, key: str) -> None:
    await _open_shift(day)

    async def work(tx: Transaction) -> None:
        await payments.take(tx, encounter_id, amount, method="cash", shift_id=day.shift_id, request_key=key)

    await day.run(CASHIER, work)


async def _transfer(day: Day, encounter_id: str, key: str) -> None:
    asked = await day.run(CASHIER, lambda tx: payment_requests.ask(tx, encounter_id))
    notice = Notice(f"MAU-{asked.number}", asked.bin, asked.account, asked.amount, asked.purpose, day.clock.at)
    await transfers.take_in(day.store, day.system, notice, via="webhook")
