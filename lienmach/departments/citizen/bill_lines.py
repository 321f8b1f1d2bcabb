"""The bill of a visit as the person reads it: what it cost, what the insurance fund pays and why, what is left to pay.

The sums are those of the closed cost statement and of the ledger; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from lienmach.care import paper_codes
from lienmach.care.money import accounts, payment_requests, receipts, statements
from lienmach.care.money.statements import StatementLine
from lienmach.record.transaction import Transaction
from lienmach.web import formats

#: why the fund has no part in a line (standards/bhxh/costs.py) -> a sentence, a key of `web/words`.
_WHY = {
    "no-card": "Không có thẻ BHYT",
    "late-card": "Lúc làm, thẻ BHYT chưa có hiệu lực",
    "ended-card": "Lúc làm, thẻ BHYT đã hết hạn",
    "rate-0": "Quỹ BHYT không trả cho lần khám này",
    "out-of-scope": "Không thuộc danh mục BHYT trả",
}
_KINDS = {"payment": "Đã trả", "deposit": "Tạm ứng", "refund": "Hoàn lại"}
_METHODS = {"cash": "tiền mặt", "transfer": "chuyển khoản"}


async def of_visit(tx: Transaction, encounter_id: str) -> dict[str, Any] | None:
    """The bill of a visit, None while its cost statement is not closed."""
    account = await accounts.of_visit(tx, encounter_id)
    statement = await statements.current(tx, encounter_id)
    if account is None or statement is None:
        return None
    asked = await payment_requests.open_of(tx, encounter_id) if account.due > 0 else None
    if asked is not None and not payment_requests.is_current(asked, account):
        asked = None
    return {
        "number": statement.number,
        "closed_at": statement.closed_at,
        "total": said(statement.totals.get("T_TONGCHI_BV", Decimal(0))),
        "of_fund": said(statement.totals.get("T_BHTT", Decimal(0))),
        "of_others": said(others) if (others := statement.totals.get("T_NGUONKHAC", Decimal(0))) else "",
        "of_patient": statement.patient_total,
        "percent": percent_of(statement.lines),
        "lines": [_line(one) for one in statement.lines],
        "receipts": [
            {
                "number": one.number,
                "kind": _KINDS.get(one.kind, one.kind),
                "method": _METHODS.get(one.method, one.method),
                "amount": one.amount,
                "at": one.at,
            }
            for one in await receipts.of_visit(tx, encounter_id)
        ],
        "due": max(account.due, 0),
        "owed": max(-account.due, 0),
        "is_credit": bool(account.credit_reason),
        "deposit": account.deposit,
        "payment": None if asked is None else _payment(asked),
    }


def said(amount: Decimal) -> str:
    """An amount with the hundredths of a đồng that a cost statement has, where there are any."""
    whole = amount == amount.to_integral_value()
    return formats.money(amount) if whole else f"{formats.number(amount.normalize())} ₫"


def _line(line: StatementLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "quantity": line.quantity,
        "unit": line.unit,
        "total": said(line.THANH_TIEN_BV),
        "of_fund": said(line.T_BHTT),
        "of_patient": said(line.T_BNTT + line.T_BNCCT),
        "why": _WHY.get(line.why, ""),
    }


def percent_of(lines: Sequence[StatementLine]) -> str:
    """What part of the insured cost the fund pays, as people write it; "" where it differs from line to line."""
    shares = {one.MUC_HUONG for one in lines if not one.why}
    return formats.number(shares.pop().normalize() + 0) if len(shares) == 1 else ""


def _payment(asked: payment_requests.PaymentRequest) -> dict[str, Any]:
    return {
        "qr": Markup(paper_codes.qr(asked.payload)),  # made here from the text of the code and a path
        "amount": asked.amount,
        "purpose": asked.purpose,
        "holder": asked.holder,
        "account": asked.account,
    }
