"""PAP-*: sick leave (XML11), appointment slip (XML14), referral (XML13) and the cost statement.

Sources: TT 25/2025/TT-BYT, TT 18/2022 as told by secondary files; Decision 697/QĐ-BYT (2026-03-19, cost statement).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim
from lienmach.standards.bhxh.rules.surroundings import Paper, Surroundings

DAYS_MAX, DAYS_LOSS_MAX, DAYS_TUBERCULOSIS_MAX = 30, 50, 180
_LOSS_WEEKS = 13
_TUBERCULOSIS = re.compile(r"\bA1[5-9]")
_CODE = re.compile(r"[A-Z]\d{2}(\.\d+)?")
_CHILD_MONTHS = 7 * 12


def _leave_days(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for number, row in claim.rows("XML11"):
        days = reading.number(row.get("SO_NGAY_NGHI", ""))
        start, end = reading.day(row.get("TU_NGAY", "")), reading.day(row.get("DEN_NGAY", ""))
        if days is None or start is None or end is None:
            continue
        wanted = (end - start).days + 1
        if days != wanted:
            text = "Số ngày nghỉ {value} khác từ ngày đến ngày ({wanted} ngày); sửa giấy nghỉ."
            yield hit("XML11", "SO_NGAY_NGHI", number, text, value=row["SO_NGAY_NGHI"], wanted=wanted)
        weeks = reading.number(row.get("TUOI_THAI", ""))
        is_loss = row.get("MA_DINH_CHI_THAI") == "1" and weeks is not None and weeks >= _LOSS_WEEKS
        diagnosis = f"{claim.visit.get('MA_BENH_CHINH', '')} {row.get('CHAN_DOAN_RV', '')}"
        is_tuberculosis = bool(_TUBERCULOSIS.search(diagnosis))
        most = DAYS_TUBERCULOSIS_MAX if is_tuberculosis else DAYS_LOSS_MAX if is_loss else DAYS_MAX
        if days > most:
            text = "Nghỉ {value} ngày, tối đa {most} ngày một lần; rút ngắn giấy nghỉ."
            yield hit("XML11", "SO_NGAY_NGHI", number, text, value=row["SO_NGAY_NGHI"], most=most)


def _leave_start(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for number, row in claim.rows("XML11"):
        start, issued = reading.day(row.get("TU_NGAY", "")), reading.day(row.get("NGAY_CT", ""))
        arrived, ended = claim.arrived_on, claim.ended_on
        if claim.kind in reading.INPATIENT:
            yield hit("XML11", "", number, "Điều trị nội trú không cấp giấy nghỉ ốm ngoại trú; huỷ giấy.")
        if start is not None and arrived is not None and start not in (arrived, ended):
            text = "Nghỉ từ ngày {value}, phải từ ngày khám {on}; sửa giấy nghỉ."
            yield hit("XML11", "TU_NGAY", number, text, value=f"{start:%d/%m/%Y}", on=f"{arrived:%d/%m/%Y}")
        if issued is not None and arrived is not None and issued not in (arrived, ended):
            text = "Giấy nghỉ lập ngày {value}, phải lập trong ngày khám {on}; lập lại giấy."
            yield hit("XML11", "NGAY_CT", number, text, value=f"{issued:%d/%m/%Y}", on=f"{arrived:%d/%m/%Y}")


def _leave_content(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for number, row in claim.rows("XML11"):
        text = row.get("MA_BHXH", "")
        if text and not re.fullmatch(r"\d{10}", text):
            say = "Mã số BHXH {value} phải có 10 chữ số; sửa hồ sơ người bệnh."
            yield hit("XML11", "MA_BHXH", number, say, value=text)
        said = row.get("CHAN_DOAN_RV", "")
        if said and not (_CODE.search(said) and re.search(r"[^\W\d_]{3,}", said)):
            say = "Chẩn đoán trên giấy nghỉ phải có mã ICD-10 và tên bệnh; ghi đủ."
            yield hit("XML11", "CHAN_DOAN_RV", number, say)
        if claim.born_on is not None and claim.arrived_on is not None:
            is_child = reading.months_between(claim.born_on, claim.arrived_on) < _CHILD_MONTHS
            if is_child and not row.get("HO_TEN_CHA") and not row.get("HO_TEN_ME"):
                say = "Trẻ dưới 7 tuổi: giấy nghỉ phải có họ tên cha hoặc mẹ; nhập tên."
                yield hit("XML11", "HO_TEN_ME", number, say)


def _leave_signed(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    yield from _signed(claim, around, "XML11")


def _slip_signed(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    yield from _signed(claim, around, "XML14")
    if len(claim.rows("XML14")) > 1:
        yield hit("XML14", "SO_GIAYHEN_KL", 2, "Một lượt khám chỉ có một giấy hẹn; huỷ giấy thừa.")
    paper = (around.papers or {}).get("XML14")
    if paper is not None and paper.is_used:
        text = "Giấy hẹn {number} đã được dùng; lập giấy mới."
        yield hit("XML14", "SO_GIAYHEN_KL", 1, text, number=paper.number)


def _referral_signed(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for number, row in claim.rows("XML13"):
        if not row.get("MA_CSKCB_DEN"):
            yield hit("XML13", "MA_CSKCB_DEN", number, "Phiếu chuyển chưa có nơi chuyển đến; chọn cơ sở.")
        if row.get("MA_LYDO_CT") not in ("1", "2", "3"):
            text = "Lý do chuyển {value} không hợp lệ; chọn 1, 2 hoặc 3."
            yield hit("XML13", "MA_LYDO_CT", number, text, value=row.get("MA_LYDO_CT") or "(trống)")
        if not row.get("PHUONGTIEN_VC"):
            yield hit("XML13", "PHUONGTIEN_VC", number, "Phiếu chuyển chưa ghi phương tiện vận chuyển; nhập.")
    yield from _signed(claim, around, "XML13")


def _statement(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.statement is not None and not around.statement.is_signed:
        text = "Bảng kê {number} chưa đủ chữ ký; ký hoặc ghi lý do người bệnh không ký."
        yield hit("XML1", "T_TONGCHI_BV", 1, text, number=around.statement.number)
    elif around.statement is None and around.is_statement_asked:
        yield hit("XML1", "T_TONGCHI_BV", 1, "Chưa có bảng kê chi phí 01/KBCB; đóng bảng kê trước khi gửi.")


#: table -> what is said without the signature of the doctor, and of the facility.
_UNSIGNED = {
    "XML11": (
        "Giấy nghỉ ốm {number} chưa được người hành nghề ký; ký giấy.",
        "Giấy nghỉ ốm {number} chưa có chữ ký của đại diện cơ sở; chuyển ký.",
    ),
    "XML13": (
        "Phiếu chuyển {number} chưa được người hành nghề ký; ký giấy.",
        "Phiếu chuyển {number} chưa có chữ ký của đại diện cơ sở; chuyển ký.",
    ),
    "XML14": (
        "Giấy hẹn {number} chưa được người hành nghề ký; ký giấy.",
        "Giấy hẹn {number} chưa có chữ ký của đại diện cơ sở; chuyển ký.",
    ),
}


def _signed(claim: Claim, around: Surroundings, table: str) -> Iterator[Hit]:
    """Both signatures of a paper, where the record was asked about it."""
    if around.papers is None or not claim.tables.get(table):
        return
    by_doctor, by_facility = _UNSIGNED[table]
    paper: Paper | None = around.papers.get(table)
    if paper is None or not paper.is_signed_by_doctor:
        yield hit(table, "MA_TTDV", 1, by_doctor, number=paper.number if paper is not None else "")
    elif not paper.is_signed_by_facility:
        yield hit(table, "MA_TTDV", 1, by_facility, number=paper.number)


RULES: dict[str, Rule] = {
    "PAP-01": _leave_days,
    "PAP-02": _leave_start,
    "PAP-03": _leave_content,
    "PAP-04": _leave_signed,
    "PAP-05": _slip_signed,
    "PAP-06": _referral_signed,
    "PAP-07": _statement,
}
