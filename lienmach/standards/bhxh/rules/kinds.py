"""CAT-*: kind of visit, category, outcome, months of settlement, departments.

Sources: Decision 1804/QĐ-BYT (2026-06-19, kinds and departments), 3276/QĐ-BYT (2025-10-17, categories), annexes of
130/QĐ-BYT (2023), TT 01/2025/TT-BYT; mostly secondary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from lienmach.standards.bhxh.rules import doses, reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim
from lienmach.standards.bhxh.rules.surroundings import Surroundings

_DEPARTMENT = re.compile(r"K\d{2}(\.\d{1,2}|\.D\d{2})?|K(\d{2}){2,3}")
_DEATHS = frozenset({"5", "8"})
_NO_DAYS = frozenset({"01", "07", "09"})
_COUNTED_DAYS = frozenset({"02", "03", "04", "06"})
#: Categories that say where the person came to, and the levels of facility that each may be said of (TT 01/2025).
_LEVELS = {
    "1.2": frozenset({"commune", "clinic", "district"}),
    "1.11": frozenset({"commune", "clinic", "district"}),
    "1.12": frozenset({"district", "clinic", "province"}),
    "1.13": frozenset({"district", "province"}),
    "1.14": frozenset({"province", "central"}),
    "1.18": frozenset({"province", "central"}),
    "3.1": frozenset({"central"}),
}
_INPATIENT_ONLY = frozenset({"1.15", "3.2", "3.6"})
_RECALL, _NOT_INSURED = "8", "9"


def _kind(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    kind, on = claim.kind, claim.arrived_on or around.on
    if not kind or on is None:
        return
    if not re.fullmatch(r"\d{2}", kind) or (around.has_list("ma-loai-kcb") and not around.row("ma-loai-kcb", kind, on)):
        text = "Loại khám {value} không có trong danh mục ngày {on}; chọn lại (01 đến 16)."
        yield hit("XML1", "MA_LOAI_KCB", 1, text, value=kind, on=f"{on:%d/%m/%Y}")


def _category(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    code, on = claim.category, claim.ended_on or around.on
    if code and on and around.has_list("ma-doituong-kcb") and around.row("ma-doituong-kcb", code, on) is None:
        text = "Đối tượng khám {value} không có trong danh mục ngày {on}; chọn lại."
        yield hit("XML1", "MA_DOITUONG_KCB", 1, text, value=code, on=f"{on:%d/%m/%Y}")


def _registered_here(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    own = claim.visit.get("MA_CSKCB", "")
    group = {own} | (around.facility.group if around.facility else frozenset())
    codes = [one for one in reading.parts(claim.visit.get("MA_DKBD", "")) if one]
    if claim.category == "1.1" and own and codes and not group.intersection(codes):
        text = "Đối tượng 1.1 chỉ khi thẻ đăng ký tại cơ sở này ({own}); thẻ đăng ký tại {codes}, chọn lại đối tượng."
        yield hit("XML1", "MA_DOITUONG_KCB", 1, text, own=own, codes=", ".join(codes))


def _fits_facility(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    code = claim.category
    if code in _INPATIENT_ONLY and claim.kind and claim.kind not in reading.INPATIENT:
        text = "Đối tượng {value} chỉ dùng cho điều trị nội trú; lượt này là loại {kind}, chọn lại."
        yield hit("XML1", "MA_DOITUONG_KCB", 1, text, value=code, kind=claim.kind)
    level = around.facility.level if around.facility else ""
    if level and code in _LEVELS and level not in _LEVELS[code]:
        text = "Đối tượng {value} không hợp với cấp của cơ sở này; chọn lại."
        yield hit("XML1", "MA_DOITUONG_KCB", 1, text, value=code)


def _referred(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if claim.category != "1.3":
        return
    number = claim.visit.get("GIAY_CHUYEN_TUYEN", "")
    if not number:
        yield hit("XML1", "GIAY_CHUYEN_TUYEN", 1, "Đối tượng 1.3 cần số phiếu chuyển cơ sở; nhập số phiếu.")
    if not claim.visit.get("MA_NOI_DI"):
        yield hit("XML1", "MA_NOI_DI", 1, "Đối tượng 1.3 cần mã cơ sở chuyển đi; nhập nơi chuyển.")
    slip = (around.slips or {}).get(number)
    if slip is not None and slip.to_on and claim.arrived_on and claim.arrived_on > slip.to_on:
        text = "Phiếu chuyển {number} hết hạn ngày {on}; chọn lại đối tượng hoặc xin phiếu mới."
        yield hit("XML1", "GIAY_CHUYEN_TUYEN", 1, text, number=number, on=f"{slip.to_on:%d/%m/%Y}")


def _followed_up(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if claim.category != "1.5":
        return
    number = claim.visit.get("GIAY_CHUYEN_TUYEN", "")
    if not number:
        yield hit("XML1", "GIAY_CHUYEN_TUYEN", 1, "Đối tượng 1.5 cần số giấy hẹn khám lại; nhập số giấy.")
        return
    slip = (around.slips or {}).get(number)
    if slip is None:
        return
    own, on = claim.visit.get("MA_LK", ""), claim.arrived_on
    if slip.used_by and slip.used_by != own:
        yield hit("XML1", "GIAY_CHUYEN_TUYEN", 1, "Giấy hẹn {number} đã dùng cho lượt khác; chọn lại.", number=number)
    elif on is not None and ((slip.from_on and on < slip.from_on) or (slip.to_on and on > slip.to_on)):
        yield hit("XML1", "GIAY_CHUYEN_TUYEN", 1, "Giấy hẹn {number} không đúng ngày dùng; chọn lại.", number=number)


def _claims_nothing(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    code, total = claim.category, reading.number(claim.visit.get("T_BHTT", ""))
    if code == _NOT_INSURED and total:
        text = "Đối tượng 9 không đề nghị quỹ thanh toán, nhưng T_BHTT = {value}; chọn lại đối tượng hoặc tính lại."
        yield hit("XML1", "T_BHTT", 1, text, value=claim.visit["T_BHTT"])
    if code == _RECALL and claim.items:
        text = "Đối tượng 8 chỉ dùng để thu hồi đề nghị thanh toán; lượt có chi phí phải chọn đối tượng khác."
        yield hit("XML1", "MA_DOITUONG_KCB", 1, text)


def _no_work(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    other = next((one for one in claim.works if one.nhom not in (reading.EXAMINATION, *reading.SUPPLIES)), None)
    if claim.kind == "05" and other is not None:
        text = "Loại khám 05 chỉ có khám và thuốc; lượt này có {name} nên phải là loại 08."
        yield hit("XML1", "MA_LOAI_KCB", 1, text, name=other.name)
    if claim.kind == "07" and claim.examinations:
        text = "Loại khám 07 là lĩnh thuốc không khám; bỏ tiền khám hoặc chọn lại loại khám."
        yield hit("XML3", "MA_NHOM", claim.examinations[0].number, text)


def _no_stay(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    if claim.kind != "01":
        return
    for field in ("NGAY_VAO_NOI_TRU", "LY_DO_VNT"):
        if claim.visit.get(field):
            text = "Loại khám 01 không vào nội trú; để trống {field}."
            yield hit("XML1", field, 1, text, field=field)
    for one in claim.works:
        if one.nhom in reading.BEDS:
            text = "Loại khám 01 không có tiền giường; bỏ dòng {name} hoặc chọn lại loại khám."
            yield hit("XML3", "MA_NHOM", one.number, text, name=one.name)


def _days(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    days = reading.number(claim.visit.get("SO_NGAY_DTRI", ""))
    if days is None or claim.arrived_at is None or claim.ended_at is None:
        return
    text = "Số ngày điều trị của loại {kind} phải là {wanted}, đang ghi {days}; lập lại hồ sơ."
    wanted: set[int] = set()
    if claim.kind in _NO_DAYS:
        wanted = {0}
    elif claim.kind in _COUNTED_DAYS:
        wanted = {(claim.ended_at.date() - claim.arrived_at.date()).days + 1}
    elif claim.kind == "05":
        lasting = doses.days_of(claim)
        wanted = {lasting} if lasting else set()
    elif claim.kind == "08":
        done = {one.done_at.date() for one in claim.works if one.done_at is not None}
        apart = {
            one.done_at.date()
            for one in claim.works
            if one.done_at is not None and one.nhom not in (reading.EXAMINATION, *reading.SUPPLIES)
        }
        wanted = {len(done), len(apart)} if done else set()
    if wanted and days not in wanted:
        yield hit("XML1", "SO_NGAY_DTRI", 1, text, kind=claim.kind, wanted=max(wanted), days=days)


def _outcome(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    visit, on = claim.visit, claim.ended_on or around.on
    for field, name, pattern in (("KET_QUA_DTRI", "ket-qua-dtri", "[1-8]"), ("MA_LOAI_RV", "ma-loai-rv", "[1-5]")):
        text = visit.get(field, "")
        if not text:
            continue
        is_known = (
            around.row(name, text, on) is not None if on and around.has_list(name) else re.fullmatch(pattern, text)
        )
        if not is_known:
            say = "{field} = {value} không có trong danh mục; chọn lại khi kết thúc khám."
            yield hit("XML1", field, 1, say, field=field, value=text)
    if visit.get("KET_QUA_DTRI") in _DEATHS:
        if visit.get("NGAY_TAI_KHAM") or claim.tables.get("XML14"):
            yield hit("XML1", "NGAY_TAI_KHAM", 1, "Kết quả là tử vong thì không hẹn khám lại; huỷ giấy hẹn.")
        if claim.tables.get("XML11"):
            yield hit("XML11", "", 1, "Kết quả là tử vong thì không có giấy nghỉ ốm; huỷ giấy.")


def _month(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    year, month = claim.visit.get("NAM_QT", ""), claim.visit.get("THANG_QT", "")
    if not year or not month:
        return
    if not re.fullmatch(r"\d{4}", year) or not re.fullmatch(r"0?[1-9]|1[0-2]", month):
        yield hit(
            "XML1", "THANG_QT", 1, "Tháng quyết toán {month}/{year} không có thật; chọn lại.", month=month, year=year
        )
    elif claim.ended_at is not None and claim.kind == "01":
        end = claim.ended_at
        if (int(year), int(month)) < (end.year, end.month):
            text = "Tháng quyết toán {month}/{year} trước tháng kết thúc khám {end}; chọn lại."
            yield hit("XML1", "THANG_QT", 1, text, month=month, year=year, end=f"{end:%m/%Y}")


def _departments(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    on = claim.ended_on or around.on or date.max
    cells = [("XML1", 1, claim.visit.get("MA_KHOA", ""))]
    cells += [(one.table, one.number, one["MA_KHOA"]) for one in claim.items]
    for table, number, text in cells:
        for code in reading.parts(text):
            stem = code.partition(".D")[0]
            is_joint = re.fullmatch(r"K(\d{2}){2,3}", stem)
            is_known = not around.has_list("ma-khoa") or is_joint or around.row("ma-khoa", stem, on) is not None
            if code and (not _DEPARTMENT.fullmatch(code) or not is_known):
                say = "Mã khoa {value} không có trong danh mục ngày {on}; sửa mã khoa của phòng."
                yield hit(table, "MA_KHOA", number, say, value=code, on=f"{on:%d/%m/%Y}")


def _accident(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    main = claim.visit.get("MA_BENH_CHINH", "")
    if main[:1] in tuple("STVWXY") and main and not claim.visit.get("MA_TAI_NAN"):
        text = "Bệnh chính {code} là chấn thương, ngộ độc hoặc nguyên nhân bên ngoài; ghi thêm mã tai nạn nếu có."
        yield hit("XML1", "MA_TAI_NAN", 1, text, code=main)


RULES: dict[str, Rule] = {
    "CAT-01": _kind,
    "CAT-02": _category,
    "CAT-03": _registered_here,
    "CAT-04": _fits_facility,
    "CAT-05": _referred,
    "CAT-06": _followed_up,
    "CAT-07": _claims_nothing,
    "CAT-08": _no_work,
    "CAT-09": _no_stay,
    "CAT-10": _days,
    "CAT-11": _outcome,
    "CAT-12": _month,
    "CAT-13": _departments,
    "CAT-14": _accident,
}
