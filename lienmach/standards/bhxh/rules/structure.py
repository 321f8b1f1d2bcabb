"""STR-*: fields, their order, sizes and forms. What only the file itself can tell (STR-01, 02, 04, 06, 16) is said by
`claim_xml.read` and asked in check.check_file.

Sources: annexes of Decision 130/QĐ-BYT (2023) and public checkers; fields and sizes by date from claim_fields.csv.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from lienmach.standards.bhxh import claim_fields
from lienmach.standards.bhxh.claim_fields import Field
from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim
from lienmach.standards.bhxh.rules.surroundings import Surroundings

#: Fields that hold several values divided by ';'. An end day may be open inside GT_THE_DEN, so it is not listed.
LISTS = frozenset(
    """MA_BENH_KT MA_KHOA MA_GIUONG MA_BAC_SI NGUOI_THUC_HIEN MA_THE_BHYT MA_DKBD GT_THE_TU MA_BENH MA_BENH_YHCT
MA_PTTT_QT NGAY_TAI_KHAM MA_BS_DOC_KQ MA_MAY MA_CSKCB_DI TT_THAU CAN_NANG_CON""".split()
)
_THREE = frozenset({"SO_LUONG", "DON_GIA", "DON_GIA_BV", "DON_GIA_BH"})
_PLAIN = re.compile(r"\d+(\.\d+)?")
_WHOLE = re.compile(r"\d+")
_BIRTH = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{4})")
_NEWBORN_DAYS = 28
_OWN_RULE = frozenset({("XML1", "MA_BENH_CHINH")})  # ICD-01 says it better


def _facility(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    own = claim.visit.get("MA_CSKCB", "")
    if own and len(own) != 5:
        yield hit("XML1", "MA_CSKCB", 1, "Mã cơ sở {code} không đủ 5 ký tự; sửa trong thông tin cơ sở.", code=own)
    elif own and around.facility is not None and around.facility.code and own != around.facility.code:
        yield hit(
            "XML1", "MA_CSKCB", 1, "Mã cơ sở {code} khác mã của cơ sở này ({own}); lập lại hồ sơ.",
            code=own, own=around.facility.code,
        )  # fmt: skip
    for table in ("XML13", "XML14"):
        for number, row in claim.rows(table):
            if row.get("MA_CSKCB") and own and row["MA_CSKCB"] != own:
                yield hit(
                    table, "MA_CSKCB", number, "Mã cơ sở {code} khác MA_CSKCB của XML1 ({own}); lập lại giấy.",
                    code=row["MA_CSKCB"], own=own,
                )  # fmt: skip


def _tables(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for table, rows in claim.tables.items():
        if table == "XML12" or table not in claim_fields.ROOTS:
            yield hit(table, "", 0, "Bảng {table} không được gửi trong hồ sơ; bỏ bảng này.", table=table)
        elif table == "XML0" and len(claim.tables) > 1:
            yield hit(table, "", 0, "Bảng XML0 chỉ gửi riêng khi tiếp đón; bỏ khỏi hồ sơ thanh toán.")
        elif not rows:
            yield hit(table, "", 0, "Bảng {table} trống; bỏ bảng này khỏi hồ sơ.", table=table)


def _known_fields(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    on = _version_on(claim, around)
    for table, rows in claim.tables.items():
        if table not in claim_fields.ROOTS:
            continue
        names = claim_fields.names(table, on)
        for place, row in enumerate(rows, 1):
            if tuple(row) == names:
                continue
            number = reading.number_of(row, place)
            for name in row:
                if name not in names:
                    text = "Bảng {table} không có trường {field} ở ngày của lượt khám; bỏ trường này."
                    yield hit(table, name, number, text, table=table, field=name)
            for name in names:
                if name not in row:
                    text = "Bảng {table} thiếu trường {field}; trường trống vẫn phải có."
                    yield hit(table, name, number, text, table=table, field=name)
            if set(row) == set(names):
                wrong = next(mine for mine, listed in zip(row, names, strict=True) if mine != listed)
                text = "Trường {field} của bảng {table} đứng sai thứ tự; lập lại tệp."
                yield hit(table, wrong, number, text, table=table, field=wrong)


def _filled(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for table, number, field, text in _cells(claim, around):
        if field.req == claim_fields.REQUIRED and not text.strip() and (table, field.name) not in _OWN_RULE:
            yield hit(
                table, field.name, number, "Thiếu {title} ({field}); trường này bắt buộc, hãy nhập.",
                title=field.title or field.name, field=field.name,
            )  # fmt: skip


def _sizes(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for table, number, field, text in _cells(claim, around):
        if field.max and len(text) > field.max and field.name != "MUC_HUONG":
            yield hit(
                table, field.name, number, "{field} dài {length} ký tự, tối đa {most}; hãy rút gọn.",
                field=field.name, length=len(text), most=field.max,
            )  # fmt: skip


def _numbers(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for table, number, field, text in _cells(claim, around):
        if field.kind != claim_fields.NUMBER or not text:
            continue
        most = _decimals(field.name)
        if text.startswith("-") and _PLAIN.fullmatch(text[1:]):
            continue  # MON-13 names a negative amount
        if not text.isascii() or not _PLAIN.fullmatch(text) or reading.number(text) is None:
            say = "{field} = {value} không phải là số; chỉ viết chữ số và một dấu chấm thập phân."
            yield hit(table, field.name, number, say, field=field.name, value=text[:40])
        elif len(text.partition(".")[2]) > most:
            say = "{field} = {value} có quá {most} chữ số thập phân; hãy làm tròn đúng quy định."
            yield hit(table, field.name, number, say, field=field.name, value=text[:40], most=most)


def _moments(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for table, number, field, text in _cells(claim, around):
        if not text or field.kind not in (claim_fields.DATETIME12, claim_fields.DATE8):
            continue
        if field.name == "NGAY_SINH":
            if fault := _birth_fault(text, claim.arrived_on):
                yield hit(table, field.name, number, fault, value=text[:20])
            continue
        reads = reading.moment if field.kind == claim_fields.DATETIME12 else reading.day
        wrong = [one for one in text.split(";") if one and reads(one) is None]
        if wrong:
            say = "{field} = {value} không phải là thời điểm có thật; viết năm, tháng, ngày (giờ, phút) liền nhau."
            yield hit(table, field.name, number, say, field=field.name, value=wrong[0][:20])


def _birth_fault(text: str, arrived_on: date | None) -> str:
    """What is wrong with NGAY_SINH: unknown parts are 0000, but not of a newborn."""
    found = _BIRTH.fullmatch(text)
    if found is None:
        return "NGAY_SINH = {value} không đủ 12 chữ số; viết năm, tháng, ngày, giờ, phút, phần không biết ghi 0."
    year, month, day, time = found.groups()
    if month + day == "0000":
        return "" if time == "0000" and int(year) > 0 else "NGAY_SINH = {value} không phải là ngày có thật; hãy sửa."
    born_on = reading.day(year + month + day)
    if born_on is None or reading.moment(text) is None:
        return "NGAY_SINH = {value} không phải là ngày có thật; hãy sửa."
    if time == "0000" and arrived_on is not None and 0 <= (arrived_on - born_on).days <= _NEWBORN_DAYS:
        return "NGAY_SINH = {value}: trẻ trong 28 ngày tuổi phải có giờ sinh; hỏi giấy chứng sinh."
    return ""


def _in_order(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for table, rows in claim.tables.items():
        if not rows or "STT" not in rows[0]:
            continue
        for place, row in enumerate(rows, 1):
            if row.get("STT") != str(place):
                text = "STT của bảng {table} phải là 1, 2, 3 … liền nhau; dòng thứ {place} ghi {value}."
                yield hit(table, "STT", reading.number_of(row, place), text, table=table, place=place,
                          value=row.get("STT", ""))  # fmt: skip
                break


def _lists(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for table, rows in claim.tables.items():
        for place, row in enumerate(rows, 1):
            for name, text in row.items():
                if name not in LISTS or not text or (";" not in text and text == text.strip()):
                    continue
                if any(not one or one != one.strip() for one in text.split(";")):
                    say = "{field} = {value}: giữa các mã chỉ có dấu chấm phẩy, không có khoảng trắng hay phần trống."
                    yield hit(table, name, reading.number_of(row, place), say, field=name, value=text[:60])


def _one_visit(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    rows = claim.tables.get("XML1", ())
    if "XML0" not in claim.tables and len(rows) != 1:
        yield hit("XML1", "", 0, "Bảng XML1 phải có đúng một dòng, đang có {count}; lập lại hồ sơ.", count=len(rows))


def _one_key(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    own = claim.visit.get("MA_LK", "")
    if re.search(r"\s", own):
        yield hit("XML1", "MA_LK", 1, "MA_LK = {value} có khoảng trắng; mã của lượt khám viết liền.", value=own)
    if not own:
        return
    for table in claim.tables:
        for number, row in claim.rows(table):
            if row.get("MA_LK", "") != own:
                text = "MA_LK = {value} khác mã của lượt khám ({own}); mọi dòng dùng chung một mã, lập lại hồ sơ."
                yield hit(table, "MA_LK", number, text, value=row.get("MA_LK", ""), own=own)


def _version_on(claim: Claim, around: Surroundings) -> date:
    return claim.arrived_on or around.on or date.max


def _cells(claim: Claim, around: Surroundings) -> Iterator[tuple[str, int, Field, str]]:
    """(table, row, field, text) of every field of every row."""
    on = _version_on(claim, around)
    for table, rows in claim.tables.items():
        if table not in claim_fields.ROOTS:
            continue
        fields = claim_fields.fields(table, on)
        for place, row in enumerate(rows, 1):
            number = reading.number_of(row, place)
            for field in fields:
                yield table, number, field, row.get(field.name, "")


def _decimals(name: str) -> int:
    """How many decimals a number may have."""
    if name in _THREE:
        return 3
    if name == "MUC_HUONG":
        return 1
    return 2 if name.startswith(("T_", "THANH_TIEN_")) else 0


RULES: dict[str, Rule] = {
    "STR-03": _facility,
    "STR-05": _tables,
    "STR-07": _known_fields,
    "STR-08": _filled,
    "STR-09": _sizes,
    "STR-10": _numbers,
    "STR-11": _moments,
    "STR-12": _in_order,
    "STR-13": _lists,
    "STR-14": _one_visit,
    "STR-15": _one_key,
}
