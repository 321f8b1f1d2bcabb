"""What two versions of a claim differ in: why it goes again, and whether a place that was rejected has changed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from lienmach.standards.bhxh.claim_xml import Row, Tables

PAID = "Người bệnh đã thanh toán sau khi gửi hồ sơ"
RESULT = "Có kết quả cận lâm sàng sau khi gửi hồ sơ"
STATEMENT = "Chốt lại bảng kê chi phí"
MENDED = "Hồ sơ được sửa sau khi gửi"
SETTLED = ("XML1", "NGAY_TTOAN")
_RESULT_FIELDS = frozenset({"NGAY_KQ", "NGUOI_THUC_HIEN", "MA_MAY"})
#: What a row is about; rows of one table are matched by it, so that a row put in between changes no other.
_CODES = ("MA_THUOC", "MA_DICH_VU", "MA_VAT_TU", "MA_CHI_SO")
#: Fields that say nothing about what a row is for: its number, and when the patient paid.
_ASIDE = ("STT", SETTLED[1])
Keyed = dict[tuple[str, str], tuple[int, Row]]


def changed(old: Tables, new: Tables) -> set[tuple[str, str]]:
    """(table, field) of what differs; a row more or less counts as field ""."""
    found: set[tuple[str, str]] = set()
    for table in old.keys() | new.keys():
        before, after = old.get(table, []), new.get(table, [])
        if len(before) != len(after):
            found.add((table, ""))
            continue
        for one, other in zip(before, after, strict=True):
            found |= {(table, name) for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    return found


def reason(old: Tables, new: Tables, *, is_other_statement: bool, statement_reason: str = "") -> str:
    """The reason of a re-sending that nobody asked for, in Vietnamese; "" where nothing differs."""
    fields = changed(old, new)
    if not fields:
        return ""
    if is_other_statement:
        return f"{STATEMENT}: {statement_reason}" if statement_reason else STATEMENT
    if fields == {SETTLED}:
        return PAID
    if all(table == "XML4" or (table == "XML3" and field in _RESULT_FIELDS) for table, field in fields - {SETTLED}):
        return RESULT
    return MENDED


def keyed(rows: Sequence[Mapping[str, str]]) -> Keyed:
    """Rows by what they are about and which of the same they are, with their number from 1."""
    seen: Counter[str] = Counter()
    found: Keyed = {}
    for number, row in enumerate(rows, 1):
        code = next((row[name] for name in _CODES if row.get(name)), "")
        seen[code] += 1
        found[code, str(seen[code])] = (number, dict(row))
    return found


def rows_at(old: Tables, new: Tables, table: str, row: int) -> tuple[Row | None, Row | None]:
    """The row of `old` that a fault names by its STT, the first where it names none, and the same one in `new`.

    None where there is no such row. A row is the same by what it is about, wherever it stands now.
    """
    before, after = keyed(old.get(table, ())), keyed(new.get(table, ()))
    for key, (number, one) in before.items():
        if not row or _number(one, number) == row:
            return one, after[key][1] if key in after else None
    return None, next((one for number, one in after.values() if row and _number(one, number) == row), None)


def is_mended(old: Tables, new: Tables, table: str, field: str, row: int) -> bool:
    """Whether the place that a fault of `old` names is another in `new`: its field, or its row where it names no field.

    row 0: any row of the table. A row that is gone or that was missing counts. What is no table (ENV) cannot be told.
    """
    if row:
        before, after = rows_at(old, new, table, row)
        return _differs(before, after, field)
    before_all, after_all = keyed(old.get(table, ())), keyed(new.get(table, ()))
    if before_all.keys() != after_all.keys():
        return True
    return any(_differs(one, after_all[key][1], field) for key, (_, one) in before_all.items())


def _differs(before: Row | None, after: Row | None, field: str) -> bool:
    if before is None or after is None:
        return before is not after
    names = [field] if field else [name for name in before.keys() | after.keys() if name not in _ASIDE]
    return any(before.get(name, "") != after.get(name, "") for name in names)


def _number(row: Row, number: int) -> int:
    said = row.get("STT", "")
    return int(said) if said.isdecimal() else number
