"""The fund's list of what it paid and cut, pasted or handed in: lines, and faults each with a sentence. Pure.

Columns: MA_LK, the amount accepted, the amount cut, the reason, under any of the headings below; a pasted list may
come without a heading, in that order. Amounts are whole đồng or with two decimals, as people write them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lienmach.base import errors
from lienmach.care import catalogue_sheets
from lienmach.standards.fhir import folding

ROWS_MAX = 5_000
_HEADINGS = {
    "ma_lk": "ma lk|ma lien ket|ma luot kham",
    "accepted": "so tien chap nhan|chap nhan|duoc chap nhan|da tra|quy tra|so tien thanh toan|accepted",
    "cut": "so tien tu choi|tu choi|xuat toan|giam tru|bi cat|cut",
    "reason": "ly do|ly do tu choi|ghi chu|reason",
}
_UNNAMED = ("MA_LK", "accepted", "cut", "reason")
_KEY = re.compile(r"[A-Za-z0-9._-]{1,100}")
_GROUPED_DOT = re.compile(r"\d{1,3}(\.\d{3})+(,\d{1,2})?")
_GROUPED_COMMA = re.compile(r"\d{1,3}(,\d{3})+(\.\d{1,2})?")
_AMOUNT_MAX = Decimal(10) ** 12
_SPLIT = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Line:
    """One visit of the list."""

    number: int
    ma_lk: str
    accepted: Decimal
    cut: Decimal
    reason: str


@dataclass(frozen=True)
class ListFault:
    """What is wrong in a line; line 0: in the list as a whole. failure: the sentence, to be translated."""

    line: int
    failure: errors.Invalid


def read(name: str, content: bytes) -> tuple[list[Line], list[ListFault]]:
    """The lines and the faults of a list. name: of its file, "" for what was pasted. Heavy: call it in a thread."""
    sheet = catalogue_sheets.read(name, content if name else _headed(content))
    faults = [ListFault(one.line, errors.Invalid(one.text)) for one in sheet.faults]
    columns = {_column(header): at for at, header in reversed(list(enumerate(sheet.headers))) if _column(header)}
    if sheet.headers and not {"ma_lk", "accepted"} <= set(columns):
        said = ", ".join(one for one in sheet.headers if one)[:200]
        text = "Cần cột MA_LK và cột số tiền chấp nhận. Các cột đọc được: {said}."
        return [], [*faults, ListFault(0, errors.Invalid(text, values={"said": said}))]
    if len(sheet.lines) > ROWS_MAX:
        text = "Danh sách có hơn {count} dòng; hãy tách theo tháng."
        return [], [ListFault(0, errors.Invalid(text, values={"count": ROWS_MAX}))]
    found: list[Line] = []
    seen: dict[str, int] = {}
    for number, cells in sheet.lines:
        try:
            line = _line(number, {own: cells[at].strip() for own, at in columns.items()})
            if line.ma_lk in seen:
                places: dict[str, object] = {"code": line.ma_lk, "line": seen[line.ma_lk]}
                raise errors.Invalid("Mã {code} đã có ở dòng {line}.", values=places)
        except errors.Invalid as problem:
            faults.append(ListFault(number, problem))
            continue
        seen[line.ma_lk] = number
        found.append(line)
    return found, faults


def _line(number: int, cells: dict[str, str]) -> Line:
    own = cells["ma_lk"]
    if not _KEY.fullmatch(own):
        raise errors.Invalid("“{text}” không phải là mã lượt khám (MA_LK).", values={"text": own[:40]})
    accepted, cut = _amount(cells["accepted"]), _amount(cells.get("cut", ""))
    reason = cells.get("reason", "")[:300]
    if cut and not reason:
        raise errors.Invalid("Số tiền bị từ chối cần có lý do.")
    return Line(number, own, accepted, cut, reason)


def _amount(text: str) -> Decimal:
    """1.234.567, 1234567, 1234567.50 or 1.234.567,50 đồng; nothing is 0."""
    plain = re.sub(r"[\s\u20ab\u0111]", "", text)
    if not plain:
        return Decimal(0)
    if _GROUPED_COMMA.fullmatch(plain):
        plain = plain.replace(",", "")
    elif _GROUPED_DOT.fullmatch(plain) or "," in plain:
        plain = plain.replace(".", "").replace(",", ".")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value < _AMOUNT_MAX or value != round(value, 2):
        raise errors.Invalid("“{text}” không phải là số tiền.", values={"text": text[:40]})
    return value


def _column(header: str) -> str:
    folded = " ".join(_SPLIT.split(folding.fold(header))).strip()
    return next((name for name, said in _HEADINGS.items() if folded in said.split("|")), "")


def _headed(content: bytes) -> bytes:
    """What was pasted, with a heading in front where it has none."""
    first = content.decode("utf-8", "replace").lstrip().partition("\n")[0]
    mark = max("\t;,|", key=first.count)
    if not first.strip() or any(_column(one) for one in first.split(mark)):
        return content
    return mark.join(_UNNAMED[: max(first.count(mark) + 1, 2)]).encode() + b"\n" + content.lstrip()
