"""COD-02, COD-05, COD-07, COD-08: lines against the catalogues of the facility that the insurer has accepted.

TT 12/2026/TT-BTC, forms 02 (staff), 03 (drugs), 05 (services) and 06/DM (machines), each row from a day on; secondary.
A form that the facility has not brought is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim, Item
from lienmach.standards.bhxh.rules.surroundings import AcceptedRow, Surroundings

STAFF, DRUGS, SERVICES, MACHINES = "02", "03", "05", "06"
_SENT_OUT = re.compile(r".*K\.\w{5}$")
_LENT = re.compile(r"\.(HD|TX|CG)\.\w{5}$")
#: MA_NHOM -> the right in form 02/DM that doing it needs.
_KINDS = {"1": "lab", "2": "imaging", "3": "functional", "8": "procedure", "13": "exam", "18": "procedure"}
_SAME_DRUG = ("TEN_THUOC", "HAM_LUONG", "DUONG_DUNG", "SO_DANG_KY", "TT_THAU")
_OWN_RULE = frozenset({"SO_DANG_KY", "TT_THAU"})


def _drug(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    known = (around.accepted or {}).get(DRUGS)
    if known is None:
        return
    for item in claim.drugs:
        if not item.is_insured or item.ordered_at is None or item.nhom in reading.BLOOD:
            continue
        code, on = item["MA_THUOC"], item.ordered_at.date()
        rows = known.get(code, ())
        if fault := _not_accepted(rows, on):
            text = "{name}: mã {code} {fault}; đăng ký danh mục thuốc (03/DM) hoặc chuyển tự trả."
            yield hit("XML2", "MA_THUOC", item.number, text, name=item.name, code=code, fault=fault)
            continue
        valid = [one for one in rows if one.holds(on)]
        fewest = min((_differences(item, one, _SAME_DRUG) for one in valid), key=len)
        if fewest:
            text = "{name}: {field} khác danh mục thuốc được duyệt của mã {code} (từ {since}); sửa theo danh mục."
            yield hit("XML2", fewest[0], item.number, text, name=item.name, field=fewest[0], code=code,
                      since=_since(valid))  # fmt: skip
            continue
        same = [one for one in valid if not _differences(item, one, _SAME_DRUG)]
        prices = [price for one in same if (price := _decimal(one.data.get("DON_GIA"))) is not None]
        price = item.amount("DON_GIA")
        if prices and price is not None and price > max(prices):
            text = "{name}: đơn giá {price} cao hơn giá được duyệt {accepted} của mã {code} (từ {since}); sửa giá."
            yield hit("XML2", "DON_GIA", item.number, text, name=item.name, price=item["DON_GIA"],
                      accepted=max(prices), code=code, since=_since(same))  # fmt: skip


def _work(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    known = (around.accepted or {}).get(SERVICES)
    if known is None:
        return
    for item in claim.works:
        code = item["MA_DICH_VU"]
        if not item.is_insured or item.ordered_at is None or not code or item["MA_VAT_TU"]:
            continue
        on = item.ordered_at.date()
        rows = known.get(code, ())
        if fault := _not_accepted(rows, on):
            text = "{name}: mã {code} {fault}; đăng ký danh mục dịch vụ (05/DM) hoặc chuyển tự trả."
            yield hit("XML3", "MA_DICH_VU", item.number, text, name=item.name, code=code, fault=fault)
            continue
        valid = [one for one in rows if one.holds(on)]
        if all(_differences(item, one, ("TEN_DICH_VU",)) for one in valid):
            text = "{name}: tên khác danh mục dịch vụ được duyệt của mã {code} (từ {since}); sửa theo danh mục."
            yield hit("XML3", "TEN_DICH_VU", item.number, text, name=item.name, code=code, since=_since(valid))
            continue
        prices = [price for one in valid if (price := _decimal(_insured_price(one.data))) is not None]
        price = item.amount("DON_GIA_BH")
        if prices and price is not None and price not in prices:
            text = "{name}: đơn giá BHYT {price} khác giá được duyệt {accepted} của mã {code} (từ {since}); sửa giá."
            yield hit("XML3", "DON_GIA_BH", item.number, text, name=item.name, price=item["DON_GIA_BH"],
                      accepted=prices[0], code=code, since=_since(valid))  # fmt: skip


def _machine(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    known = (around.accepted or {}).get(MACHINES)
    for item in claim.works:
        code, service = item["MA_MAY"], item["MA_DICH_VU"]
        if item.nhom not in reading.TESTS or _SENT_OUT.match(service) or not item.is_insured:
            continue
        if not code:
            if item.result_at is not None:
                text = "{name}: thiếu mã máy thực hiện; chọn máy của phòng."
                yield hit("XML3", "MA_MAY", item.number, text, name=item.name)
            continue
        if known is None:
            continue
        on = (item.done_at or item.ordered_at or datetime.max).date()
        rows = known.get(code, ())
        if fault := _not_accepted(rows, on):
            text = "{name}: máy {code} {fault}; đăng ký danh mục thiết bị (06/DM) hoặc chọn máy khác."
            yield hit("XML3", "MA_MAY", item.number, text, name=item.name, code=code, fault=fault)
            continue
        able = [_able_to(one.data) for one in rows if one.holds(on)]
        if all(one and service not in one for one in able):
            text = "{name}: máy {code} không được duyệt làm dịch vụ {service}; chọn máy khác."
            yield hit("XML3", "MA_MAY", item.number, text, name=item.name, code=code, service=service)


def _staff(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    known = (around.accepted or {}).get(STAFF)
    if known is None:
        return
    for act in _acts(claim):
        for licence in reading.parts(act.licences):
            if not licence or _LENT.search(licence):
                continue
            rows, on = known.get(licence, ()), act.at.date()
            if fault := _not_accepted(rows, on):
                say = "Chứng chỉ hành nghề {code} {fault}; đăng ký người hành nghề (02/DM) hoặc chọn người khác."
                yield hit(act.table, act.field, act.number, say, code=licence, fault=fault)
                continue
            kinds = [one.data.get("kinds") or () for one in rows if one.holds(on)]
            if act.kind and all(one and act.kind not in one for one in kinds):
                say = "Chứng chỉ hành nghề {code} không có phạm vi làm {name}; chọn người có phạm vi."
                yield hit(act.table, act.field, act.number, say, code=licence, name=act.name)


@dataclass(frozen=True)
class _Act:
    """Who ordered, did or read something. kind: what of form 02/DM they need for it, "" for an order."""

    table: str
    field: str
    number: int
    licences: str
    at: datetime
    kind: str = ""
    name: str = ""


def _acts(claim: Claim) -> Iterator[_Act]:
    for item in claim.items:
        if item.ordered_at is not None:
            yield _Act(item.table, "MA_BAC_SI", item.number, item["MA_BAC_SI"], item.ordered_at)
            if item.table == "XML3":
                at, kind = item.done_at or item.ordered_at, _KINDS.get(item.nhom, "")
                yield _Act("XML3", "NGUOI_THUC_HIEN", item.number, item["NGUOI_THUC_HIEN"], at, kind, item.name)
    for table, field, when in (("XML4", "MA_BS_DOC_KQ", "NGAY_KQ"), ("XML5", "NGUOI_THUC_HIEN", "THOI_DIEM_DBLS")):
        for number, row in claim.rows(table):
            read_at = reading.moment(row.get(when, "")) or claim.arrived_at
            if read_at is not None:
                yield _Act(table, field, number, row.get(field, ""), read_at)


def _not_accepted(rows: tuple[AcceptedRow, ...], on: date) -> str:
    """Why nothing of these rows is accepted on a day; "" if something is."""
    if any(one.holds(on) for one in rows):
        return ""
    later = [one.from_on for one in rows if one.from_on is not None and one.from_on > on]
    if later:
        return f"chỉ được duyệt từ ngày {min(later):%d/%m/%Y}"
    earlier = [one.to_on for one in rows if one.to_on is not None]
    return f"hết hiệu lực từ sau ngày {max(earlier):%d/%m/%Y}" if earlier else "chưa có trong danh mục được duyệt"


def _differences(item: Item, row: AcceptedRow, fields: tuple[str, ...]) -> list[str]:
    """Fields in which a line differs from an accepted row, of those that the row states.

    A missing registration or tender is said by its own rule (COD-03, COD-04).
    """
    stated = [name for name in fields if row.data.get(name) and (item[name] or name not in _OWN_RULE)]
    return [name for name in stated if _plain(item[name]) != _plain(str(row.data[name]))]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _since(rows: list[AcceptedRow]) -> str:
    starts = [one.from_on for one in rows if one.from_on is not None]
    return f"{max(starts):%d/%m/%Y}" if starts else "đầu"


def _insured_price(data: Mapping[str, Any]) -> Any:
    return data.get("GIA_TT_BHYT") or data.get("DON_GIA_BH") or data.get("DON_GIA")


def _able_to(data: Mapping[str, Any]) -> frozenset[str]:
    """Codes of the services that a machine may do; none where the row does not say."""
    said = data.get("MA_DICH_VU") or ()
    return frozenset(said.split(";") if isinstance(said, str) else map(str, said))


def _decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value)) if value not in (None, "") else None
    except InvalidOperation:
        return None


RULES: dict[str, Rule] = {"COD-02": _drug, "COD-05": _work, "COD-07": _machine, "COD-08": _staff}
