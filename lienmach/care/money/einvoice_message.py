"""An e-invoice as the bytes that its provider gets: seller, buyer, lines, total, and the original that it adjusts.

No disease, service or drug stands in it: a line names the cost statement by its number. The insured part is invoiced to
the fund when it settles, never here. Examination and treatment carry no VAT ("KCT", from memory). The contract is our
own (simulators/einvoice.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from lienmach.base import errors
from lienmach.care import outbox
from lienmach.care.facility import Facility
from lienmach.standards.vietnam import number_words

#: kind of einvoices.py -> word of the provider.
KINDS = {"bill": "original", "summary": "summary", "adjustment": "adjusting"}
NOBODY = "Người mua không lấy hóa đơn"
_NAME_CHARACTERS_MAX, _ADDRESS_CHARACTERS_MAX, _EMAIL_CHARACTERS_MAX = 200, 300, 254
#: Ten digits, a branch behind them, or the twelve of a person (used as tax code since July 2025, from memory).
_TAX_CODE = re.compile(r"[0-9]{10}(-[0-9]{3})?|[0-9]{12}")
_EMAIL = re.compile(r"[^@\s,;<>]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True)
class Buyer:
    """Who wants the invoice. tax_code: of a firm or a person, "" for none; with one the address is needed."""

    name: str
    tax_code: str = ""
    email: str = ""
    address: str = ""


@dataclass(frozen=True)
class Part:
    """The share of one visit's bill in an invoice. amount: đồng; below 0 only in an adjustment."""

    encounter_id: str
    bill_number: str
    amount: int


def check(buyer: Buyer) -> Buyer:
    """The buyer without needless blanks. Raises errors.Invalid with what to mend."""
    tidy = Buyer(*(" ".join(one.split()) for one in (buyer.name, buyer.tax_code, buyer.email, buyer.address)))
    if not tidy.name or len(tidy.name) > _NAME_CHARACTERS_MAX:
        raise errors.Invalid("Hãy nhập tên người mua (không quá 200 ký tự).", expression="name")
    if tidy.tax_code and not _TAX_CODE.fullmatch(tidy.tax_code):
        raise errors.Invalid(
            "Mã số thuế gồm 10 chữ số, 10 chữ số và số chi nhánh (0312345678-001), hoặc 12 chữ số của cá nhân.",
            expression="tax_code",
        )
    if tidy.tax_code and not tidy.address:
        raise errors.Invalid("Hóa đơn có mã số thuế cần địa chỉ người mua.", expression="address")
    if len(tidy.address) > _ADDRESS_CHARACTERS_MAX:
        raise errors.Invalid("Địa chỉ dài hơn 300 ký tự; hãy viết gọn lại.", expression="address")
    if tidy.email and (len(tidy.email) > _EMAIL_CHARACTERS_MAX or not _EMAIL.fullmatch(tidy.email)):
        raise errors.Invalid("Địa chỉ thư điện tử chưa đúng; hãy kiểm tra lại hoặc để trống.", expression="email")
    return tidy


def build(
    key: str, kind: str, day: date, seller: Facility, buyer: Buyer | None, parts: Sequence[Part], *,
    adjusts: str = "", reason: str = "",
) -> bytes:  # fmt: skip
    """The body of the message. kind: bill, summary, adjustment. buyer: None where nobody asked for it."""
    total = sum(one.amount for one in parts)
    body: dict[str, Any] = {
        "key": key,
        "kind": KINDS[kind],
        "day": day.isoformat(),
        "seller": {"code": seller.code, "name": seller.name, "address": seller.address},
        "buyer": asdict(buyer) if buyer else {"name": NOBODY},
        "lines": [{"name": f"Khám bệnh, chữa bệnh theo bảng kê số {one.bill_number}", "amount": one.amount}
                  for one in parts],
        "total": total,
        "vat": "KCT",
        "in_words": _in_words(total, is_change=kind == "adjustment"),
        **({"adjusts": adjusts, "reason": reason} if adjusts else {}),
    }  # fmt: skip
    return outbox.as_json(body)


def _in_words(total: int, *, is_change: bool) -> str:
    said = number_words.in_words(abs(total))
    if not is_change:
        return said
    return f"{'Điều chỉnh giảm' if total < 0 else 'Điều chỉnh tăng'}: {said[0].lower()}{said[1:]}"
