"""COD-*: codes of the lines, against their form and each other; the accepted catalogues: accepted.py.

Sources: annexes of Decision 130/QĐ-BYT (2023) with 4750 and 3176, TT 12/2026/TT-BTC (forms 02, 03, 05, 06/DM;
secondary), public checkers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from lienmach.standards.bhxh.rules import doses, reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim, Item
from lienmach.standards.bhxh.rules.surroundings import Surroundings

_IN_XML2 = frozenset({"4", "5", "6", "7", "17"})
_IN_XML3 = frozenset({"1", "2", "3", "8", "9", "10", "11", "12", "13", "14", "15", "16", "18", "19"})
_UNREGISTERED = frozenset({"40.17", "40.573"})  # oxygen, nitric oxide
_TENDER = re.compile(r"[^;\s][^;]*;G\d{1,2};N\d{1,2}(;\d{4})?(;[^;]+)?")
_TENDER_DRUG = re.compile(r"[^;\s][^;]*;G[1-9]\d?;N[1-9]\d?;\d{4}(;[^;]+)?")
_PERFORMED = reading.TESTS | reading.PROCEDURES


def _group(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        known = _IN_XML2 if item.table == "XML2" else _IN_XML3
        if item.nhom and item.nhom not in known:
            text = "{name}: nhóm chi phí {value} không thuộc bảng {table}; sửa nhóm trong danh mục."
            yield hit(item.table, "MA_NHOM", item.number, text, name=item.name, value=item.nhom, table=item.table)


def _registered(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.drugs:
        text = item["SO_DANG_KY"]
        if re.search(r"\s", text):
            say = "{name}: số đăng ký {value} có khoảng trắng; viết liền."
            yield hit("XML2", "SO_DANG_KY", item.number, say, name=item.name, value=text)
        is_excused = item["MA_THUOC"] in _UNREGISTERED or item.nhom in reading.BLOOD or item["MA_PP_CHEBIEN"]
        if not text and item.is_insured and not is_excused:
            say = "{name}: thiếu số đăng ký lưu hành; nhập trong danh mục thuốc."
            yield hit("XML2", "SO_DANG_KY", item.number, say, name=item.name)


def _tender(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        text, is_drug = item["TT_THAU"], item.table == "XML2"
        is_supply = not is_drug and item.nhom in reading.SUPPLIES
        if text and not (_TENDER_DRUG if is_drug else _TENDER).fullmatch(text):
            say = "{name}: thông tin thầu {value} sai dạng; viết quyết định;gói G;nhóm N;năm."
            yield hit(item.table, "TT_THAU", item.number, say, name=item.name, value=text)
        needs = is_supply or (is_drug and item.nhom in reading.DRUGS and item["MA_THUOC"] not in _UNREGISTERED)
        if not text and needs and item.is_insured and not item["MA_PP_CHEBIEN"]:
            say = "{name}: thiếu thông tin thầu; nhập trong danh mục."
            yield hit(item.table, "TT_THAU", item.number, say, name=item.name)


def _supply(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        if item.nhom in reading.SUPPLIES and item.is_insured:
            for field in ("MA_VAT_TU", "TEN_VAT_TU"):
                if not item[field]:
                    text = "Dòng vật tư {name}: thiếu {field}; nhập mã và tên do cổng cấp."
                    name = item["TEN_VAT_TU"] or item["TEN_DICH_VU"]
                    yield hit("XML3", field, item.number, text, name=name, field=field)
        elif item["MA_VAT_TU"] and item.nhom and item.nhom not in reading.SUPPLIES:
            text = "{name}: có mã vật tư nhưng nhóm {value}; vật tư thuộc nhóm 10 hoặc 11, sửa danh mục."
            yield hit("XML3", "MA_VAT_TU", item.number, text, name=item.name, value=item.nhom)


def _performer(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        if item.nhom not in _PERFORMED or (around.is_open and item.done_at is None):
            continue
        is_pending = item.nhom in reading.TESTS and item.result_at is None
        if not item["NGUOI_THUC_HIEN"] and not (is_pending and item.done_at is not None):
            text = "{name}: thiếu người thực hiện; chọn người đã làm."
            yield hit("XML3", "NGUOI_THUC_HIEN", item.number, text, name=item.name)
        if not item["NGAY_TH_YL"]:
            text = "{name}: thiếu thời điểm thực hiện; ghi lúc đã làm, hoặc bỏ dòng nếu không làm."
            yield hit("XML3", "NGAY_TH_YL", item.number, text, name=item.name)


def _anaesthesia(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        text = item["PP_VO_CAM"]
        if text and text not in ("1", "2", "3", "4"):
            say = "{name}: phương pháp vô cảm {value}; chỉ nhận 1 gây mê, 2 gây tê, 3 châm tê, 4 khác."
            yield hit("XML3", "PP_VO_CAM", item.number, say, name=item.name, value=text)
        elif not text and item.nhom == "8" and not (around.is_open and item.done_at is None):
            say = "{name}: phẫu thuật phải ghi phương pháp vô cảm (1 đến 4)."
            yield hit("XML3", "PP_VO_CAM", item.number, say, name=item.name)


def _code_and_name(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        if not item["MA_DICH_VU"] and not item["MA_VAT_TU"]:
            text = "Dòng {name} không có mã dịch vụ hay mã vật tư; nhập mã trong danh mục."
            yield hit("XML3", "MA_DICH_VU", item.number, text, name=item["TEN_DICH_VU"] or item["TEN_VAT_TU"])
        for code, name in (("MA_DICH_VU", "TEN_DICH_VU"), ("MA_VAT_TU", "TEN_VAT_TU")):
            is_supply_use = code == "MA_DICH_VU" and item["MA_VAT_TU"]  # names the service it was used in
            if item[code] and not item[name] and not is_supply_use and item.nhom not in reading.SUPPLIES:
                yield hit("XML3", name, item.number, "Mã {code} thiếu tên; nhập tên trong danh mục.", code=item[code])


def _dose(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.drugs:
        text, given = item["LIEU_DUNG"], item.amount("SO_LUONG")
        if not text or item.nhom not in reading.DRUGS or claim.kind in reading.INPATIENT:
            continue
        dose = doses.read(text)
        if dose is None:
            say = "{name}: liều dùng phải viết “lượng/lần * số lần/ngày * số ngày [tổng/ngày]”; sửa liều."
            yield hit("XML2", "LIEU_DUNG", item.number, say, name=item.name)
        elif given is not None and _is_counted(item, dose) and given > _whole(dose.quantity):
            say = "{name}: đã phát {given}, liều dùng chỉ cần {needed}; xem lại số lượng hoặc liều."
            yield hit("XML2", "SO_LUONG", item.number, say, name=item.name, given=item["SO_LUONG"],
                      needed=_whole(dose.quantity))  # fmt: skip


def _is_counted(item: Item, dose: doses.Dose) -> bool:
    """Whether the drug is given out in the unit in which it is taken; a bottle of drops is not."""
    return dose.unit.casefold() == item["DON_VI_TINH"].casefold() and dose.unit.casefold() in _COUNTED


_COUNTED = frozenset({"viên", "ống", "gói", "viên nang", "viên nén"})


def _indicator(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    on = claim.ended_on or around.on or date.max
    for number, row in claim.rows("XML4"):
        if not row.get("GIA_TRI"):
            continue
        code, unit = row.get("MA_CHI_SO", ""), row.get("DON_VI_DO", "")
        if not code:
            text = "Kết quả {name} thiếu mã chỉ số; nhập mã trong danh mục chỉ số."
            yield hit("XML4", "MA_CHI_SO", number, text, name=row.get("TEN_CHI_SO", ""))
            continue
        known = around.row("indicator", code, on)
        if known is None:
            continue
        units = {str(known.data.get(name, "")) for name in ("unit", "unit_shown")} - {""}
        if units and unit not in units:
            text = "Kết quả {name}: đơn vị {unit} khác danh mục ({listed}); sửa đơn vị."
            yield hit("XML4", "DON_VI_DO", number, text, name=row.get("TEN_CHI_SO", ""), unit=unit or "(trống)",
                      listed=", ".join(sorted(units)))  # fmt: skip


def _drug_twice(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    seen: dict[tuple[str, str], Item] = {}
    for item in claim.drugs:
        key = (item["MA_THUOC"], item["DUONG_DUNG"])
        first = seen.setdefault(key, item)
        if item["MA_THUOC"] and first is not item and not _is_one_order(first, item):
            text = "{name}: cùng hoạt chất và đường dùng với {other} trong một lượt khám; xem lại đơn."
            yield hit("XML2", "MA_THUOC", item.number, text, name=item.name, other=first.name)


def _is_one_order(first: Item, second: Item) -> bool:
    """Two lines that are one order given out from two lots or at two prices."""
    return first["NGAY_YL"] == second["NGAY_YL"] and all(
        first[name] == second[name] for name in ("TEN_THUOC", "HAM_LUONG")
    )


def _work_twice(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    seen: set[tuple[str, date]] = set()
    for item in claim.works:
        code = item["MA_DICH_VU"]
        if not code or item["MA_VAT_TU"] or item.nhom == reading.EXAMINATION or item.ordered_at is None:
            continue
        key = (code, item.ordered_at.date())
        if key in seen and code not in around.repeated:
            text = "{name} được chỉ định hai lần trong ngày; bỏ một, hoặc ghi lý do làm lại."
            yield hit("XML3", "MA_DICH_VU", item.number, text, name=item.name)
        seen.add(key)


def _small_lists(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        for field, last in (("PHAM_VI", 3), ("MA_PTTT", 3), ("NGUON_CTRA", 4)):
            text = item[field]
            if text and text not in [str(one) for one in range(1, last + 1)]:
                say = "{name}: {field} = {value}; chỉ nhận từ 1 đến {last}."
                yield hit(item.table, field, item.number, say, name=item.name, field=field, value=text, last=last)
        if item["NGUON_CTRA"] in ("2", "3") and item.amount("T_BHTT"):
            say = (
                "{name}: nguồn chi trả là dự án hoặc chương trình mà vẫn đề nghị quỹ {value}; sửa nguồn hoặc tính lại."
            )
            yield hit(item.table, "NGUON_CTRA", item.number, say, name=item.name, value=item["T_BHTT"])


def _whole(quantity: Decimal) -> Decimal:
    """Units as they are given out: a started one is a whole one."""
    whole = quantity.to_integral_value()
    return whole if whole >= quantity else whole + 1


RULES: dict[str, Rule] = {
    "COD-01": _group,
    "COD-03": _registered,
    "COD-04": _tender,
    "COD-06": _supply,
    "COD-09": _performer,
    "COD-10": _anaesthesia,
    "COD-11": _code_and_name,
    "COD-12": _dose,
    "COD-13": _indicator,
    "COD-14": _drug_twice,
    "COD-15": _work_twice,
    "COD-16": _small_lists,
}
