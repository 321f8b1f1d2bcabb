"""Money between a patient and the facility: payment of a bill, deposit, refund; each with its receipt and its entry.

Everything is decided inside the commit, where the account of the visit is locked: what is due can neither be paid
twice nor given back twice. A request carries a key, and the same key again gives the receipt that it made.

    done = await payments.take(tx, encounter_id, 45_000, method="cash", shift_id=shift.shift_id, request_key=key)
    # after the commit: done.receipt, done.due
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import asyncpg

from lienmach.base import errors
from lienmach.care import resources
from lienmach.care.money import accounts, ledger, numbers, receipts, shifts
from lienmach.care.money.accounts import Account
from lienmach.care.money.ledger import Posting
from lienmach.care.money.receipts import Receipt
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats

AMOUNT_MAX = 10_000_000_000
_KEY_CHARACTERS_MAX = 200


@dataclass
class Done:
    """Filled by the commit. due: what the patient has to pay after it; below 0: owed to them. is_repeat: said before."""

    receipt: Receipt | None = None
    due: int = 0
    is_repeat: bool = False


@dataclass(frozen=True)
class Movement:
    """One movement of money. kind: payment, deposit, refund. method: cash, transfer. amount: whole đồng, above 0.

    shift_id: of cash; "": the actor's open one. source: (account, sub) that the money comes from instead of 1121, for a
    transfer that waited as unknown money (3381).
    """

    kind: str
    encounter_id: str
    amount: int
    method: str
    request_key: str
    shift_id: str = ""
    bank_transaction: str = ""
    note: str = ""
    source: tuple[str, str] | None = None


async def take(
    tx: Transaction,
    encounter_id: str,
    amount: int,
    *,
    method: str,
    request_key: str,
    shift_id: str = "",
    bank_transaction: str = "",
) -> Done:
    """Take a payment, all of what is due or a part.

    Raises errors.Unprocessable for an amount that cannot be; at the commit errors.Conflict for more than is due (code
    `too-much`), before the statement is closed (`not-closed`), and for cash without an open shift (`shift`).
    """
    return _move(tx, Movement("payment", encounter_id, amount, method, request_key, shift_id, bank_transaction))


async def take_deposit(
    tx: Transaction,
    encounter_id: str,
    amount: int,
    *,
    method: str,
    request_key: str,
    shift_id: str = "",
    bank_transaction: str = "",
) -> Done:
    """Take a deposit, before or after the visit ends; closing the statement applies it, at once if it is closed.

    Raises as `take`, errors.Conflict for a cancelled visit.
    """
    if await accounts.of_visit(tx, encounter_id) is None:
        encounter = await resources.read(tx, "Encounter", encounter_id)
        if encounter.get("status") in ("cancelled", "entered-in-error"):
            raise errors.Conflict("Lượt khám đã huỷ; không thu tạm ứng.")
        accounts.open_running(tx, encounter)
    return _move(tx, Movement("deposit", encounter_id, amount, method, request_key, shift_id, bank_transaction))


async def refund(
    tx: Transaction,
    encounter_id: str,
    amount: int,
    *,
    method: str,
    reason: str,
    request_key: str,
    shift_id: str = "",
    bank_transaction: str = "",
) -> Done:
    """Give money back: first what was paid too much, then the deposit that is not applied.

    Raises errors.Unprocessable without a reason; at the commit errors.Conflict for more than is owed (code
    `too-much`) and for more cash than the drawer holds (`drawer`).
    """
    said = " ".join(reason.split())
    if len(said) < 3:
        raise errors.Unprocessable("Hãy ghi lý do hoàn tiền.")
    given = Movement("refund", encounter_id, amount, method, request_key, shift_id, bank_transaction, said[:500])
    return _move(tx, given)


def _move(tx: Transaction, movement: Movement) -> Done:
    _check(movement)
    done = Done()

    async def effect(connection: asyncpg.Connection) -> None:
        made = await write(connection, tx, movement)
        done.receipt, done.due, done.is_repeat = made.receipt, made.due, made.is_repeat

    tx.also(effect)
    return done


async def write(connection: asyncpg.Connection, tx: Transaction, movement: Movement) -> Done:
    """Do a movement now, inside a commit: for whoever must do more in the same one. Raises as `take` and `refund`."""
    _check(movement)
    known = await receipts.of_request(connection, tx, movement.request_key)
    if known is not None:
        _check_same(known, movement)
        return Done(known, (await accounts.locked(connection, tx, known.encounter_id)).due, True)
    account = await accounts.locked(connection, tx, movement.encounter_id)
    shift_id = await _shift(connection, tx, movement)
    place = ("1111", shift_id) if movement.method == "cash" else movement.source or ("1121", "")
    if movement.kind == "payment":
        postings = _payment(account, movement.amount, place)
    elif movement.kind == "deposit":
        postings = _deposit(account, movement.amount, place)
    else:
        await _check_drawer(connection, tx, movement, shift_id)
        postings = _refund(account, movement.amount, place)
    number = await numbers.take(connection, tx, account.ma_lk[:5], receipts.SERIES[movement.kind])
    await ledger.write(
        connection, tx, kind=movement.kind, cause=f"receipt/{number}", postings=postings,
        encounter_id=account.encounter_id, note=movement.note, shift_id=shift_id,
    )  # fmt: skip
    if movement.kind == "deposit" and account.state == "closed":
        await apply_deposit(connection, tx, account.encounter_id, f"receipt/{number}/applied")
    after = await accounts.settle(connection, tx, account.encounter_id)
    receipt = Receipt(
        number, movement.kind, movement.method, movement.amount, account.encounter_id, account.patient_id,
        account.bill_number, tx.now, tx.actor.user, tx.actor.display or tx.actor.user, shift_id,
        movement.bank_transaction, movement.note, after.due, movement.request_key,
    )  # fmt: skip
    await receipts.write(connection, tx, receipt)
    return Done(receipt, after.due)


async def apply_deposit(connection: asyncpg.Connection, tx: Transaction, encounter_id: str, cause: str) -> int:
    """Set a held deposit against what is due, inside a commit; returns how much of it."""
    account = await accounts.locked(connection, tx, encounter_id)
    amount = min(account.deposit, account.due)
    if amount <= 0:
        return 0
    await ledger.write(
        connection, tx, kind="deposit-applied", cause=cause, encounter_id=encounter_id,
        postings=[Posting("3387", encounter_id, Decimal(amount)), Posting("1311", encounter_id, Decimal(-amount))],
    )  # fmt: skip
    return amount


def _payment(account: Account, amount: int, place: tuple[str, str]) -> Sequence[Posting]:
    if account.state != "closed":
        raise errors.Conflict(
            "Bảng kê chi phí chưa chốt: hãy chốt bảng kê rồi thu, hoặc thu tạm ứng.", code="not-closed"
        )
    if amount > account.due:
        raise errors.Conflict(
            "Chỉ còn phải thu {due}; số tiền {amount} nhiều hơn. Hãy tải lại trang để xem số còn phải thu.",
            code="too-much",
            values={"due": formats.write_money(max(account.due, 0)), "amount": formats.write_money(amount)},
        )
    return [Posting(*place, Decimal(amount)), Posting("1311", account.encounter_id, Decimal(-amount))]


def _deposit(account: Account, amount: int, place: tuple[str, str]) -> Sequence[Posting]:
    return [Posting(*place, Decimal(amount)), Posting("3387", account.encounter_id, Decimal(-amount))]


def _refund(account: Account, amount: int, place: tuple[str, str]) -> Sequence[Posting]:
    owed = max(-account.due, 0)
    if amount > owed + account.deposit:
        raise errors.Conflict(
            "Chỉ còn {owed} phải hoàn cho người bệnh; số tiền {amount} nhiều hơn. Hãy tải lại trang.",
            code="too-much",
            values={"owed": formats.write_money(owed + account.deposit), "amount": formats.write_money(amount)},
        )
    first = min(owed, amount)
    return [
        Posting("1311", account.encounter_id, Decimal(first)),
        Posting("3387", account.encounter_id, Decimal(amount - first)),
        Posting(*place, Decimal(-amount)),
    ]


async def _shift(connection: asyncpg.Connection, tx: Transaction, movement: Movement) -> str:
    """The open shift of the actor that takes or gives cash, "" for a transfer."""
    if movement.method != "cash":
        return ""
    if not movement.shift_id:
        return await shifts.open_of(connection, tx)
    await shifts.check_own(connection, tx, movement.shift_id)
    return movement.shift_id


async def _check_drawer(connection: asyncpg.Connection, tx: Transaction, movement: Movement, shift_id: str) -> None:
    if movement.method != "cash":
        return
    holds = int(await ledger.balance_on(connection, tx, "1111", shift_id))
    if movement.amount > holds:
        raise errors.Conflict(
            "Ngăn kéo của ca chỉ có {holds}; không đủ để hoàn {amount} bằng tiền mặt. Hãy hoàn bằng chuyển khoản.",
            code="drawer",
            values={"holds": formats.write_money(holds), "amount": formats.write_money(movement.amount)},
        )


def _check(movement: Movement) -> None:
    amount = movement.amount
    if movement.kind not in receipts.KINDS or movement.method not in receipts.METHODS:
        raise errors.Invalid("Hãy chọn tiền mặt hoặc chuyển khoản.")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= AMOUNT_MAX:
        raise errors.Unprocessable("Số tiền phải là số đồng nguyên, lớn hơn 0 và không quá 10 tỷ.")
    if not 0 < len(movement.request_key) <= _KEY_CHARACTERS_MAX:
        raise errors.Invalid("Yêu cầu này không có khóa; hãy tải lại trang rồi làm lại.")


def _check_same(known: Receipt, movement: Movement) -> None:
    asked = (movement.kind, movement.method, movement.amount, movement.encounter_id)
    if (known.kind, known.method, known.amount, known.encounter_id) != asked:
        raise errors.Conflict(
            "Yêu cầu này đã được ghi với phiếu {number}, số tiền {amount}. Hãy tải lại trang.",
            code="repeat",
            values={"number": known.number, "amount": formats.write_money(known.amount)},
        )
