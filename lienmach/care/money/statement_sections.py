"""The sections of the cost statement 01/KBCB: numbers and names of the form, and where each cost group belongs.

Sections keep their numbers, and those without cost are left out (QĐ 697/QĐ-BYT 2026-03-19, secondary; the names and the
groups that belong to each are from memory: compare with the annex).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

TITLES = {
    "1": "Khám bệnh",
    "2": "Ngày giường",
    "3": "Xét nghiệm",
    "4": "Chẩn đoán hình ảnh",
    "5": "Thăm dò chức năng",
    "6": "Thủ thuật, phẫu thuật",
    "7": "Máu, chế phẩm máu, vận chuyển máu",
    "8": "Thuốc, dịch truyền",
    "9": "Vật tư y tế",
    "10": "Gói vật tư y tế",
    "11": "Vận chuyển người bệnh",
    "12": "Dịch vụ khác",
}
#: MA_NHOM -> section; a group that is not here is another service
_OF_GROUP = {
    "13": "1", "14": "2", "15": "2", "16": "2", "1": "3", "2": "4", "3": "5", "8": "6", "18": "6", "9": "6",
    "7": "7", "17": "7", "4": "8", "5": "8", "6": "8", "10": "9", "11": "9", "12": "11", "19": "12",
}  # fmt: skip


class Grouped(Protocol):
    """What is needed of a line: statements.StatementLine."""

    @property
    def nhom(self) -> str: ...


Line = TypeVar("Line", bound=Grouped)


def section_of(nhom: str) -> str:
    """The number of the section of a cost group (MA_NHOM)."""
    return _OF_GROUP.get(nhom, "12")


def grouped(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    """(number, lines) of the sections that have cost, in the order of the form; lines in the order given."""
    found: dict[str, list[Line]] = {}
    for one in lines:
        found.setdefault(section_of(one.nhom), []).append(one)
    return [(number, found[number]) for number in TITLES if number in found]
