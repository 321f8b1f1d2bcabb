"""A request for money by bank transfer: a number, an amount, and the VietQR text that a payer's app reads.

The number stands in the purpose of the transfer; by it the money finds its bill (transfers.py). It holds for one amount
of one statement: when either changes, the next `ask` gives a new number and the old one is `replaced`, so that money
for it goes to the tray of unmatched transfers instead of to a bill that says something else.

    request = await payment_requests.ask(tx, encounter_id)
    request.payload        # -> QR code
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import catalogues, facility, resources
from lienmach.care.money import accounts, payments, poll_turns
from lienmach.care.money.accounts import Account
from lienmach.record import committer
from lienmach.record.transaction import Transaction
from lienmach.standards import vietqr

#: Letters that nobody reads for another one or for a digit.
LETTERS = "ACDEFGHJKMNPRTWXY"
KEPT = timedelta(days=30)  # money that names an older request is for a person to look at
_NUMBER = re.compile(rf"(?=(LM[0-9]{{6}}[{LETTERS}]{{6}}))")
_MEMBERS = ("number", "encounter_id", "kind", "amount", "payload", "state", "asked_at", "invoice_id", "bin", "account",
            "holder")  # fmt: skip
_KINDS = ("bill", "deposit")


@dataclass(frozen=True)
class PaymentRequest:
    """kind: bill or deposit. state: open, paid, replaced, expired. holder: the name that the payer's app shows."""

    number: str
    encounter_id: str
    kind: str
    amount: int
    payload: str
    state: str
    asked_at: datetime
    invoice_id: str
    bin: str
    account: str
    holder: str

    @property
    def purpose(self) -> str:
        """What the payer's app writes into the transfer."""
        return self.number


@dataclass(frozen=True)
class OwnAccount:
    """An account of ours that takes money. facility: its code (MA_CSKCB)."""

    facility: str
    bin: str
    account: str
    holder: str


async def ask(tx: Transaction, encounter_id: str, *, kind: str = "bill", amount: int | None = None) -> PaymentRequest:
    """The open request of a visit for this amount, or a new one that replaces the open one, when tx commits.

    kind: bill (amount: all that is due, or a part of it) or deposit (amount: needed). Raises errors.Conflict where
    nothing is due or no account is set up, errors.Invalid for an amount that does not fit.
    """
    if kind not in _KINDS:
        raise errors.Invalid("A request is for a bill or for a deposit.")
    if kind == "bill":
        visit = await accounts.of_visit(tx, encounter_id)
        wanted, invoice_id = _bill(visit, amount), visit.invoice_id if visit else ""
    else:
        wanted, invoice_id = _deposit(amount), ""
    own = await _account_of(tx, encounter_id)
    known = await open_of(tx, encounter_id, kind)
    asked = (wanted, invoice_id, own.bin, own.account)
    if known is not None and (known.amount, known.invoice_id, known.bin, known.account) == asked:
        if tx.now - known.asked_at < KEPT:
            poll_turns.expect(tx)
            return known
    number = _new_number(tx)
    made = PaymentRequest(
        number, encounter_id, kind, wanted, vietqr.payload(own.bin, own.account, wanted, number), "open", tx.now,
        invoice_id, own.bin, own.account, own.holder,
    )  # fmt: skip
    _store(tx, made)
    poll_turns.expect(tx)
    return made


async def open_of(tx: Transaction, encounter_id: str, kind: str = "bill") -> PaymentRequest | None:
    """The open request of a visit, or None. Whether it still asks for what is due is seen by `is_current`."""
    rows = await tx.fetch(
        "select * from payment_request where tenant = $1 and encounter_id = $2 and kind = $3 and state = 'open'",
        tx.tenant.number, encounter_id, kind,
    )  # fmt: skip
    return request_of(rows[0]) if rows else None


def is_current(request: PaymentRequest, visit: Account) -> bool:
    """Whether an open request still fits the bill: the same statement, and no more than is due."""
    return request.kind == "deposit" or (request.invoice_id == visit.invoice_id and request.amount <= visit.due)


async def of_visit(tx: Transaction, encounter_id: str) -> list[PaymentRequest]:
    """Every request of a visit, newest first."""
    rows = await tx.fetch(
        "select * from payment_request where tenant = $1 and encounter_id = $2 order by asked_at desc, number limit 200",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return [request_of(row) for row in rows]


async def read(tx: Transaction, number: str) -> PaymentRequest:
    """One request. Raises errors.NotFound."""
    rows = await tx.fetch("select * from payment_request where tenant = $1 and number = $2", tx.tenant.number, number)
    if not rows:
        raise errors.NotFound("There is no such request for payment.")
    return request_of(rows[0])


async def is_any_payable(tx: Transaction) -> bool:
    """Whether money for some request may still find its bill: it is open, not expired, and what it asks for is due."""
    rows = await tx.fetch(
        """select from payment_request r
           where r.tenant = $1 and r.state = 'open' and r.asked_at > $2
             and (r.kind = 'deposit' or exists (
                 select from visit_account a
                 join ledger_balance b on b.tenant = $1 and b.account = '1311' and b.sub = a.encounter_id
                 where a.tenant = $1 and a.encounter_id = r.encounter_id and a.state = 'closed'
                   and a.invoice_id = r.invoice_id and b.amount >= r.amount))
           limit 1""",
        tx.tenant.number, tx.now - KEPT,
    )  # fmt: skip
    return bool(rows)


async def own_accounts(tx: Transaction) -> list[OwnAccount]:
    """The accounts of this tenant that take money today (list `bank-account`)."""
    rows = await catalogues.all_of(tx, "bank-account", on=catalogues.today(tx), limit=100)
    return [
        OwnAccount(row.code, str(row.data.get("bin", "")), str(row.data.get("account", "")),
                   str(row.data.get("holder", "")))
        for row in rows
    ]  # fmt: skip


def numbers_in(purpose: str) -> list[str]:
    """The request numbers that a purpose may hold, however banks left it: other letters, blanks and signs around it.

    "MBCT.123.lm 261122 acdefg.CT tu …" -> ["LM261122ACDEFG"].
    """
    plain = re.sub(r"[^0-9A-Z]", "", purpose.encode("ascii", "ignore").decode().upper())
    return sorted(set(_NUMBER.findall(plain)))


def request_of(row: Any) -> PaymentRequest:
    """A request from its row."""
    return PaymentRequest(**{name: row[name] for name in _MEMBERS})


async def close(connection: asyncpg.Connection, tx: Transaction, numbers: Iterable[str], state: str) -> None:
    """End open requests inside an effect. state: paid, replaced, expired."""
    await connection.execute(
        """update payment_request set state = $3, closed_at = $4
           where tenant = $1 and number = any($2) and state = 'open'""",
        tx.tenant.number, list(numbers), state, tx.now,
    )  # fmt: skip


def _bill(visit: Account | None, amount: int | None) -> int:
    """What a request for the bill asks for."""
    if visit is None or visit.state != "closed":
        raise errors.Conflict("Bảng kê của lượt khám này chưa chốt, nên chưa có số tiền để tạo mã QR.")
    if visit.due <= 0:
        raise errors.Conflict("Người bệnh không còn phải trả tiền, nên không cần mã QR.")
    if amount is not None and (type(amount) is not int or not 0 < amount <= visit.due):
        raise errors.Invalid(
            "Số tiền của mã QR phải lớn hơn 0 và không quá số còn phải trả ({due} đồng).", values={"due": visit.due}
        )
    return visit.due if amount is None else amount


def _deposit(amount: int | None) -> int:
    if type(amount) is not int or not 0 < amount <= payments.AMOUNT_MAX:
        raise errors.Invalid("Hãy nhập số tiền tạm ứng: số nguyên đồng, lớn hơn 0 và không quá 10 tỷ.")
    return amount


async def _account_of(tx: Transaction, encounter_id: str) -> OwnAccount:
    """The account of the facility of a visit. Raises errors.Conflict with what to do where there is none."""
    encounter = await resources.read(tx, "Encounter", encounter_id)
    home = await facility.facility(tx, resources.id_of(encounter.get("serviceProvider"), "Organization"))
    found = [one for one in await own_accounts(tx) if one.facility == home.code]
    if not found:
        raise errors.Conflict(
            "Cơ sở chưa có tài khoản nhận tiền: hãy nhập và duyệt danh mục “Tài khoản nhận tiền”, hoặc thu tiền mặt."
        )
    try:
        vietqr.payload(found[0].bin, found[0].account)
    except ValueError:
        raise errors.Conflict(
            "Số tài khoản hoặc mã BIN trong danh mục “Tài khoản nhận tiền” không đúng quy cách; hãy sửa danh mục."
        ) from None
    return found[0]


def _new_number(tx: Transaction) -> str:
    """`LM`, the day, and letters by chance; one that was taken makes the unit run again."""
    return f"LM{catalogues.today(tx):%y%m%d}" + "".join(secrets.choice(LETTERS) for _ in range(6))


def _store(tx: Transaction, made: PaymentRequest) -> None:
    async def write(connection: asyncpg.Connection) -> None:
        if await connection.fetchval(_SAME, tx.tenant.number, made.encounter_id, made.kind, made.amount,
                                     made.invoice_id, made.bin, made.account, tx.now - KEPT):  # fmt: skip
            raise committer.Changed("Somebody asked for the same a moment ago.")
        await connection.execute(
            """update payment_request set state = 'replaced', closed_at = $4
               where tenant = $1 and encounter_id = $2 and kind = $3 and state = 'open'""",
            tx.tenant.number, made.encounter_id, made.kind, tx.now,
        )  # fmt: skip
        await connection.execute(
            """insert into payment_request (tenant, number, encounter_id, kind, invoice_id, amount, bin, account, holder,
                                            payload, state, asked_at, asked_by)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12)""",
            tx.tenant.number, made.number, made.encounter_id, made.kind, made.invoice_id, made.amount, made.bin,
            made.account, made.holder, made.payload, tx.now, tx.actor.user,
        )  # fmt: skip

    tx.also(write)


_SAME = """select 1 from payment_request where tenant = $1 and encounter_id = $2 and kind = $3 and state = 'open'
           and amount = $4 and invoice_id = $5 and bin = $6 and account = $7 and asked_at > $8"""
