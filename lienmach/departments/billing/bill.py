"""What the page of a bill shows: the lines by section, who pays what and why, what was paid, what has changed since.

A closed statement is shown as it was closed; until then, and when something changed after it, what would be closed now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.care import resources, visit_facts
from lienmach.care.money import accounts, receipts, statement_sections, statements
from lienmach.care.money.accounts import Account
from lienmach.care.money.receipts import Receipt
from lienmach.care.money.statements import Draft, Statement, StatementLine
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats

Said = tuple[str, dict[str, Any]]  # a key of the words, and what fills its places
_HELD_MAX = 1000
_WHY_NOT = {
    "late-card": "trước khi trình thẻ",
    "ended-card": "thẻ hết hạn",
    "rate-0": "đối tượng này bảo hiểm không trả",
    "out-of-scope": "ngoài phạm vi bảo hiểm",
}


@dataclass(frozen=True)
class Section:
    """One section of the form 01/KBCB. own: what the patient pays of it."""

    number: str
    name: str
    lines: tuple[StatementLine, ...]
    amount: Decimal
    fund: Decimal
    own: Decimal


@dataclass(frozen=True)
class Difference:
    """One line that is not as it was when the statement was closed. kind: added, gone, changed."""

    kind: str
    name: str
    unit: str
    quantity_before: Decimal
    quantity: Decimal
    own_before: Decimal
    own: Decimal


@dataclass(frozen=True)
class Bill:
    """Everything about one visit's money. account: None while nothing is owed and nothing was paid.

    standing: open, close, stale, pay, credit, refund, paid, free (nothing to pay). total: what the patient pays of it.
    shown: the digest of what would be closed now. paid: of the closed statement. is_closable: it may be closed (again).
    """

    encounter: Resource
    account: Account | None
    statement: Statement | None
    draft: Draft
    sections: tuple[Section, ...]
    lines: tuple[StatementLine, ...]
    totals: dict[str, Decimal]
    total: int
    paid: int
    due: int
    deposit: int
    standing: str
    shown: str
    reasons: tuple[Said, ...]
    differences: tuple[Difference, ...]
    receipts: tuple[Receipt, ...]

    @property
    def is_closable(self) -> bool:
        return self.standing in ("close", "stale")


async def read(tx: Transaction, encounter_id: str) -> Bill:
    """The bill of a visit. Raises errors.NotFound, Refused."""
    encounter = await resources.read(tx, "Encounter", encounter_id)
    account = await accounts.of_visit(tx, encounter_id)
    is_cancelled = encounter.get("status") in ("cancelled", "entered-in-error")
    if is_cancelled and (account is None or (not account.due and not account.deposit)):
        raise errors.NotFound("Lượt khám này đã huỷ; không có gì để thu.")
    statement = await statements.current(tx, encounter_id)
    draft = await statements.draft(tx, encounter_id)
    standing = standing_of(account, is_changed=statement is not None and draft.is_changed)
    if is_cancelled:
        standing = "refund"  # all that is left to do: what was paid before goes back
    lines = tuple(statement.lines if statement is not None else draft.lines)
    total = statement.patient_total if statement is not None else draft.amounts.patient_total
    is_closed = account is not None and account.state == "closed"
    due = account.due if account is not None and is_closed else 0
    return Bill(
        encounter=encounter,
        account=account,
        statement=statement,
        draft=draft,
        sections=_sections(lines),
        lines=lines,
        totals=totals_of(lines),
        total=total,
        paid=total - due if is_closed else 0,
        due=due,
        deposit=account.deposit if account is not None else 0,
        standing=standing,
        shown=draft.digest,
        reasons=reasons(statement, draft),
        differences=differences(statement.lines, draft.lines) if statement is not None and draft.is_changed else (),
        receipts=tuple(await receipts.of_visit(tx, encounter_id)),
    )


def standing_of(account: Account | None, *, is_changed: bool = False) -> str:
    """Where a bill stands, in one word (see Bill)."""
    if account is None or account.state == "running":
        return "open"
    if account.state != "closed":
        return "close"
    if account.is_stale or is_changed:
        return "stale"
    if account.due > 0:
        return "credit" if account.credit_reason else "pay"
    if account.due < 0 or account.deposit > 0:
        return "refund"
    return "paid" if account.patient_total else "free"


def owed(account: Account) -> int:
    """What the patient may get back: what was paid too much, and the deposit that nothing has used."""
    return max(-account.due, 0) + account.deposit


async def held(tx: Transaction, *states: str) -> list[Account]:
    """Accounts in these states that hold a deposit, oldest first."""
    rows = await tx.fetch(
        """select distinct a.patient_id from ledger_balance d
           join visit_account a on a.tenant = $1 and a.encounter_id = d.sub and a.state = any($2)
           where d.tenant = $1 and d.account = '3387' and d.amount < 0 limit 500""",
        tx.tenant.number, list(states),
    )  # fmt: skip
    if not rows:
        return []
    wanted = [row["patient_id"] for row in rows]
    listed = await accounts.listed(tx, states=states, patient_ids=wanted, limit=_HELD_MAX)
    return [one for one in listed if one.deposit > 0]


def totals_of(lines: Sequence[StatementLine]) -> dict[str, Decimal]:
    """Sums of the columns that people read: amount, insured, fund, copay, own, other."""
    columns = {
        "amount": "THANH_TIEN_BV", "insured": "THANH_TIEN_BH", "fund": "T_BHTT", "copay": "T_BNCCT", "own": "T_BNTT",
        "other": "T_NGUONKHAC",
    }  # fmt: skip
    return {
        name: sum((getattr(one, member) for one in lines), Decimal(0)).normalize() + 0
        for name, member in columns.items()
    }


def _sections(lines: Sequence[StatementLine]) -> tuple[Section, ...]:
    found = []
    for number, own in statement_sections.grouped(lines):
        sums = totals_of(own)
        paid = sums["copay"] + sums["own"]
        title = statement_sections.TITLES[number]
        found.append(Section(number, title, tuple(own), sums["amount"], sums["fund"], paid))
    return tuple(found)


def reasons(statement: Statement | None, draft: Draft) -> tuple[Said, ...]:
    """Why the fund pays what it pays, in sentences (keys of the words with what fills them)."""
    amounts = draft.amounts
    lines = statement.lines if statement is not None else draft.lines
    insured = [one for one in lines if not one.why]
    if not lines:
        return ()
    if not insured:
        return (("Không có khoản nào do quỹ BHYT trả: người bệnh tự trả toàn bộ.", {}),)
    muc_huong = statement.muc_huong if statement is not None else amounts.muc_huong
    percent = statement.percent if statement is not None else amounts.percent
    rate = statement.rate if statement is not None else amounts.rate
    scope = sum((one.THANH_TIEN_BH for one in insured), Decimal(0))
    said: list[Said] = [
        (
            "Quỹ trả {share} % phần trong phạm vi: mức hưởng {percent} % × tỷ lệ theo đối tượng {rate} %.",
            {"share": _number(muc_huong), "percent": _number(percent), "rate": _number(rate)},
        )
    ]
    if amounts.line_vnd:
        below = scope < amounts.line_vnd
        said.append(
            (
                "Trong phạm vi bảo hiểm {sum}, dưới mốc 15 % lương cơ sở {line}: không tính cùng chi trả của thẻ."
                if below
                else "Trong phạm vi bảo hiểm {sum}, từ mốc 15 % lương cơ sở {line} trở lên: tính cùng chi trả theo thẻ.",
                {"sum": scope, "line": Decimal(amounts.line_vnd)},
            )
        )
    if amounts.exempt_from is not None:
        said.append(("Đã đủ điều kiện miễn cùng chi trả trong năm.", {}))
    return tuple(said)


def why_not(line: StatementLine) -> str:
    """Why the fund has no part in a line: a key of the words, "" where it has or nobody asked."""
    return _WHY_NOT.get(line.why, "")


def differences(before: Sequence[StatementLine], now: Sequence[StatementLine]) -> tuple[Difference, ...]:
    """Lines that were added, taken away or changed in quantity or amount, in the order of what is now."""
    old, new = {one.charge_id: one for one in before}, {one.charge_id: one for one in now}
    found = []
    for key in [*new, *(one for one in old if one not in new)]:
        was, is_now = old.get(key), new.get(key)
        one = is_now or was
        assert one is not None
        nothing = Decimal(0)
        change = Difference(
            "added" if was is None else "gone" if is_now is None else "changed",
            one.name,
            one.unit,
            was.quantity if was else nothing,
            is_now.quantity if is_now else nothing,
            was.T_BNCCT + was.T_BNTT if was else nothing,
            is_now.T_BNCCT + is_now.T_BNTT if is_now else nothing,
        )
        if (change.quantity_before, change.own_before) != (change.quantity, change.own) or change.kind != "changed":
            found.append(change)
    return tuple(found)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}".replace(".", ",")


def dong(amount: Decimal) -> str:
    """An amount that may have hundredths: 1.234,50 ₫, and 1.234 ₫ where nothing stands behind the comma."""
    whole = amount.to_integral_value()
    return f"{formats.write_number(int(whole) if whole == amount else amount)} ₫"


def is_open(encounter: Resource) -> bool:
    """Whether the visit still runs; its bill may grow."""
    return visit_facts.is_open(encounter)
