"""A handed-in file against a list in use: what would be added, changed and retired from a day on, and the taking of it.

    lines, faults = catalogue_import.read_lines("icd10", sheet)
    shown = await catalogue_import.preview(tx, "icd10", lines, date(2027, 1, 1), faults=faults)
    catalogue_import.take(tx, shown)

A changed code gets a second row, which begins on that day, and its first row ends the day before; a retired code only
ends. So a visit of an earlier day finds what it used, and an ICD edition changes with the day on which a visit ends.
Members that the file does not speak of (lay names, specimens) are carried over. Taken rows are approved in the name of
the person who took them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from lienmach.care import catalogue_columns, catalogue_sheets, catalogues
from lienmach.care.catalogue_sheets import Fault, Sheet
from lienmach.care.catalogues import Row
from lienmach.record.transaction import Transaction

_ROWS_MAX = 100_000
_CODE = re.compile(r"[^\s\x00-\x1f](?:[^\x00-\x1f]{0,58}[^\s\x00-\x1f])?")
_ICD = re.compile(r"[A-Z]\d\d(?:\.[0-9A-Z]{1,3})?[*†+]?")
_PREFIXES = {"ma dich vu": "service:", "ma thuoc": "drug:"}
_NAME_MAX = 500


@dataclass(frozen=True)
class Line:
    """One line of the file. data: only the members that the file speaks of. starts_on, ends_on: None, not said."""

    number: int
    code: str
    name: str
    data: dict[str, Any] = field(default_factory=dict)
    starts_on: date | None = None
    ends_on: date | None = None
    source: str = ""


@dataclass(frozen=True)
class Change:
    """A code whose row becomes another. differences: (member, old, new) as people may read them."""

    before: Row
    after: Row
    differences: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Preview:
    """What taking a file would do. retired: rows with their last day. seal: the same for the same file and list."""

    list: str
    starts_on: date
    added: tuple[Row, ...] = ()
    changed: tuple[Change, ...] = ()
    retired: tuple[Row, ...] = ()
    unchanged: int = 0
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    seal: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take."""
        return not (self.added or self.changed or self.retired)


def read_lines(list_name: str, sheet: Sheet) -> tuple[list[Line], list[Fault], list[str]]:
    """(lines, faults by line, headings that were not understood) of a sheet. Heavy: call it in a thread."""
    columns = [catalogue_columns.member(header, list_name) for header in sheet.headers]
    ignored = [header for header, column in zip(sheet.headers, columns, strict=True) if header and not column]
    if sheet.headers and not {"code", "name"} <= set(columns):
        said = ", ".join(one for one in sheet.headers if one)[:200]
        return [], [*sheet.faults, Fault(0, f"Cần một cột mã và một cột tên. Các cột đọc được: {said}.")], ignored
    faults, found = list(sheet.faults), []
    earlier: dict[tuple[str, date | None], int] = {}
    for number, cells in sheet.lines:
        try:
            line = _line(list_name, sheet, columns, number, cells)
        except ValueError as problem:
            faults.append(Fault(number, f"{problem}."))
            continue
        key = (line.code, line.starts_on)
        if key in earlier:
            faults.append(Fault(number, f"Mã {line.code} đã có ở dòng {earlier[key]}."))
            continue
        earlier[key] = number
        found.append(line)
    crossed = _overlaps(found)
    faults += [fault for fault, _ in crossed]
    found = [one for one in found if not any(one.number in numbers for _, numbers in crossed)]
    if list_name == "icd10":
        found = _with_finer(found)
    return found, faults, ignored


def _overlaps(lines: Sequence[Line]) -> list[tuple[Fault, tuple[int, int]]]:
    """Two lines of a code of which the first ends, as the file says, after the second has begun; with their numbers."""
    found: list[tuple[Fault, tuple[int, int]]] = []
    last: dict[str, Line] = {}
    for line in sorted((one for one in lines if one.starts_on), key=lambda one: (one.code, one.starts_on, one.number)):
        before = last.get(line.code)
        if before is not None and before.ends_on is not None and before.ends_on >= (line.starts_on or before.ends_on):
            text = (
                f"Mã {line.code}: bắt đầu ngày {line.starts_on:%d/%m/%Y} trùng với dòng {before.number} còn hiệu lực "
                f"đến {before.ends_on:%d/%m/%Y}; sửa ngày của một trong hai dòng."
            )
            found.append((Fault(line.number, text), (before.number, line.number)))
        last[line.code] = line
    return found


def _line(list_name: str, sheet: Sheet, columns: list[str], number: int, cells: list[str]) -> Line:
    own: dict[str, str] = {}
    data: dict[str, Any] = {}
    for at, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        if not column or not cell or column in own:
            continue
        if column in catalogue_columns.OWN:
            own[column] = cell
            if column == "code" and (number, at) in sheet.numeric:
                raise ValueError(f"Ô mã “{cell}” là số, số 0 ở đầu có thể đã mất; hãy định dạng cột mã là Văn bản")
            if column == "code" and list_name == "price" and ":" not in cell:
                own[column] = _prefix(sheet.headers[at]) + cell
        else:
            if column == "account" and (number, at) in sheet.numeric:
                raise ValueError(f"Ô tài khoản “{cell}” là số, có thể đã mất số 0; hãy định dạng cột là Văn bản")
            name, value = catalogue_columns.read(column, cell)
            data[name] = value
    code, name = own.get("code", ""), own.get("name", "")
    if not code or not name:
        raise ValueError("Thiếu mã" if not code else f"Mã {code[:40]} thiếu tên")
    if not _CODE.fullmatch(code) or (list_name == "icd10" and not _ICD.fullmatch(code)):
        raise ValueError(f"“{code[:40]}” không phải là một mã của danh mục này")
    if len(name) > _NAME_MAX:
        raise ValueError(f"Tên của mã {code} dài hơn {_NAME_MAX} ký tự")
    begins, ends = read_day(own.get("valid_from", "")), read_day(own.get("valid_to", ""))
    if begins and ends and ends < begins:
        raise ValueError(f"Mã {code}: ngày hết hiệu lực trước ngày bắt đầu")
    return Line(number, code, name, data, begins, ends, own.get("source", ""))


def _prefix(header: str) -> str:
    folded = " ".join(re.split(r"[^a-z]+", header.casefold().replace("ã", "a"))).strip()
    return _PREFIXES.get(folded, "service:")


def _with_finer(lines: list[Line]) -> list[Line]:
    """A code under which the same file has longer ones has finer codes, whatever the file says of it."""
    codes = {one.code.rstrip("*†+") for one in lines}
    parents = {code[:3] for code in codes if len(code) > 3} | {code[:-1] for code in codes if len(code) > 5}
    return [
        replace(
            one,
            data={
                **one.data,
                "has_finer": one.code.rstrip("*†+") in parents
                or bool(one.data.get("has_finer"))
                or 26 in one.data.get("flags", ()),
            },
        )
        for one in lines
    ]


_DAYS = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)"),
    re.compile(r"(?P<d>\d\d?)[/.-](?P<m>\d\d?)[/.-](?P<y>\d{4})"),
    re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)"),
)


def read_day(text: str) -> date | None:
    """A day as 2026-07-01, 01/07/2026 or 20260701. Raises ValueError with a sentence."""
    if not text:
        return None
    for pattern in _DAYS:
        found = pattern.fullmatch(text.strip())
        if found:
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                break
    raise ValueError(f"“{text[:40]}” không phải là ngày; viết như 01/07/2026")


async def preview(
    tx: Transaction,
    list_name: str,
    lines: Sequence[Line],
    starts_on: date,
    *,
    is_whole: bool = True,
    source: str = "",
    faults: Sequence[Fault] = (),
    ignored: Sequence[str] = (),
) -> Preview:
    """Compare a file with the list in use, from `starts_on` or the day that a line names.

    is_whole: the file is the whole list, so that a code which is not in it is retired; a part only adds and changes.
    source: document of lines that name none themselves. faults, ignored: of read_lines; with faults nothing is retired
    for being absent, for nobody can tell which code a faulty line meant.
    """
    current = await catalogues.all_of(tx, list_name, limit=_ROWS_MAX)
    comparison = _Comparison(list_name, starts_on, source, catalogues.today(tx))
    found = await asyncio.to_thread(comparison.of, lines, current, is_whole and bool(lines) and not faults)
    found = replace(found, faults=(*faults, *found.faults), ignored=tuple(ignored))
    return replace(found, seal=await asyncio.to_thread(_seal, found))


@dataclass
class _Comparison:
    list: str
    starts_on: date
    source: str
    today: date

    def of(self, lines: Sequence[Line], current: Sequence[Row], is_whole: bool) -> Preview:
        by_code: dict[str, list[Row]] = {}
        for row in current:
            by_code.setdefault(row.code, []).append(row)
        added, changed, retired, faults, unchanged = [], [], [], [], 0
        for line in lines:
            after, before = self._rows(line, by_code.get(line.code, []))
            differences = _differences(before, after) if before else ()
            if before is None:
                added.append(after)
            elif not differences:
                unchanged += 1
            elif differences[0][0] == "valid_to" and len(differences) == 1:
                retired.append(replace(before, valid_to=after.valid_to))
            elif text := self._fault(before, after):
                faults.append(Fault(line.number, f"Mã {line.code}: {text}"))
            else:
                changed.append(Change(before, after, differences))
        if is_whole:
            told = {one.code for one in lines}
            last_on = catalogues.yesterday(self.starts_on)
            for row in current:
                if row.code not in told and _holds(row, self.starts_on):
                    if row.valid_from > last_on:
                        faults.append(
                            Fault(0, f"Mã {row.code} bắt đầu đúng ngày này nên không kết thúc được; chọn ngày sau.")
                        )
                    else:
                        retired.append(replace(row, valid_to=last_on))
        if any(one.valid_to and one.valid_to < catalogues.yesterday(self.today) for one in retired):
            faults.insert(0, Fault(0, "Ngày đã qua: mã đang dùng chỉ kết thúc được từ hôm qua trở đi."))
        return Preview(
            self.list, self.starts_on, tuple(added), tuple(changed), tuple(retired), unchanged, tuple(faults)
        )

    def _rows(self, line: Line, known: Sequence[Row]) -> tuple[Row, Row | None]:
        begins = line.starts_on or self.starts_on
        before = next((one for one in known if _holds(one, begins)), None)
        data = {**(before.data if before else {}), **line.data, "confidence": "source"}
        after = Row(self.list, line.code, line.name, begins, line.ends_on, "approved", data, line.source or self.source)
        return after, before

    def _fault(self, before: Row, after: Row) -> str:
        if before.state != "approved":
            return ""
        if before.valid_from >= after.valid_from:
            return f"đã có dòng được duyệt từ ngày {before.valid_from:%d/%m/%Y}; chọn ngày bắt đầu sau ngày đó."
        if after.valid_from < self.today:
            return "dòng đã duyệt đang dùng chỉ đổi được từ hôm nay trở đi; chọn ngày bắt đầu từ hôm nay."
        return ""


def _holds(row: Row, on: date) -> bool:
    return row.valid_from <= on and (row.valid_to is None or row.valid_to >= on)


def _differences(before: Row, after: Row) -> tuple[tuple[str, str, str], ...]:
    found = [("name", before.name, after.name)] if before.name != after.name else []
    if after.valid_to is not None and (before.valid_to is None or before.valid_to > after.valid_to):
        found.append(("valid_to", f"{before.valid_to or ''}", f"{after.valid_to}"))
    for name in sorted({*before.data, *after.data} - {"confidence"}):
        old, new = before.data.get(name), after.data.get(name)
        if old != new and not (name == "has_finer" and bool(old) == bool(new)):
            found.append((name, _shown(old), _shown(new)))
    return tuple(found)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "; ".join(value)
    return value if isinstance(value, str) else catalogue_sheets.seal_of(value)


def _seal(found: Preview) -> str:
    told = [
        found.list, str(found.starts_on), [vars(one) for one in found.added],
        [(one.before.row_id, vars(one.after)) for one in found.changed],
        [(one.row_id, one.valid_to) for one in found.retired],
    ]  # fmt: skip
    return hashlib.sha256(catalogue_sheets.seal_of(told).encode()).hexdigest()


def take(tx: Transaction, shown: Preview) -> None:
    """Add, change and retire when tx commits. Faulty lines are left out: who calls asks whether that is wanted.

    Raises errors.Invalid or Conflict as catalogues.put and close do.
    """
    by_day: dict[date, list[str]] = {}
    for one in shown.retired:
        assert one.valid_to is not None
        by_day.setdefault(one.valid_to, []).append(one.code)
    for last_on, codes in by_day.items():
        catalogues.close_all(tx, shown.list, codes, last_on=last_on)
    catalogues.put(tx, [*shown.added, *(one.after for one in shown.changed)])
