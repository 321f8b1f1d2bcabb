"""What a statement is in the ledger: who owes what, and what it earned; every version exactly, to the last hundredth."""

from __future__ import annotations

from decimal import Decimal

import asyncpg

from lienmach.base import errors
from lienmach.care.money import accounts, ledger, payments
from lienmach.care.money.accounts import Account
from lienmach.care.money.ledger import Posting
from lienmach.care.money.statement import Statement
from lienmach.record import committer
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import costs

_ZERO = Decimal(0)


def of(statement: Statement) -> list[Posting]:
    """The postings of a statement. What the patient pays is whole đồng; the rounding stands on its own account.

    Raises ValueError for a statement whose parts are not the whole, or that rounds by more than half a đồng.
    """
    visit = statement.encounter_id
    drugs = sum((one.THANH_TIEN_BV for one in statement.lines if one.table == costs.DRUGS), _ZERO)
    services = sum((one.THANH_TIEN_BV for one in statement.lines if one.table != costs.DRUGS), _ZERO)
    if abs(statement.rounding) > Decimal("0.5"):
        raise ValueError("a bill is rounded by at most half a đồng")
    postings = [
        Posting("1311", visit, Decimal(statement.patient_total)),
        Posting("1312", visit, statement.totals["T_BHTT"]),
        Posting("1313", visit, statement.totals["T_NGUONKHAC"]),
        Posting("5111", "", -services),
        Posting("5112", "", -drugs),
        Posting("7111", "", -statement.rounding),
    ]
    if sum((one.amount for one in postings), _ZERO) != 0:
        raise ValueError("the parts of this statement are not the whole")
    return [one for one in postings if one.amount]


async def write(
    connection: asyncpg.Connection, tx: Transaction, statement: Statement, older: Statement | None
) -> Account:
    """Close the account with a statement, inside a commit; what the version before it posted is reversed.

    A deposit that is held is set against what is due. What was applied stays with the patient's receivable: if the new
    version needs less, it is owed there and given back from there. Credit was allowed for what was due then: it ends
    with a version that costs more. Raises committer.Changed if another version was
    faster.
    """
    account = await accounts.locked(connection, tx, statement.encounter_id)
    if account.version != statement.version - 1:
        raise committer.Changed("The statement was closed meanwhile.")
    if account.state == "running":
        raise errors.Conflict("Lượt khám chưa kết thúc: bác sĩ cần ký trước khi chốt bảng kê.")
    if older is not None:
        turned = [Posting(one.account, one.sub, -one.amount) for one in of(older)]
        await ledger.write(
            connection, tx, kind="statement-reversal", cause=f"statement/{older.invoice_id}/reversal", postings=turned,
            encounter_id=statement.encounter_id, note=statement.reason,
        )  # fmt: skip
    await ledger.write(
        connection, tx, kind="statement", cause=f"statement/{statement.invoice_id}", postings=of(statement),
        encounter_id=statement.encounter_id, note=statement.number,
    )  # fmt: skip
    await connection.execute(
        """update visit_account set state = 'closed', closed_at = $3, invoice_id = $4, bill_number = $5, version = $6,
               patient_total = $7, t_bhtt = $8, is_stale = false, is_insured = $9,
               credit_reason = case when $7 > patient_total then '' else credit_reason end,
               credit_by = case when $7 > patient_total then '' else credit_by end
           where tenant = $1 and encounter_id = $2""",
        tx.tenant.number, statement.encounter_id, tx.now, statement.invoice_id, statement.number, statement.version,
        statement.patient_total, statement.totals["T_BHTT"], bool(statement.cards),
    )  # fmt: skip
    await payments.apply_deposit(connection, tx, statement.encounter_id, f"statement/{statement.invoice_id}/deposit")
    return await accounts.settle(connection, tx, statement.encounter_id)
