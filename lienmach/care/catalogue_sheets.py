"""A file that somebody hands in -> its cells as text with line numbers: CSV, XLSX, FHIR CodeSystem as JSON.

Nothing is guessed: what cannot be read is a fault with its line and a sentence in Vietnamese that says what to do.
Limits: 20 MB, 30,000 rows, 60 columns, 4,000 characters a cell. The work is heavy: call `read` in a thread.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import openpyxl

from lienmach.standards.fhir import json as fhir_json

BYTES_MAX = 20 * 1024 * 1024
ROWS_MAX = 30_000
COLUMNS_MAX = 60
CHARACTERS_MAX = 4_000
_UNPACKED_BYTES_MAX = 300 * 1024 * 1024
_HEADER_WITHIN = 20  # a heading may stand below a title


@dataclass(frozen=True)
class Fault:
    """What is wrong in a line of the file; line 0: in the file as a whole."""

    line: int
    text: str


@dataclass
class Sheet:
    """headers: as they stand. lines: (number, cells beside the headers); a cell is a text, a numeric code stays one."""

    headers: list[str] = field(default_factory=list)
    lines: list[tuple[int, list[str]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    numeric: set[tuple[int, int]] = field(default_factory=set)  # (line, column) that came as numbers of a workbook


def read(name: str, content: bytes) -> Sheet:
    """Cells of a file by its beginning, not by its name: a workbook, JSON, or else CSV. Faults instead of errors."""
    if len(content) > BYTES_MAX:
        return _fault(f"Tệp lớn hơn {BYTES_MAX // 1024 // 1024} MB; hãy tách thành nhiều tệp.")
    if not content.strip():
        return _fault("Tệp rỗng.")
    if content.startswith(b"PK\x03\x04"):
        return _workbook(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return _fault("Đây là Excel đời cũ (.xls); hãy lưu lại thành .xlsx hoặc CSV UTF-8.")
    if content.removeprefix(fhir_json.BOM).lstrip().startswith(b"{"):
        return _code_system(content)
    return _csv(content)


def _fault(text: str) -> Sheet:
    return Sheet(faults=[Fault(0, text)])


def _csv(content: bytes) -> Sheet:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        return Sheet(faults=[Fault(line, "Không phải UTF-8; trong Excel hãy chọn “CSV UTF-8” khi lưu.")])
    if "\x00" in text:
        return _fault("Tệp không phải văn bản; hãy lưu thành CSV UTF-8 hoặc .xlsx.")
    head = text.partition("\n")[0]
    mark = max(",;\t|", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    csv.field_size_limit(CHARACTERS_MAX * 10)

    def cells() -> Iterator[tuple[int, list[Any]]]:
        for row in reader:
            yield reader.line_num, row

    try:
        return _sheet(cells())
    except csv.Error:
        return Sheet(faults=[Fault(reader.line_num, "Dấu ngoặc kép không khép hoặc ô quá dài; hãy sửa dòng này.")])


def _workbook(content: bytes) -> Sheet:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(one.file_size for one in packed.infolist()) > _UNPACKED_BYTES_MAX:
                return _fault("Bảng tính khi mở ra quá lớn; hãy tách thành nhiều tệp.")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except Exception:  # openpyxl answers broken files with whatever it stumbles over
        return _fault("Không đọc được bảng tính; hãy mở bằng Excel và lưu lại thành .xlsx.")
    try:
        filled = [one for one in book.worksheets if one.sheet_state == "visible"]
        if not filled:
            return _fault("Bảng tính không có trang nào.")
        rows = enumerate(filled[0].iter_rows(max_col=COLUMNS_MAX + 1, values_only=True), 1)
        return _sheet((number, list(row)) for number, row in rows)
    except Exception:
        return _fault("Bảng tính bị hỏng giữa chừng; hãy mở bằng Excel và lưu lại thành .xlsx.")
    finally:
        book.close()


def _sheet(rows: Iterable[tuple[int, list[Any]]]) -> Sheet:
    """The first line with at least two filled cells is the heading; empty lines are left out."""
    found = Sheet()
    for number, row in rows:
        texts = [_text(cell) for cell in row]
        filled = sum(bool(one) for one in texts)
        if not found.headers:
            if filled >= 2:
                found.headers = texts
                while found.headers and not found.headers[-1]:
                    found.headers.pop()
                if len(found.headers) > COLUMNS_MAX:
                    return _fault(f"Tệp có hơn {COLUMNS_MAX} cột; hãy bỏ các cột không cần.")
            elif number > _HEADER_WITHIN:
                break
            continue
        if not filled:
            continue
        if len(found.lines) >= ROWS_MAX:
            return _fault(f"Tệp có hơn {ROWS_MAX} dòng; hãy tách thành nhiều tệp.")
        if any(len(one) > CHARACTERS_MAX for one in texts):
            found.faults.append(Fault(number, f"Có ô dài hơn {CHARACTERS_MAX} ký tự; hãy rút ngắn."))
            continue
        found.numeric |= {(number, at) for at, one in enumerate(row) if isinstance(one, (int, float))}
        found.lines.append((number, (texts + [""] * len(found.headers))[: len(found.headers)]))
    if not found.headers:
        return _fault("Không thấy dòng tiêu đề cột trong 20 dòng đầu.")
    return found


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return " ".join(str(cell).split()) if not isinstance(cell, str) or "\n" not in cell else cell.strip()


_CODE_SYSTEM_HEADERS = ["code", "name", "en", "lay", "has_finer"]


def _code_system(content: bytes) -> Sheet:
    """Concepts of a CodeSystem in their order, nested ones after their parent; a concept's line is its number."""
    try:
        resource = fhir_json.parse(content, bytes_max=BYTES_MAX)
    except fhir_json.JsonError as problem:
        return _fault(f"JSON không đọc được: {problem.message[:200]}")
    if resource.get("resourceType") != "CodeSystem":
        return _fault("Tệp JSON phải là một CodeSystem của FHIR.")
    found = Sheet(headers=list(_CODE_SYSTEM_HEADERS))
    parents = {
        str(one.get("valueCode"))
        for concept in _concepts(resource.get("concept"))
        for one in _list(concept.get("property"))
        if isinstance(one, dict) and one.get("code") == "parent"
    }
    for number, concept in enumerate(_concepts(resource.get("concept")), 1):
        if number > ROWS_MAX:
            return _fault(f"Tệp có hơn {ROWS_MAX} mã; hãy tách thành nhiều tệp.")
        if _is_retired(concept):
            continue
        code, display = str(concept.get("code") or ""), str(concept.get("display") or "")
        by_language: dict[str, list[str]] = {}
        for one in _list(concept.get("designation")):
            if isinstance(one, dict) and isinstance(one.get("value"), str):
                by_language.setdefault(str(one.get("language") or "")[:2], []).append(one["value"])
        name, *lay = [*by_language.get("vi", []), display]
        english = by_language.get("en", [display if name != display else ""])[0]
        lay = [one for one in lay if one not in (display, name)]
        has_finer = bool(_list(concept.get("concept"))) or code in parents
        found.lines.append((number, [code, name, english, ";".join(lay), "1" if has_finer else "0"]))
    return found if found.lines else _fault("CodeSystem không có mã nào (concept).")


def _concepts(value: Any) -> Iterator[dict[str, Any]]:
    for one in _list(value):
        if isinstance(one, dict):
            yield one
            yield from _concepts(one.get("concept"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_retired(concept: dict[str, Any]) -> bool:
    for one in _list(concept.get("property")):
        if isinstance(one, dict) and (
            (one.get("code") == "inactive" and one.get("valueBoolean") is True)
            or (one.get("code") == "status" and one.get("valueCode") in ("retired", "inactive"))
        ):
            return True
    return False


def seal_of(value: Any) -> str:
    """A JSON value as the text over which a seal is made: the same value, the same text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
