"""What the costs of a visit have become since its statement was closed: one sentence a line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lienmach.web import formats

_COMPARED = ("THANH_TIEN_BV", "T_BHTT", "T_BNCCT", "T_BNTT")


@dataclass(frozen=True)
class Change:
    """text: a key of the words with its places."""

    text: str
    places: dict[str, str]


def between(before: Sequence[Any], after: Sequence[Any]) -> list[Change]:
    """The changes from some lines to others (care/money/statements.StatementLine), matched by their charge."""
    old, new = {one.charge_id: one for one in before}, {one.charge_id: one for one in after}
    found = [Change("Thêm: {name}", {"name": one.name}) for own, one in new.items() if own not in old]
    found += [Change("Bỏ: {name}", {"name": one.name}) for own, one in old.items() if own not in new]
    for own, one in new.items():
        if own in old:
            found += _of_line(old[own], one)
    return found


def _of_line(old: Any, new: Any) -> list[Change]:
    if old.quantity != new.quantity:
        places = {"name": new.name, "old": _plain(old.quantity), "new": _plain(new.quantity)}
        return [Change("{name}: số lượng {old} → {new}", places)]
    if any(getattr(old, name) != getattr(new, name) for name in _COMPARED):
        places = {"name": new.name, "old": _plain(old.T_BHTT), "new": _plain(new.T_BHTT)}
        return [Change("{name}: quỹ trả {old} → {new}", places)]
    return []


def _plain(value: Decimal) -> str:
    """12 instead of 12.000, 1.234,5 as people write it."""
    return formats.number(format(value.normalize(), "f"))
