"""Page marks: the opaque text of `_page`, which says behind which row the next page begins.

A mark holds the sort values and the row number of the last row shown, so that rows which arrive or leave between two
pages shift nothing. It is not secret and gives no right: it is read strictly and used as bound values only.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lienmach.base import errors
from lienmach.record.sorting import NUMBER, TEXT, TIME

_FAR = 1 << 62
_INNER_END = -(1 << 61)  # what is contained has row numbers from -_FAR on (record/index/contained.py)


def write_mark(kinds: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """The mark of a row. values: one for each kind, None where there is none, then the row number."""
    plain: list[Any] = ["".join(kind[0] + kind[1] for kind in kinds)]
    for kind, value in zip(kinds, values[:-1], strict=True):
        if value is None:
            plain.append(None)
        elif kind == TIME:
            plain.append(value.astimezone(UTC).isoformat())
        else:
            plain.append(str(value))
    plain.append(values[-1])
    packed = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_mark(kinds: tuple[str, ...], mark: str) -> tuple[Any, ...]:
    """The values and row number of a mark for a search with sort keys of these kinds.

    Raises errors.Invalid for anything that `write_mark` would not have written for such a search.
    """
    try:
        packed = base64.b64decode(mark + "=" * (-len(mark) % 4), altchars=b"-_", validate=True)
        plain = json.loads(packed.decode("utf-8"), parse_constant=_no)
        if not isinstance(plain, list) or len(plain) != len(kinds) + 2:
            raise ValueError
        if plain[0] != "".join(kind[0] + kind[1] for kind in kinds):
            raise ValueError
        rid = plain[-1]
        if isinstance(rid, bool) or not isinstance(rid, int) or not (0 <= rid < _FAR or -_FAR <= rid < _INNER_END):
            raise ValueError
        return (*(_value(kind, value) for kind, value in zip(kinds, plain[1:-1], strict=True)), rid)
    except (ValueError, InvalidOperation, RecursionError, OverflowError):
        raise errors.Invalid(
            "'_page' is not a page mark of this search; follow the links as they were given.", code="value"
        ) from None


def _no(text: str) -> Any:
    raise ValueError(text)


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError
    if kind == TIME:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    if kind == NUMBER:
        number = Decimal(value)
        if not number.is_finite() or abs(number.adjusted()) > 1000 or len(value) > 200:
            raise ValueError
        return number
    if kind == TEXT:
        if "\0" in value or len(value) > 2000:
            raise ValueError
        value.encode("utf-8")
        return value
    raise ValueError
