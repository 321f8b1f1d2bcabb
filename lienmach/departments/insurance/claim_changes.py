"""What two versions of a claim differ in: table, row and field with both values. Pure: tables in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lienmach.care.claims import differences
from lienmach.care.claims.differences import Keyed

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]
_NAMES = ("TEN_THUOC", "TEN_DICH_VU", "TEN_VAT_TU", "TEN_CHI_SO")


@dataclass(frozen=True)
class FieldChange:
    """One field. row: counted from 1 in its table, of the newer version unless it is gone. kind: changed, or added
    and gone for a whole row, whose name stands in place of the values."""

    table: str
    row: int
    field: str
    before: str
    after: str
    kind: str = "changed"


def between(before: Tables, after: Tables) -> list[FieldChange]:
    """The changes from one version to the next, in the order of the tables."""
    found: list[FieldChange] = []
    for table in sorted({*before, *after}, key=_order):
        found += _of_table(table, differences.keyed(before.get(table, ())), differences.keyed(after.get(table, ())))
    return found


def _of_table(table: str, before: Keyed, after: Keyed) -> list[FieldChange]:
    found = []
    for key, (at, new) in after.items():
        if key not in before:
            found.append(FieldChange(table, at, "", "", _name(new), "added"))
            continue
        old = before[key][1]
        names = [*old, *(name for name in new if name not in old)]
        found += [
            FieldChange(table, at, name, old.get(name, ""), new.get(name, ""))
            for name in names
            if old.get(name, "") != new.get(name, "")
        ]
    gone = [FieldChange(table, at, "", _name(old), "", "gone") for key, (at, old) in before.items() if key not in after]
    return found + gone


def _name(row: Row) -> str:
    return next((row[name] for name in _NAMES if row.get(name)), "")


def _order(table: str) -> tuple[int, str]:
    number = table.removeprefix("XML")
    return (int(number) if number.isdecimal() else 99, table)
