"""What a bank says of money that came in: one transaction, by webhook or as a line of the statement, read and checked.

The shape is our own (simulators/bank.py shows it); an adapter in front of a bank speaks it. Amounts are whole đồng: a
number with a fraction or in quotes is refused, never rounded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lienmach.base import errors
from lienmach.standards import vietqr

BYTES_MAX = 64 * 1024
PURPOSE_CHARACTERS_MAX = 500
_PAYER_CHARACTERS_MAX = 200
_BIN, _ACCOUNT = re.compile(r"[0-9]{6}"), re.compile(r"[0-9A-Za-z]{1,19}")
_TRANSACTION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True)
class Notice:
    """Money that came into an account of ours.

    transaction: the bank's number. bin, account: ours. amount: whole đồng above 0. purpose: as it arrived. at: aware.
    """

    transaction: str
    bin: str
    account: str
    amount: int
    purpose: str
    at: datetime
    payer: str = ""

    @property
    def transfer_id(self) -> str:
        """The id under which it is stored: once, whoever tells of it and how often."""
        return f"{self.bin}-{self.transaction}"


def parse(body: bytes) -> Any:
    """The JSON value of a body. Raises errors.Malformed: not JSON, a member twice, nested too deep, a number too long."""
    try:
        return json.loads(body, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise errors.Malformed(
            "Nội dung không phải là một đối tượng JSON đúng quy cách; chưa có gì được ghi."
        ) from None


def read(value: Any) -> Notice:
    """A notice from its JSON value. Raises errors.Unprocessable with the member that is wrong."""
    if not isinstance(value, dict):
        raise errors.Unprocessable("Thông báo phải là một đối tượng JSON; chưa có gì được ghi.")
    if value.get("currency") != "VND":
        raise _wrong("currency", "chỉ nhận VND")
    if value.get("direction") != "credit":
        raise _wrong("direction", "chỉ nhận tiền vào (credit)")
    amount = value.get("amount")
    if type(amount) is not int or not 0 < amount <= vietqr.AMOUNT_MAX:
        raise _wrong("amount", "phải là số nguyên đồng lớn hơn 0, không có dấu ngoặc kép")
    return Notice(
        transaction=_match(value, "transaction", _TRANSACTION),
        bin=_match(value, "bin", _BIN),
        account=_match(value, "account", _ACCOUNT),
        amount=amount,
        purpose=_text(value, "purpose", PURPOSE_CHARACTERS_MAX),
        at=_moment(value),
        payer=_text(value, "payer", _PAYER_CHARACTERS_MAX),
    )


def _match(value: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not pattern.fullmatch(found):
        raise _wrong(name, "thiếu hoặc sai quy cách")
    return found


def _text(value: dict[str, Any], name: str, most: int) -> str:
    """A text as people may read it: control characters and halves of characters become blanks, the rest is cut off."""
    found = value.get(name, "")
    if not isinstance(found, str):
        raise _wrong(name, "phải là chữ")
    return _UNPRINTABLE.sub(" ", found).strip()[:most]


def _moment(value: dict[str, Any]) -> datetime:
    found = value.get("at")
    try:
        moment = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 2000 < moment.year < 2200:
        raise _wrong("at", "phải là ngày giờ ISO 8601 có múi giờ")
    return moment


def _wrong(name: str, what: str) -> errors.Unprocessable:
    return errors.Unprocessable(
        "Trường {name}: {what}; chưa có gì được ghi.", expression=name, values={"name": name, "what": what}
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")
