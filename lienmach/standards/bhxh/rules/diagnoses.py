"""ICD-*: diagnoses by the catalogue of the day on which the visit ends (TT 06/2026, flags in the list `icd10`).

Flags: 24 never main, 25 discouraged as main, 26 has finer codes, 27 only a cause of death, 28 women, 29 men.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date

from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim
from lienmach.standards.bhxh.rules.surroundings import Dated, Surroundings
from lienmach.standards.fhir import folding

_CODE = re.compile(r"[A-Z]\d{2}(\.\d{1,3})?[*†+]?")
_OTHERS_MAX = 12
_CHECK_UPS = ("Z00", "Z01", "Z02", "R53")
_NEVER_MAIN, _NOT_AS_MAIN, _FINER, _DEATH_ONLY, _WOMEN, _MEN = 24, 25, 26, 27, 28, 29


def _main(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    main, on = claim.visit.get("MA_BENH_CHINH", "").strip(), claim.ended_on or around.on
    if not claim.visit:
        return
    if not main:
        yield hit("XML1", "MA_BENH_CHINH", 1, "Chưa có bệnh chính; chọn mã ICD-10.")
    elif ";" in main:
        yield hit("XML1", "MA_BENH_CHINH", 1, "Bệnh chính chỉ có một mã, đang ghi {value}; chuyển mã khác sang kèm theo.",
                  value=main)  # fmt: skip
    elif on is not None:
        for code in (main, *_others(claim)):
            field = "MA_BENH_CHINH" if code == main else "MA_BENH_KT"
            is_known = not around.has_list("icd10") or around.row("icd10", code.rstrip("*†+"), on) is not None
            if not _CODE.fullmatch(code) or not is_known:
                text = "Mã bệnh {value} không có trong danh mục ICD-10 ngày {on}; chọn lại mã."
                yield hit("XML1", field, 1, text, value=code, on=f"{on:%d/%m/%Y}")


def _others_distinct(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    main, others = claim.visit.get("MA_BENH_CHINH", ""), _others(claim)
    if len(others) > _OTHERS_MAX:
        text = "Có {count} bệnh kèm theo, tối đa {most}; bỏ bớt mã ít liên quan."
        yield hit("XML1", "MA_BENH_KT", 1, text, count=len(others), most=_OTHERS_MAX)
    twice = [code for code, count in Counter(others).items() if count > 1]
    if twice:
        yield hit("XML1", "MA_BENH_KT", 1, "Mã {value} ghi hai lần trong bệnh kèm theo; bỏ một.", value=twice[0])
    if main and main in others:
        yield hit(
            "XML1", "MA_BENH_KT", 1, "Mã {value} vừa là bệnh chính vừa là kèm theo; bỏ ở bệnh kèm theo.", value=main
        )


def _flags(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    main = claim.visit.get("MA_BENH_CHINH", "")
    if main.endswith("*"):
        yield hit("XML1", "MA_BENH_CHINH", 1, "Mã {value} có dấu * không được là bệnh chính; chọn mã †.", value=main)
    for code, row in _known(claim, around):
        field = "MA_BENH_CHINH" if code == main else "MA_BENH_KT"
        flags = _flags_of(row)
        if row.data.get("has_finer") or _FINER in flags:
            text = "Mã {value} có mã chi tiết hơn; chọn mã bốn ký tự."
            yield hit("XML1", field, 1, text, value=code)
        elif _DEATH_ONLY in flags and claim.visit.get("KET_QUA_DTRI") not in ("5", "8"):
            yield hit("XML1", field, 1, "Mã {value} chỉ dùng làm nguyên nhân tử vong; chọn mã khác.", value=code)
        elif code == main and _NEVER_MAIN in flags:
            yield hit("XML1", field, 1, "Mã {value} không được là bệnh chính; chọn bệnh gây ra lượt khám.", value=code)


def _against_sex(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    main, sex = claim.visit.get("MA_BENH_CHINH", ""), claim.visit.get("GIOI_TINH", "")
    for code, row in _known(claim, around):
        field = "MA_BENH_CHINH" if code == main else "MA_BENH_KT"
        flags = _flags_of(row)
        if code == main and _NOT_AS_MAIN in flags:
            text = "Mã {value} không nên là bệnh chính; nếu có, chọn bệnh đã xác định."
            yield hit("XML1", field, 1, text, value=code)
        is_women = _WOMEN in flags or row.data.get("sex") == "2"
        is_men = _MEN in flags or row.data.get("sex") == "1"
        if (sex == "1" and is_women) or (sex == "2" and is_men):
            who = "nữ" if is_women else "nam"
            text = "Mã {value} chỉ dùng cho người bệnh {who}; xem lại mã bệnh hoặc giới tính."
            yield hit("XML1", field, 1, text, value=code, who=who)


def _check_up(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    main = claim.visit.get("MA_BENH_CHINH", "")
    if not main.startswith(_CHECK_UPS):
        return
    test = next((one for one in claim.works if one.is_insured and one.nhom in reading.TESTS), None)
    if test is not None:
        text = "Bệnh chính {code} là khám kiểm tra; BHYT không trả {name} của khám sức khoẻ, xem lại bệnh chính."
        yield hit("XML1", "MA_BENH_CHINH", 1, text, code=main, name=test.name)


def _named(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    said = claim.visit.get("CHAN_DOAN_RV", "")
    codes = [one for one in (claim.visit.get("MA_BENH_CHINH", ""), *_others(claim)) if one]
    if not said or not codes or len([one for one in re.split(r"[;\n]", said) if one.strip()]) >= len(codes):
        return
    folded = folding.fold(said)
    rows = dict(_known(claim, around))
    for code in codes:
        if code in rows and code not in said and folding.fold(rows[code].name) not in folded:
            text = "Chẩn đoán ra viện chưa ghi bệnh của mã {value} ({name}); ghi thêm."
            yield hit("XML1", "CHAN_DOAN_RV", 1, text, value=code, name=rows[code].name)


def _others(claim: Claim) -> list[str]:
    return [one.strip() for one in reading.parts(claim.visit.get("MA_BENH_KT", "")) if one.strip()]


def _known(claim: Claim, around: Surroundings) -> Iterator[tuple[str, Dated]]:
    """(code, row) of the diagnoses that the list of the day knows."""
    on = claim.ended_on or around.on or date.max
    for code in dict.fromkeys((claim.visit.get("MA_BENH_CHINH", ""), *_others(claim))):
        row = around.row("icd10", code.rstrip("*†+"), on)
        if row is not None:
            yield code, row


def _flags_of(row: Dated) -> set[int]:
    return {int(one) for one in row.data.get("flags") or ()}


RULES: dict[str, Rule] = {
    "ICD-01": _main,
    "ICD-02": _others_distinct,
    "ICD-03": _flags,
    "ICD-04": _against_sex,
    "ICD-06": _check_up,
    "ICD-07": _named,
}
