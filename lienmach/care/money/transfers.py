"""Money that came by bank: told by a notice or read in the statement, stored once, and matched to its bill or not.

It is matched only if its purpose holds the number of one open request for payment, for the same account and the same
amount, and the bill still wants it: then receipt and ledger are written in the same commit. Everything else waits in
the tray of unmatched money (ledger: 1121 against 3381, one sub-account a transfer) until a person assigns it to a visit
or sends it back. Nothing is lost, and nothing is guessed.

    result = await transfers.take_in(store, actor, notice, via="webhook")
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import resources
from lienmach.care.money import accounts, ledger, payment_requests, payments
from lienmach.care.money.accounts import Account
from lienmach.care.money.bank_notice import Notice
from lienmach.care.money.ledger import Posting
from lienmach.care.money.payment_requests import PaymentRequest
from lienmach.care.money.payments import Done, Movement
from lienmach.record.transaction import Store, Transaction

_log = logging.getLogger(__name__)
#: Why money waits in the tray: words for people (keys of the words).
WHY = {
    "no-number": "Nội dung chuyển khoản không có số phiếu nào.",
    "unknown-number": "Số phiếu trong nội dung không có ở cơ sở này.",
    "several-numbers": "Nội dung có nhiều số phiếu khác nhau.",
    "wrong-amount": "Số tiền khác với số tiền của phiếu.",
    "replaced": "Phiếu đã được thay bằng phiếu mới vì số tiền hoặc bảng kê đã đổi.",
    "paid": "Phiếu này đã được trả rồi.",
    "expired": "Phiếu đã quá hạn.",
    "other-account": "Tiền vào tài khoản khác với tài khoản của phiếu.",
    "more-than-due": "Người bệnh không còn nợ nhiều như vậy.",
    "refused": "Không ghi được vào lượt khám; hãy xem lại lượt khám rồi nhận tiền bằng tay.",
}
_MEMBERS = ("transfer_id", "bin", "account", "amount", "purpose", "payer", "paid_at", "heard_at", "via", "state", "why",
            "request_number", "encounter_id", "reason", "settled_at", "settled_by")  # fmt: skip
_REASON_CHARACTERS = range(3, 501)


NOT_OURS = "Tài khoản trong thông báo không phải là tài khoản nhận tiền của cơ sở; chưa có gì được ghi."


class NotOurs(errors.Unprocessable):
    """Money into an account that is not in our list of accounts."""


@dataclass(frozen=True)
class Transfer:
    """One transfer as it stands. state: matched, unmatched, assigned, returned. why: key of WHY, of an unmatched one.

    suggested: the visit of the request that its purpose names, "" if none.
    """

    transfer_id: str
    bin: str
    account: str
    amount: int
    purpose: str
    payer: str
    paid_at: datetime
    heard_at: datetime
    via: str
    state: str
    why: str
    request_number: str
    encounter_id: str
    reason: str
    settled_at: datetime | None
    settled_by: str
    suggested: str = ""


@dataclass
class Received:
    """What became of a notice, filled by the commit. state: matched, unmatched; known: stored before, nothing changed.

    is_same: a known one says the same amount again; where it does not, the first word holds.
    """

    state: str = ""
    why: str = ""
    encounter_id: str = ""
    is_same: bool = True
    done: Done | None = None


@dataclass
class Assigned:
    """What was paid with money from the tray, filled by the commit: a receipt each."""

    done: tuple[Done, ...] = ()


async def take_in(store: Store, actor: Actor, notice: Notice, *, via: str) -> Received:
    """Store a notice durably, once; where its visit does not take it for a reason that nobody thought of, in the tray.

    Raises NotOurs, errors.Unavailable.
    """
    try:
        return await store.run(actor, functools.partial(_received, notice, via, True))
    except (NotOurs, errors.Unavailable):
        raise
    except errors.Failure as problem:
        _log.warning("a transfer could not be taken to its visit: %s", type(problem).__name__)
    return await store.run(actor, functools.partial(_received, notice, via, False))


async def _received(notice: Notice, via: str, can_match: bool, tx: Transaction) -> Received:
    return await receive(tx, notice, via=via, can_match=can_match)


async def receive(tx: Transaction, notice: Notice, *, via: str = "webhook", can_match: bool = True) -> Received:
    """Store a notice when tx commits: matched to its bill with a receipt, or in the tray. Again changes nothing.

    via: webhook or poll. can_match: False puts it into the tray whatever it says. Everything is decided inside the
    commit. Raises NotOurs; at the commit what payments.write raises where the visit does not take the money.
    """
    if not await is_ours(tx, notice):
        raise NotOurs(NOT_OURS)
    numbers = payment_requests.numbers_in(notice.purpose)
    await _open_account(tx, numbers)
    result = Received()

    async def effect(connection: asyncpg.Connection) -> None:
        known = await connection.fetchrow(_KNOWN, tx.tenant.number, notice.transfer_id)
        if known is not None:
            result.state, result.why, result.encounter_id = "known", known["why"], known["encounter_id"]
            result.is_same = known["amount"] == notice.amount
            return
        request, why = await _match(connection, tx, notice, numbers)
        why = why or ("" if can_match else "refused")
        await _store(connection, tx, notice, via, request, why)
        result.is_same, result.why = True, why
        if request is None or why:
            await ledger.write(
                connection, tx, kind="bank-unmatched", cause=f"transfer/{notice.transfer_id}",
                postings=_between("1121", "", "3381", notice.transfer_id, notice.amount),
            )  # fmt: skip
            result.state, result.encounter_id, result.done = "unmatched", "", None
            return
        kind = "payment" if request.kind == "bill" else "deposit"
        movement = Movement(kind, request.encounter_id, notice.amount, "transfer", f"transfer/{notice.transfer_id}",
                            bank_transaction=notice.transfer_id)  # fmt: skip
        result.done = await payments.write(connection, tx, movement)
        await payment_requests.close(connection, tx, [request.number], "paid")
        result.state, result.encounter_id = "matched", request.encounter_id

    tx.also(effect)
    return result


async def is_ours(tx: Transaction, notice: Notice) -> bool:
    """Whether a notice is about an account of this tenant that takes money today."""
    own = await payment_requests.own_accounts(tx)
    return any((one.bin, one.account) == (notice.bin, notice.account) for one in own)


async def assign(
    tx: Transaction, transfer_id: str, encounter_id: str, as_: str = "bill", *, rest_as_deposit: bool = False
) -> Assigned:
    """Give unmatched money to a visit, as payment of its bill (part payments too) or as a deposit, when tx commits.

    rest_as_deposit: what is more than due becomes a deposit of the visit. Raises at the commit errors.Conflict for
    money that was dealt with and a visit without a bill, errors.Invalid for more than is due.
    """
    if as_ not in ("bill", "deposit"):
        raise errors.Invalid("Money is assigned to a bill or as a deposit.")
    one = await _in_tray(tx, transfer_id)
    await _open_account_of(tx, encounter_id)
    result = Assigned()

    async def effect(connection: asyncpg.Connection) -> None:
        await _settle(connection, tx, one, "assigned", encounter_id=encounter_id)
        account = await accounts.locked(connection, tx, encounter_id)
        for_bill = _part_of_bill(account, one.amount, rest_as_deposit) if as_ == "bill" else 0
        done = []
        for kind, amount in (("payment", for_bill), ("deposit", one.amount - for_bill)):
            if amount:
                movement = Movement(kind, encounter_id, amount, "transfer", f"transfer/{transfer_id}/{kind}",
                                    bank_transaction=transfer_id, source=("3381", transfer_id))  # fmt: skip
                done.append(await payments.write(connection, tx, movement))
        result.done = tuple(done)

    tx.also(effect)
    return result


async def send_back(tx: Transaction, transfer_id: str, reason: str) -> None:
    """Note that unmatched money went back to its payer, when tx commits. Raises errors.Conflict, errors.Invalid."""
    why = " ".join(reason.split())
    if len(why) not in _REASON_CHARACTERS:
        raise errors.Invalid("Hãy ghi lý do trả lại tiền (3 đến 500 ký tự).")
    one = await _in_tray(tx, transfer_id)

    async def effect(connection: asyncpg.Connection) -> None:
        await _settle(connection, tx, one, "returned", reason=why)
        await ledger.write(
            connection, tx, kind="bank-returned", cause=f"transfer/{transfer_id}/returned", note=why,
            postings=_between("3381", transfer_id, "1121", "", one.amount),
        )  # fmt: skip

    tx.also(effect)


async def unmatched(tx: Transaction, *, limit: int = 200) -> list[Transfer]:
    """The tray: money that waits for a person, oldest first."""
    return await _listed(tx, state="unmatched", limit=limit)


async def of_visit(tx: Transaction, encounter_id: str) -> list[Transfer]:
    """Transfers that were taken for a visit, oldest first."""
    return await _listed(tx, encounter_id=encounter_id)


async def recent(tx: Transaction, *, limit: int = 100) -> list[Transfer]:
    """What came in last, newest first, in any state."""
    rows = await tx.fetch(
        """select t.*, coalesce(r.encounter_id, '') as suggested from bank_transfer t
           left join payment_request r on r.tenant = $1 and r.number = t.request_number
           where t.tenant = $1 order by t.heard_at desc, t.transfer_id limit $2""",
        tx.tenant.number, limit,
    )  # fmt: skip
    return [_transfer(row) for row in rows]


async def find(tx: Transaction, transfer_id: str) -> Transfer | None:
    """One transfer, or None."""
    found = await _listed(tx, transfer_id=transfer_id)
    return found[0] if found else None


async def read(tx: Transaction, transfer_id: str) -> Transfer:
    """One transfer. Raises errors.NotFound."""
    found = await find(tx, transfer_id)
    if found is None:
        raise errors.NotFound("There is no such transfer.")
    return found


async def _listed(
    tx: Transaction,
    *,
    transfer_id: str | None = None,
    encounter_id: str | None = None,
    state: str | None = None,
    limit: int = 200,
) -> list[Transfer]:
    rows = await tx.fetch(
        """select t.*, coalesce(r.encounter_id, '') as suggested from bank_transfer t
           left join payment_request r on r.tenant = $1 and r.number = t.request_number
           where t.tenant = $1 and ($2::text is null or t.transfer_id = $2)
             and ($3::text is null or (t.encounter_id = $3 and t.encounter_id <> ''))
             and ($4::text is null or t.state = $4)
           order by t.heard_at, t.transfer_id limit $5""",
        tx.tenant.number, transfer_id, encounter_id, state, limit,
    )  # fmt: skip
    return [_transfer(row) for row in rows]


def _transfer(row: asyncpg.Record) -> Transfer:
    return Transfer(**{name: row[name] for name in _MEMBERS}, suggested=row["suggested"])


_KNOWN = "select amount, why, encounter_id from bank_transfer where tenant = $1 and transfer_id = $2"
_NAMED = "select * from payment_request where tenant = $1 and number = any($2) order by number"


async def _open_account(tx: Transaction, numbers: list[str]) -> None:
    """A deposit may come before the visit has an account."""
    rows = await tx.fetch(_NAMED, tx.tenant.number, numbers) if numbers else []
    if len(rows) == 1 and rows[0]["kind"] == "deposit":
        await _open_account_of(tx, rows[0]["encounter_id"])


async def _open_account_of(tx: Transaction, encounter_id: str) -> None:
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if encounter.get("status") in ("cancelled", "entered-in-error"):  # `take_in` puts the money into the tray
        raise errors.Conflict("Lượt khám này đã huỷ; hãy chuyển tiền trả lại hoặc nhận vào lượt khám khác.")
    if await accounts.of_visit(tx, encounter_id) is None:
        accounts.open_running(tx, encounter)


async def _match(
    connection: asyncpg.Connection, tx: Transaction, notice: Notice, numbers: list[str]
) -> tuple[PaymentRequest | None, str]:
    """The request that the money is for, or why it cannot be told; with a request that it names, both."""
    if not numbers:
        return None, "no-number"
    rows = await connection.fetch(_NAMED, tx.tenant.number, numbers)
    if len(rows) != 1:
        return None, "several-numbers" if rows else "unknown-number"
    request = payment_requests.request_of(rows[0])
    return request, await _why_not(connection, tx, notice, request)


async def _why_not(connection: asyncpg.Connection, tx: Transaction, notice: Notice, request: PaymentRequest) -> str:
    """Why a request that is named does not take the money, "" if it does."""
    if request.state != "open":
        return request.state
    if tx.now - request.asked_at >= payment_requests.KEPT:
        await payment_requests.close(connection, tx, [request.number], "expired")
        return "expired"
    if (request.bin, request.account) != (notice.bin, notice.account):
        return "other-account"
    if request.amount != notice.amount:
        return "wrong-amount"
    if request.kind == "deposit":
        return ""
    visit = await accounts.locked(connection, tx, request.encounter_id)
    if visit.state != "closed" or visit.invoice_id != request.invoice_id:
        return "replaced"
    return "" if request.amount <= visit.due else "more-than-due"


async def _store(
    connection: asyncpg.Connection, tx: Transaction, notice: Notice, via: str, request: PaymentRequest | None, why: str
) -> None:
    await connection.execute(
        """insert into bank_transfer (tenant, transfer_id, bin, account, amount, purpose, payer, paid_at, heard_at, via,
                                      state, why, request_number, encounter_id, settled_at, settled_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)""",
        tx.tenant.number, notice.transfer_id, notice.bin, notice.account, notice.amount, notice.purpose, notice.payer,
        notice.at, tx.now, via, "unmatched" if why else "matched", why, request.number if request else "",
        request.encounter_id if request and not why else "", None if why else tx.now, "" if why else tx.actor.user,
    )  # fmt: skip


async def _in_tray(tx: Transaction, transfer_id: str) -> Transfer:
    one = await read(tx, transfer_id)
    if one.state != "unmatched":
        raise errors.Conflict(_DEALT_WITH)
    return one


_DEALT_WITH = "Khoản tiền này đã được nhận hoặc trả lại rồi; không có gì thay đổi."


async def _settle(
    connection: asyncpg.Connection, tx: Transaction, one: Transfer, state: str, *, encounter_id: str = "",
    reason: str = "",
) -> None:  # fmt: skip
    done = await connection.fetchval(
        """update bank_transfer set state = $3, encounter_id = $4, reason = $5, settled_at = $6, settled_by = $7
           where tenant = $1 and transfer_id = $2 and state = 'unmatched' returning true""",
        tx.tenant.number, one.transfer_id, state, encounter_id, reason, tx.now, tx.actor.user,
    )  # fmt: skip
    if not done:
        raise errors.Conflict(_DEALT_WITH)


def _part_of_bill(account: Account, amount: int, rest_as_deposit: bool) -> int:
    """How much of an amount pays the bill. Raises errors.Conflict, errors.Invalid with what to do."""
    if account.state != "closed":
        raise errors.Conflict("Bảng kê của lượt khám này chưa chốt; hãy nhận khoản tiền làm tạm ứng.")
    due = max(account.due, 0)
    if amount > due and not rest_as_deposit:
        raise errors.Invalid(
            "Khoản tiền nhiều hơn số còn phải trả {rest} đồng; hãy chọn nhận phần dư làm tạm ứng, hoặc trả lại tiền.",
            values={"rest": amount - due},
        )
    return min(amount, due)


def _between(debit: str, debit_sub: str, credit: str, credit_sub: str, amount: int) -> list[Posting]:
    return [Posting(debit, debit_sub, Decimal(amount)), Posting(credit, credit_sub, Decimal(-amount))]
