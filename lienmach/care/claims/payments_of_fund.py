"""What the fund paid and cut, by its list, booked against what it owes for each visit.

A list has a name (its number or month); a visit stands on it once, and the same line again changes nothing. Paid money
goes to the bank account (1121), what was cut becomes our loss (8111), both off the fund's receivable (1312).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import asyncpg

from lienmach.base import errors
from lienmach.care.claims import claims
from lienmach.care.money import ledger
from lienmach.care.money.ledger import Posting
from lienmach.record.transaction import Transaction

LINES_MAX = 5_000
_CENT = Decimal("0.01")
#: A claim carries the sums of its payments (_book): the work is that of the list and not of all that was ever paid.
KNOWN = """select c.encounter_id, c.ma_lk, c.t_bhtt, coalesce(b.amount, 0) as owed, c.paid_vnd as paid, c.cut_vnd as cut
    from claim c
    left join ledger_balance b on b.tenant = $1 and b.account = '1312' and b.sub = c.encounter_id
    where c.tenant = $1 and c.ma_lk = any($2)"""


@dataclass(frozen=True)
class FundLine:
    """One visit of the fund's list. accepted: paid; cut: refused; đồng with at most two decimals. number: its line."""

    ma_lk: str
    accepted: Decimal
    cut: Decimal = Decimal(0)
    reason: str = ""
    number: int = 0


@dataclass(frozen=True)
class Paid:
    """What is known of one visit. owed: still open on the fund's receivable."""

    encounter_id: str
    ma_lk: str
    t_bhtt: Decimal
    paid: Decimal
    cut: Decimal
    owed: Decimal


class LineFaulty(errors.Unprocessable):
    """A line of the list cannot be booked; nothing of the list was. number: of the line."""

    def __init__(self, number: int, text: str, **values: object) -> None:
        super().__init__(text, values=values)
        self.number = number


async def reconcile(tx: Transaction, batch: str, lines: Sequence[FundLine]) -> int:
    """Book a list when tx commits; returns how many lines are new. All of it or nothing.

    batch: the name of the list. Raises LineFaulty (an unknown MA_LK, a visit twice, an amount that cannot be, more than
    the fund owes, a line that was booked with other amounts), errors.Unprocessable for a list without name or lines.
    """
    name = " ".join(batch.split())
    if not 1 <= len(name) <= 60 or not lines or len(lines) > LINES_MAX:
        raise errors.Unprocessable("Danh sách cần có tên (tối đa 60 ký tự) và từ 1 đến 5.000 dòng.")
    known = await _known(tx, [one.ma_lk for one in lines])
    done = await _done(tx, name)
    seen: set[str] = set()
    new = []
    for one in lines:
        _check(one, seen)
        found = known.get(one.ma_lk)
        if found is None:
            raise LineFaulty(
                one.number, "Dòng {line}: không có lượt khám nào mang mã {code}.", line=one.number, code=one.ma_lk[:40]
            )
        earlier = done.get(found.encounter_id)
        if earlier is not None:
            if earlier != (one.accepted, one.cut):
                raise LineFaulty(
                    one.number, "Dòng {line}: mã {code} đã ghi sổ ở danh sách này với số tiền khác.",
                    line=one.number, code=one.ma_lk,
                )  # fmt: skip
            continue
        if one.accepted + one.cut > found.owed:
            raise LineFaulty(
                one.number, "Dòng {line}: mã {code} quỹ chỉ còn nợ {owed} đồng; danh sách ghi nhiều hơn.",
                line=one.number, code=one.ma_lk, owed=f"{found.owed:.2f}",
            )  # fmt: skip
        new.append((one, found))
    for one, found in new:
        _book(tx, name, one, found)
    return len(new)


async def paid_of(tx: Transaction, ma_lks: Sequence[str]) -> dict[str, Paid]:
    """MA_LK -> what was claimed, paid and cut so far, and what the fund still owes."""
    return await _known(tx, ma_lks)


def _check(line: FundLine, seen: set[str]) -> None:
    if line.ma_lk in seen:
        raise LineFaulty(line.number, "Dòng {line}: mã {code} đứng hai lần.", line=line.number, code=line.ma_lk[:40])
    seen.add(line.ma_lk)
    for amount in (line.accepted, line.cut):
        if not amount.is_finite() or amount < 0 or amount != amount.quantize(_CENT):
            raise LineFaulty(line.number, "Dòng {line}: số tiền không đúng.", line=line.number)
    if line.cut and not line.reason.strip():
        raise LineFaulty(line.number, "Dòng {line}: số tiền bị từ chối cần có lý do.", line=line.number)


async def _known(tx: Transaction, keys: Sequence[str]) -> dict[str, Paid]:
    rows = await tx.fetch(KNOWN, tx.tenant.number, list(keys))
    return {
        row["ma_lk"]: Paid(row["encounter_id"], row["ma_lk"], row["t_bhtt"], row["paid"], row["cut"], row["owed"])
        for row in rows
    }


async def _done(tx: Transaction, batch: str) -> dict[str, tuple[Decimal, Decimal]]:
    rows = await tx.fetch(
        "select encounter_id, paid_vnd, cut_vnd from claim_payment where tenant = $1 and batch = $2",
        tx.tenant.number, batch,
    )  # fmt: skip
    return {row["encounter_id"]: (row["paid_vnd"], row["cut_vnd"]) for row in rows}


def _book(tx: Transaction, batch: str, line: FundLine, found: Paid) -> None:
    own = found.encounter_id
    postings = [
        Posting("1121", "", line.accepted),
        Posting("8111", "", line.cut),
        Posting("1312", own, -(line.accepted + line.cut)),
    ]

    async def write(connection: asyncpg.Connection) -> None:
        # Two who book the same list at once: the second finds the line there.
        owed = await ledger.balance_on(connection, tx, "1312", own)
        stored = await connection.fetchval(
            """insert into claim_payment (tenant, batch, encounter_id, paid_vnd, cut_vnd, reason, at, by)
               values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning true""",
            tx.tenant.number, batch, own, line.accepted, line.cut, line.reason.strip()[:500], tx.now, tx.actor.user,
        )  # fmt: skip
        if not stored:
            return
        if line.accepted + line.cut > owed:
            raise errors.Conflict("Số quỹ còn nợ vừa thay đổi; hãy tải lại danh sách rồi ghi sổ lại.")
        await ledger.write(
            connection, tx, kind="fund-payment", cause=f"fund/{batch}/{own}", postings=postings, encounter_id=own,
            note=line.reason.strip()[:200],
        )  # fmt: skip
        left = owed - line.accepted - line.cut
        await connection.execute(
            """update claim set paid_vnd = paid_vnd + $3, cut_vnd = cut_vnd + $5,
                                accepted_vnd = coalesce(accepted_vnd, 0 + $3),
                                state = case when $4 and state in ('sent', 'accepted', 'rejected') then 'paid' else state end
               where tenant = $1 and encounter_id = $2""",
            tx.tenant.number, own, line.accepted, left == 0, line.cut,
        )  # fmt: skip

    tx.also(write)


async def of_visit(tx: Transaction, encounter_id: str) -> Paid | None:
    """What the fund has paid for one visit, None without a claim."""
    found = await claims.of_visit(tx, encounter_id)
    return (await _known(tx, [found.ma_lk])).get(found.ma_lk) if found is not None else None
