"""The double-entry ledger: every movement of a visit's money as an entry that balances, added once and never changed.

Entries are written inside the commit, alone in the tenant. Whoever adds one names its cause, and the same cause again
changes nothing. The table refuses an entry that does not balance, and keeps the balances by itself.

    ledger.post(tx, kind="payment", cause="receipt/…", postings=[
        Posting("1111", shift_id, Decimal(45_000)), Posting("1311", encounter_id, Decimal(-45_000))])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from lienmach.record.transaction import Transaction

#: account -> what it holds. Own numbers in the manner of Vietnam's chart of accounts (memory).
ACCOUNTS: dict[str, str] = {
    "1111": "Tiền mặt tại quầy",
    "1112": "Tiền mặt tại két",
    "1121": "Tiền gửi ngân hàng",
    "1311": "Phải thu người bệnh",
    "1312": "Phải thu quỹ BHYT",
    "1313": "Phải thu nguồn khác",
    "3381": "Tiền chuyển khoản chưa rõ",
    "3387": "Tạm ứng của người bệnh",
    "5111": "Doanh thu dịch vụ",
    "5112": "Doanh thu thuốc",
    "7111": "Chênh lệch làm tròn",
    "7112": "Chênh lệch quỹ",
    "8111": "Chi phí bị quỹ từ chối",
}
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Posting:
    """One side of an entry. amount: + debit, - credit, two decimals at most.

    sub: the visit (1311, 1312, 1313, 3387), the shift (1111), the bank's transaction (3381), "" elsewhere.
    """

    account: str
    sub: str
    amount: Decimal


@dataclass(frozen=True)
class Entry:
    """One entry with its postings. by: login."""

    entry_id: int
    at: datetime
    kind: str
    cause: str
    encounter_id: str
    by: str
    note: str
    shift_id: str
    postings: tuple[Posting, ...]


def post(
    tx: Transaction,
    *,
    kind: str,
    cause: str,
    postings: Sequence[Posting],
    encounter_id: str = "",
    note: str = "",
    shift_id: str = "",
) -> None:
    """Add an entry when tx commits; the same cause again changes nothing. Raises ValueError unless it balances."""
    _check(postings)

    async def effect(connection: asyncpg.Connection) -> None:
        await write(
            connection, tx, kind=kind, cause=cause, postings=postings, encounter_id=encounter_id, note=note,
            shift_id=shift_id,
        )  # fmt: skip

    tx.also(effect)


async def write(
    connection: asyncpg.Connection,
    tx: Transaction,
    *,
    kind: str,
    cause: str,
    postings: Sequence[Posting],
    encounter_id: str = "",
    note: str = "",
    shift_id: str = "",
) -> bool:
    """Add an entry now, inside a commit; False if its cause has one already. Postings of 0 are left out.

    Raises ValueError unless it balances.
    """
    _check(postings)
    wanted = [one for one in postings if one.amount]
    if not wanted:
        return False
    own = await connection.fetchval(
        """insert into ledger_entry (tenant, at, kind, cause, encounter_id, by, note, shift_id)
           values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant, cause) do nothing returning entry_id""",
        tx.tenant.number, tx.now, kind, cause, encounter_id, tx.actor.user, note[:500], shift_id,
    )  # fmt: skip
    if own is None:
        return False
    await connection.execute(
        """insert into ledger_posting (tenant, entry_id, line, account, sub, amount)
           select $1, $2, line, account, sub, amount
           from unnest($3::text[], $4::text[], $5::numeric[]) with ordinality p(account, sub, amount, line)""",
        tx.tenant.number, own, [one.account for one in wanted], [one.sub for one in wanted],
        [one.amount for one in wanted],
    )  # fmt: skip
    return True


async def balance(tx: Transaction, account: str, sub: str = "") -> Decimal:
    """What stands on an account now: + debit, - credit."""
    rows = await tx.fetch(
        "select amount from ledger_balance where tenant = $1 and account = $2 and sub = $3",
        tx.tenant.number, account, sub,
    )  # fmt: skip
    return Decimal(rows[0]["amount"]) if rows else Decimal(0)


async def balances(tx: Transaction, sub: str) -> dict[str, Decimal]:
    """Account -> what stands on it for one visit, shift or transaction."""
    rows = await tx.fetch(
        "select account, amount from ledger_balance where tenant = $1 and sub = $2 and sub <> '' order by account",
        tx.tenant.number, sub,
    )  # fmt: skip
    return {row["account"]: Decimal(row["amount"]) for row in rows}


async def balance_on(connection: asyncpg.Connection, tx: Transaction, account: str, sub: str) -> Decimal:
    """The same inside a commit, what it has written included."""
    amount = await connection.fetchval(
        "select amount from ledger_balance where tenant = $1 and account = $2 and sub = $3",
        tx.tenant.number, account, sub,
    )  # fmt: skip
    return Decimal(amount) if amount is not None else Decimal(0)


async def entries(
    tx: Transaction,
    *,
    encounter_id: str = "",
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Entry]:
    """Entries of a visit, or of all, in a time, newest first. before: older ones than this entry_id alone."""
    # Two statements, so that a visit is found by its own index and a time by that of the time.
    if encounter_id:
        heads = await tx.fetch(
            """select * from ledger_entry where tenant = $1 and encounter_id = $2 and encounter_id <> ''
                 and at >= coalesce($3::timestamptz, '-infinity') and at < coalesce($4::timestamptz, 'infinity')
                 and entry_id < coalesce($6::bigint, 9223372036854775807)
               order by entry_id desc limit $5""",
            tx.tenant.number, encounter_id, from_at, to_at, limit, before,
        )  # fmt: skip
    else:
        heads = await tx.fetch(
            """select * from ledger_entry where tenant = $1
                 and at >= coalesce($2::timestamptz, '-infinity') and at < coalesce($3::timestamptz, 'infinity')
                 and entry_id < coalesce($5::bigint, 9223372036854775807)
               order by entry_id desc limit $4""",
            tx.tenant.number, from_at, to_at, limit, before,
        )  # fmt: skip
    lines = await tx.fetch(
        """select entry_id, account, sub, amount from ledger_posting
           where tenant = $1 and entry_id = any($2) order by entry_id, line""",
        tx.tenant.number, [row["entry_id"] for row in heads],
    )  # fmt: skip
    postings: dict[int, list[Posting]] = {}
    for row in lines:
        posting = Posting(row["account"], row["sub"], Decimal(row["amount"]))
        postings.setdefault(row["entry_id"], []).append(posting)
    return [
        Entry(
            row["entry_id"], row["at"], row["kind"], row["cause"], row["encounter_id"], row["by"], row["note"],
            row["shift_id"], tuple(postings.get(row["entry_id"], ())),
        )
        for row in heads
    ]  # fmt: skip


async def trial(tx: Transaction) -> dict[str, Decimal]:
    """Account -> its sum over everything, of the accounts that were ever used; the sums add up to 0.

    Only balances that are open are added: those of paid bills are 0 and stay out of the index that is read. Whether an
    account was used is one look at the index for each, which a join with all balances would not be.
    """
    rows = await tx.fetch(
        """select n.account, coalesce((select sum(b.amount) from ledger_balance b
                                       where b.tenant = $1 and b.account = n.account and b.amount <> 0), 0) as amount
           from unnest($2::text[]) n(account)
           where (select true from ledger_balance u where u.tenant = $1 and u.account = n.account
                  order by u.sub limit 1)
           order by n.account""",
        tx.tenant.number, list(ACCOUNTS),
    )  # fmt: skip
    return {row["account"]: Decimal(row["amount"]) for row in rows}


def _check(postings: Sequence[Posting]) -> None:
    for one in postings:
        if one.account not in ACCOUNTS:
            raise ValueError(f"the ledger has no account {one.account!r}")
        if not isinstance(one.amount, Decimal) or one.amount != one.amount.quantize(_CENT):
            raise ValueError(f"an amount on {one.account} is no Decimal of two places at most")
    if sum((one.amount for one in postings), Decimal(0)) != 0:
        raise ValueError("the entry does not balance")
