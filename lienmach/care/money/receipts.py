"""Receipts: one numbered paper for each movement of money between a patient and the facility, never rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import asyncpg

from lienmach.base import errors
from lienmach.record.transaction import Transaction

KINDS = ("payment", "deposit", "refund")
METHODS = ("cash", "transfer")
#: kind -> series of its numbers.
SERIES = {"payment": "PT", "deposit": "TU", "refund": "PC"}


@dataclass(frozen=True)
class Receipt:
    """amount: whole đồng, above 0 for a refund too. by: name; login: who. note: why, of a refund.

    due_after: what the patient still had to pay then; below 0: owed to them.
    """

    number: str
    kind: str
    method: str
    amount: int
    encounter_id: str
    patient_id: str
    bill_number: str
    at: datetime
    login: str
    by: str
    shift_id: str
    bank_transaction: str
    note: str
    due_after: int
    request_key: str


async def read(tx: Transaction, number: str) -> Receipt:
    """One receipt. Raises errors.NotFound."""
    rows = await tx.fetch("select * from money_receipt where tenant = $1 and number = $2", tx.tenant.number, number)
    if not rows:
        raise errors.NotFound("Không có phiếu thu, chi mang số này.")
    return of(rows[0])


async def of_visit(tx: Transaction, encounter_id: str) -> list[Receipt]:
    """The receipts of a visit, oldest first."""
    rows = await tx.fetch(
        "select * from money_receipt where tenant = $1 and encounter_id = $2 order by at, number limit 500",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return [of(row) for row in rows]


async def listed(tx: Transaction, *, shift_id: str = "", on: date | None = None, limit: int = 1000) -> list[Receipt]:
    """Receipts of a shift, else of a day, else the newest of all; newest first."""
    # A statement for each question: one for all of them would walk through every receipt that there is.
    if shift_id:
        rows = await tx.fetch(
            """select * from money_receipt where tenant = $1 and shift_id = $2 and shift_id <> ''
               order by at desc, number desc limit $3""",
            tx.tenant.number, shift_id, limit,
        )  # fmt: skip
    elif on is not None:
        zone = tx.tenant.time_zone
        start, end = datetime.combine(on, time(), zone), datetime.combine(on + timedelta(days=1), time(), zone)
        rows = await tx.fetch(
            """select * from money_receipt where tenant = $1 and at >= $2 and at < $3
               order by at desc, number desc limit $4""",
            tx.tenant.number, start, end, limit,
        )  # fmt: skip
    else:
        rows = await tx.fetch(
            "select * from money_receipt where tenant = $1 order by at desc, number desc limit $2",
            tx.tenant.number, limit,
        )  # fmt: skip
    return [of(row) for row in rows]


async def sums_of_shift(tx: Transaction, shift_id: str) -> tuple[int, dict[str, int]]:
    """(how many receipts a shift has, kind -> their sum in đồng); counted over all of them, however many there are."""
    rows = await tx.fetch(
        """select kind, count(*)::int as count, sum(amount)::bigint as amount from money_receipt
           where tenant = $1 and shift_id = $2 and shift_id <> '' group by kind""",
        tx.tenant.number, shift_id,
    )  # fmt: skip
    return sum(row["count"] for row in rows), {
        **dict.fromkeys(KINDS, 0),
        **{row["kind"]: row["amount"] for row in rows},
    }


async def of_request(connection: asyncpg.Connection, tx: Transaction, request_key: str) -> Receipt | None:
    """The receipt that a request made already, inside a commit."""
    row = await connection.fetchrow(
        "select * from money_receipt where tenant = $1 and request_key = $2", tx.tenant.number, request_key
    )
    return of(row) if row is not None else None


async def write(connection: asyncpg.Connection, tx: Transaction, receipt: Receipt) -> None:
    """Store a receipt, inside a commit."""
    await connection.execute(
        """insert into money_receipt (tenant, number, kind, method, amount, encounter_id, patient_id, bill_number, at,
                                      login, by, shift_id, bank_transaction, note, due_after, request_key)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)""",
        tx.tenant.number, receipt.number, receipt.kind, receipt.method, receipt.amount, receipt.encounter_id,
        receipt.patient_id, receipt.bill_number, receipt.at, receipt.login, receipt.by, receipt.shift_id,
        receipt.bank_transaction, receipt.note, receipt.due_after, receipt.request_key,
    )  # fmt: skip


def of(row: asyncpg.Record) -> Receipt:
    """A row of money_receipt."""
    return Receipt(**{name: row[name] for name in Receipt.__dataclass_fields__})
