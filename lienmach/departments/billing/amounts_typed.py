"""Amounts of money as a cashier types them: 150000, 150.000, 150,000 or 150k; and what they may not be."""

from __future__ import annotations

import re
from decimal import Decimal

from lienmach.base import errors
from lienmach.care.money import payments
from lienmach.standards.vietnam import formats

AMOUNT_MAX = payments.AMOUNT_MAX
_CHARACTERS_MAX = 24
_UNIT = re.compile(r"\s*(?:\u20ab|\u0111(?:\u1ed3ng)?)$", re.IGNORECASE)  # the sign or the word of the currency


def read(text: str, *, may_be_nothing: bool = False) -> int:
    """Whole đồng above 0. may_be_nothing: 0 is an amount too.

    Raises errors.Invalid with what to do, for text, a part of a đồng, 0, less than 0 and more than 10 tỷ.
    """
    typed = _UNIT.sub("", text.strip())
    if not typed:
        raise errors.Invalid("Hãy nhập số tiền.")
    thousands = typed[-1:] in ("k", "K")
    try:
        readings = formats.read_number(typed[:-1] if thousands else typed) if len(typed) <= _CHARACTERS_MAX else []
    except ValueError:
        readings = []
    if not readings:
        raise errors.Invalid("Số tiền chưa đúng. Nhập số đồng, ví dụ 150.000 hoặc 150k.")
    amounts = [one * 1000 if thousands else one for one in readings]
    whole = next((one for one in amounts if one == one.to_integral_value()), None)
    if whole is None:
        raise errors.Invalid("Số tiền là số đồng tròn, không có phần lẻ.")
    if whole < 0 or (whole == 0 and not may_be_nothing):
        raise errors.Invalid("Số tiền phải lớn hơn 0.")
    if whole > AMOUNT_MAX:
        raise errors.Invalid("Số tiền mỗi lần không quá 10 tỷ đồng. Hãy kiểm tra lại các số 0.")
    return int(Decimal(whole))


def read_counted(text: str) -> int:
    """How many notes of a denomination were counted; an empty field is none. Raises errors.Invalid."""
    typed = text.strip().replace(".", "")
    if not typed:
        return 0
    if not (typed.isascii() and typed.isdecimal()) or len(typed) > 6:
        raise errors.Invalid("Số tờ là số nguyên từ 0, ví dụ 12.")
    return int(typed)


def write(amount: int) -> str:
    """An amount as it stands in a field: 150.000."""
    return formats.write_number(amount)
