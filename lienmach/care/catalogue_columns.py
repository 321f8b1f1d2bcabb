"""Which column of a file is which member of a catalogue row: by header, Vietnamese or English, or as we write it.

Our own files name a member and its form: `lay[]` texts divided by `;`, `rates[#]` numbers divided by `;`, `minutes#` a
number, `has_finer?` yes or no, `ranges{}` JSON, no suffix a text. Files of others have headings such as `MÃ BỆNH`,
`Tên tiếng Anh`, `DON_GIA`; what they mean stands here, by list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from lienmach.standards.fhir import folding

#: Members of the row itself; all others stand in its `data`.
OWN = ("code", "name", "valid_from", "valid_to", "source")

_EVERYWHERE = {
    "code": "ma|ma so|code",
    "name": "ten|ten tieng viet|ten goi|name|display|noi dung",
    "en": "ten tieng anh|tieng anh|english|english name",
    "lay[]": "ten thuong goi|ten dan gian|ten khac|tu khoa|lay names|synonyms",
    "valid_from": "tu ngay|hieu luc tu|ngay hieu luc|valid from",
    "valid_to": "den ngay|hieu luc den|ngay het hieu luc|valid to",
    "source": "nguon|quyet dinh|so quyet dinh|van ban",
}
_BY_LIST = {
    "icd10": {
        "code": "ma icd|ma icd 10|ma icd10|ma benh",
        "name": "ten benh|ten benh tieng viet|disease name",
        "has_finer?": "co ma chi tiet hon|co ma chi tiet",
        "flags[#]": "co|co bao|ghi chu ma|flags",
        "sex": "gioi tinh",
        "long_term?": "benh dai ngay|benh man tinh",
        "chapter": "chuong|ma chuong",
    },
    "drug": {
        "code": "ma noi bo|ma thuoc noi bo",
        "name": "ten thuoc",
        "bhyt_code": "ma thuoc|ma hoat chat",
        "strength": "ham luong",
        "form": "dang bao che",
        "unit": "don vi tinh|dvt",
        "route_name": "duong dung",
        "registration": "so dang ky|sdk",
        "tender": "tt thau|thong tin thau",
        "nhom": "ma nhom",
        "brand": "biet duoc|ten biet duoc",
    },
    "service": {
        "code": "ma dich vu|ma dvkt|ma tuong duong",
        "name": "ten dich vu|ten dvkt|ten dvkt gia",
        "nhom": "ma nhom",
        "kind": "loai|loai dich vu",
        "minutes#": "so phut|thoi gian",
    },
    "supply": {"code": "ma vat tu", "name": "ten vat tu", "unit": "don vi tinh|dvt", "nhom": "ma nhom"},
    "indicator": {"code": "ma chi so", "name": "ten chi so", "unit_shown": "don vi do|don vi", "loinc": "ma loinc"},
    "price": {
        "code": "ma dich vu|ma thuoc",
        "name": "ten dich vu|ten thuoc",
        "don_gia_bv#": "don gia|don gia bv|gia benh vien|gia vien phi",
        "don_gia_bh#": "don gia bh|gia tt bhyt|gia bhyt",
        "t_trantt#": "tran thanh toan|t trantt",
    },
    "bank": {"code": "bin|ma ngan hang", "name": "ten ngan hang", "short_name": "ten viet tat|ten ngan"},
    "bank-account": {
        "code": "ma cskcb|ma co so",
        "name": "ten co so",
        "bin": "bin|ma ngan hang",
        "account": "so tai khoan|tai khoan",
        "holder": "chu tai khoan|ten tai khoan",
    },
    "ma-khoa": {"code": "ma khoa", "name": "ten khoa"},
    "dan-toc": {"code": "ma dan toc", "name": "ten dan toc"},
    "nghe-nghiep": {"code": "ma nghe nghiep|ma nghe", "name": "ten nghe nghiep"},
    "quoc-tich": {"code": "ma quoc tich", "name": "ten quoc tich|quoc tich"},
    "ma-tai-nan": {"code": "ma tai nan", "name": "ten tai nan"},
}
_SPLIT = re.compile(r"[^a-z0-9]+")
_TRUE, _FALSE = ("1", "x", "co", "yes", "true", "dung"), ("0", "khong", "no", "false", "sai")


def member(header: str, list_name: str) -> str:
    """The member, with its suffix, that a heading means in a list; "" for one that is not known."""
    stated = header.strip()
    if re.fullmatch(r"[a-z][a-z0-9_]*(\[\]|\[#\]|\{\}|#|\?)?", stated) and (
        stated in OWN or stated.rstrip("[]{}#?") in _members(list_name)
    ):
        return stated if stated != stated.rstrip("[]{}#?") else _members(list_name).get(stated, stated)
    folded = " ".join(_SPLIT.split(folding.fold(stated))).strip()
    for table in (_BY_LIST.get(list_name, {}), _EVERYWHERE):
        for name, headings in table.items():
            if folded in headings.split("|"):
                return name
    return ""


def read(column: str, cell: str) -> tuple[str, Any]:
    """(name of the member, value) of a cell. Raises ValueError with a sentence in Vietnamese."""
    for suffix, reads in _READERS:
        if column.endswith(suffix):
            return column.removesuffix(suffix), reads(cell)
    return column, cell


def _members(list_name: str) -> dict[str, str]:
    """Name without suffix -> name with it, of the members that a list is known to have."""
    known = [*_EVERYWHERE, *_BY_LIST.get(list_name, {}), *_MORE.get(list_name, "").split()]
    return {one.rstrip("[]{}#?"): one for one in known}


#: Members of our own files that need no Vietnamese heading.
_MORE = {
    "icd10": "confidence sick_leave_max#",
    "drug": "confidence ingredients{} route atc kind is_toxic? is_insured? ratio# usual{} t_trantt#",
    "ingredient": "confidence allergy_groups[] classes[] dose{} renal{} pregnancy{} breastfeeding{} elderly{}",
    "interaction": "confidence a b level text",
    "allergy-group": "confidence members[] cross[]",
    "service": "confidence room_kind specialty specimen{} indicators[] is_insured? ratio# scope repeat_days# loinc rooms[]",
    "indicator": "confidence unit decimals# kind ranges{} delta_percent# delta_days#",
    "supply": "confidence is_insured? ratio#",
    "price": "confidence",
    "room-kind": "confidence",
    "specialty": "confidence technique_chapter exam_service",
    "ma-loai-kcb": "confidence fhir_class",
    "ma-doituong-kcb": "confidence rates{} whole_card? order#",
    "ma-nhom": "confidence table",
    "ma-khoa": "confidence",
    "dan-toc": "confidence",
    "nghe-nghiep": "confidence",
    "quoc-tich": "confidence",
    "ma-tai-nan": "confidence",
    "ma-loai-rv": "confidence",
    "ket-qua-dtri": "confidence fhir_discharge",
    "card-object": "confidence level",
    "card-benefit": "confidence percent_periods{} objects_from_2026[]",
    "base-salary": "confidence dong# p15# six_months#",
    "examination-rate": "confidence rates[#]",
    "priority-group": "confidence rank# from_years# under_years#",
    "public-holiday": "confidence",
    "slip-tolerance": "confidence days_before# days_after#",
    "bank": "confidence mark swift can_receive? can_pay?",
    "bank-account": "confidence",
    "snippet": "confidence text order_set",
    "note-template": "confidence specialty sections{}",
    "order-set": "confidence specialty services[] drugs{} icd10[]",
    "claim-rule": "confidence level moment mender fields[] is_checked? place",
}
LISTS = tuple(_MORE)


def _number(cell: str) -> int | Decimal:
    """A number as people here write it: 1234, 1234.5, 12,5, 1.234.567."""
    text = cell.strip().replace(" ", "")
    if re.fullmatch(r"-?[1-9]\d{0,2}(\.\d{3})+", text):
        text = text.replace(".", "")
    elif re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+", text):
        text = text.replace(",", "")
    try:
        value = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise ValueError(f"“{cell[:40]}” không phải là số") from None
    if not value.is_finite() or abs(value) > 10**15:
        raise ValueError(f"“{cell[:40]}” không phải là số dùng được")
    return int(value) if value == value.to_integral_value() else value


def _question(cell: str) -> bool:
    folded = folding.fold(cell)
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    raise ValueError(f"“{cell[:40]}” phải là 1 hoặc 0")


def _json(cell: str) -> Any:
    try:
        return json.loads(cell, parse_float=Decimal)
    except ValueError:
        raise ValueError(f"“{cell[:40]}” không phải là JSON") from None


_READERS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("[#]", lambda cell: [_number(one) for one in cell.split(";") if one.strip()]),
    ("[]", lambda cell: [one.strip() for one in cell.split(";") if one.strip()]),
    ("{}", _json),
    ("#", _number),
    ("?", _question),
)


def headings(list_name: str) -> list[tuple[str, list[str]]]:
    """(member, headings that mean it) of a list, for people who prepare a file."""
    own = _BY_LIST.get(list_name, {})
    return [
        (name.rstrip("[]{}#?"), [one for one in f"{own.get(name, '')}|{_EVERYWHERE.get(name, '')}".split("|") if one])
        for name in {**_EVERYWHERE, **own}
    ]
