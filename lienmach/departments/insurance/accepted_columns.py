"""Which column of an acceptance list (forms 02, 03, 05 and 06/DM, TT 12/2026/TT-BTC; secondary) is which member. Pure.

The members are those of care/claims/accepted.py. A row stands under our own code: the column MA_NOI_BO where a file
has it, else the code that the insurer uses.
"""

from __future__ import annotations

import re
from typing import Any

from lienmach.care import catalogue_import
from lienmach.care.catalogue_columns import read as read_cell
from lienmach.care.catalogue_import import Line
from lienmach.care.catalogue_sheets import Fault, Sheet
from lienmach.care.claims import accepted
from lienmach.standards.fhir import folding

TITLES = {
    "02": "Nhân viên y tế (mẫu 02/DM)",
    "03": "Thuốc (mẫu 03/DM)",
    "05": "Dịch vụ kỹ thuật (mẫu 05/DM)",
    "06": "Máy, thiết bị (mẫu 06/DM)",
}
#: form -> members shown and read, with the suffix that says how a cell is read (catalogue_columns.read)
MEMBERS: dict[str, tuple[str, ...]] = {
    "02": ("MA_BAC_SI", "HO_TEN", "CHUC_DANH", "kinds[]", "is_head?"),
    "03": (
        "MA_THUOC", "TEN_THUOC", "HAM_LUONG", "DUONG_DUNG", "DANG_BAO_CHE", "DON_VI_TINH", "SO_DANG_KY", "TT_THAU",
        "DON_GIA#",
    ),
    "05": ("MA_DICH_VU", "TEN_DICH_VU", "DON_GIA#"),
    "06": ("MA_MAY", "TEN_MAY", "services[]", "device", "nhom"),
}  # fmt: skip
_NAMES = {"02": "HO_TEN", "03": "TEN_THUOC", "05": "TEN_DICH_VU", "06": "TEN_MAY"}
_ALIASES = {"GIA_TT_BHYT": "DON_GIA", "TEN_DVKT": "TEN_DICH_VU", "MACCHN": "MA_BAC_SI", "LA_THU_TRUONG": "is_head"}
_TWICE = "Mã {code} đã có ở dòng {line}."
_NAMELESS = "Mã {code} thiếu tên"
_LONG = "Mã hoặc tên quá dài: {code}"
_BACKWARDS = "Mã {code}: ngày hết hiệu lực trước ngày bắt đầu"
_SUFFIXES = "[]{}#?"
_SPLIT = re.compile(r"[^a-z0-9]+")


def list_of(form: str) -> str:
    """The list of a form. Raises KeyError for a form that is none."""
    return accepted.FORMS[form][0]


def read(form: str, sheet: Sheet) -> tuple[list[Line], list[Fault]]:
    """The lines of a handed-in sheet and what is wrong in it. Heavy: call it in a thread."""
    columns = [_column(form, header) for header in sheet.headers]
    if sheet.headers and _NAMES[form] not in columns:
        said = ", ".join(one for one in sheet.headers if one)[:200]
        needed = ", ".join([accepted.FORMS[form][1], _NAMES[form]])
        places = {"needed": needed, "said": said}
        return [], [*sheet.faults, _fault(0, "Cần các cột {needed}. Các cột đọc được: {said}.", places)]
    found, faults = [], list(sheet.faults)
    seen: dict[str, int] = {}
    for number, cells in sheet.lines:
        try:
            line = _line(form, columns, number, cells)
        except ValueError as problem:
            faults.append(Fault(number, f"{problem}."))
            continue
        if line.code in seen:
            faults.append(_fault(number, _TWICE, {"code": line.code, "line": str(seen[line.code])}))
            continue
        seen[line.code] = number
        found.append(line)
    return found, faults


def _line(form: str, columns: list[str], number: int, cells: list[str]) -> Line:
    members = {one.rstrip(_SUFFIXES): one for one in MEMBERS[form]}
    own: dict[str, str] = {}
    data: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=True):
        if not column or not cell:
            continue
        if column in members:
            name, value = read_cell(members[column], cell)
            data[name] = value
        else:
            own[column] = cell
    code = own.get("code") or str(data.get(accepted.FORMS[form][1], ""))
    name = str(data.get(_NAMES[form], ""))
    if not code or not name:
        raise ValueError("Thiếu mã" if not code else _NAMELESS.format(code=code[:40]))
    if len(code) > 60 or len(name) > 500:
        raise ValueError(_LONG.format(code=code[:40]))
    begins = catalogue_import.read_day(own.get("from", ""))
    ends = catalogue_import.read_day(own.get("to", ""))
    if begins and ends and ends < begins:
        raise ValueError(_BACKWARDS.format(code=code))
    return Line(number, code, name, data, begins, ends, own.get("source", ""))


def _fault(number: int, text: str, places: dict[str, str]) -> Fault:
    return Fault(number, text.format(**places))


def _column(form: str, header: str) -> str:
    """The member or own column that a heading means, "" for one that is not known."""
    said = "_".join(_SPLIT.split(folding.fold(header.strip()))).strip("_").upper()
    said = _ALIASES.get(said, said)
    known = {one.rstrip(_SUFFIXES).upper(): one.rstrip(_SUFFIXES) for one in MEMBERS[form]}
    if said in known:
        return known[said]
    own = {"MA_NOI_BO": "code", "TU_NGAY": "from", "DEN_NGAY": "to", "QUYET_DINH": "source"}
    return own.get(said, "")
