"""REL-*: tables against each other and against the work that was done.

Sources: annexes of Decision 130/QĐ-BYT (2023) with 4750, public checkers; work done by secondary sources.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim
from lienmach.standards.bhxh.rules.surroundings import Surroundings

_WITH_EXAMINATION = frozenset({"01", "02", "05", "08"})
_REFERRED = frozenset({"2", "5"})
_EMERGENCY = "2"
#: Fields that say of the same person and visit what XML1 says; a paper leaves out what it has no field for.
_EQUAL = (
    "HO_TEN", "NGAY_SINH", "GIOI_TINH", "MA_THE_BHYT", "MA_BENH_CHINH", "MA_DOITUONG_KCB", "NGAY_VAO", "NGAY_RA",
)  # fmt: skip


def _result_of_line(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    lines = {one["MA_DICH_VU"] for one in claim.works if one.nhom in reading.TESTS}
    for number, row in claim.rows("XML4"):
        if row.get("MA_DICH_VU", "") not in lines:
            text = "Kết quả của dịch vụ {code} không có dòng chi phí tương ứng; bỏ kết quả hoặc tính dịch vụ."
            yield hit("XML4", "MA_DICH_VU", number, text, code=row.get("MA_DICH_VU", ""))


def _line_has_result(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    results = {row.get("MA_DICH_VU", "") for _, row in claim.rows("XML4")}
    for item in claim.works:
        if item.nhom in reading.TESTS and item.result_at is not None and item["MA_DICH_VU"] not in results:
            text = "{name}: đã trả kết quả mà bảng XML4 chưa có; nhập kết quả."
            yield hit("XML3", "MA_DICH_VU", item.number, text, name=item.name)


def _imaging_described(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    images = {one["MA_DICH_VU"]: one for one in claim.works if one.nhom == "2"}
    for number, row in claim.rows("XML4"):
        item = images.get(row.get("MA_DICH_VU", ""))
        for field in ("MO_TA", "KET_LUAN"):
            if item is not None and not row.get(field, "").strip():
                text = "{name}: chẩn đoán hình ảnh phải có cả mô tả và kết luận; thiếu {field}."
                yield hit("XML4", field, number, text, name=item.name, field=field)


def _one_form_of_result(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for number, row in claim.rows("XML4"):
        if row.get("GIA_TRI") and row.get("KET_LUAN"):
            text = "{name}: đã có giá trị thì không ghi kết luận; bỏ một trong hai."
            yield hit("XML4", "KET_LUAN", number, text, name=row.get("TEN_CHI_SO") or row.get("MA_DICH_VU", ""))


def _result_filled(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for number, row in claim.rows("XML4"):
        if row.get("NGAY_KQ") and not any(row.get(name) for name in ("GIA_TRI", "MO_TA", "KET_LUAN")):
            text = "{name}: có giờ trả kết quả mà không có giá trị, mô tả hay kết luận; nhập kết quả."
            yield hit("XML4", "GIA_TRI", number, text, name=row.get("TEN_CHI_SO") or row.get("MA_DICH_VU", ""))


def _examined(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    if claim.kind in _WITH_EXAMINATION and not claim.examinations:
        text = "Loại khám {kind} phải có dòng khám bệnh (nhóm 13); thêm tiền khám hoặc chọn lại loại khám."
        yield hit("XML3", "MA_NHOM", 0, text, kind=claim.kind)


def _course_written(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    if claim.kind in reading.TREATED_OUTPATIENT | reading.INPATIENT and not claim.tables.get("XML5"):
        text = "Loại khám {kind} phải có diễn biến lâm sàng (XML5); ghi bệnh sử và khám lâm sàng."
        yield hit("XML5", "DIEN_BIEN_LS", 0, text, kind=claim.kind)


def _no_discharge(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    if claim.kind in ("01", "07") and claim.tables.get("XML7"):
        yield hit("XML7", "", 1, "Loại khám {kind} không có giấy ra viện; bỏ bảng XML7.", kind=claim.kind)
    if claim.tables.get("XML8") and claim.kind not in ("03", "04", "06"):
        yield hit("XML8", "", 1, "Tóm tắt hồ sơ bệnh án chỉ có ở loại 03, 04, 06; bỏ bảng XML8.")


def _referral(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    is_referred = claim.visit.get("MA_LOAI_RV") in _REFERRED
    rows = claim.rows("XML13")
    if is_referred and not rows:
        yield hit("XML13", "SO_CHUYENTUYEN", 0, "Lượt khám chuyển cơ sở phải có phiếu chuyển; lập phiếu chuyển.")
    if rows and not is_referred:
        text = "Có phiếu chuyển mà loại ra viện là {value}; chọn lại loại ra viện (2 hoặc 5) hoặc huỷ phiếu."
        yield hit("XML1", "MA_LOAI_RV", 1, text, value=claim.visit.get("MA_LOAI_RV", ""))
    for number, row in rows:
        if row.get("MA_CSKCB_DEN", "") != claim.visit.get("MA_NOI_DEN", ""):
            text = "Nơi chuyển đến trên phiếu {value} khác MA_NOI_DEN của XML1 ({own}); sửa cho khớp."
            yield hit("XML13", "MA_CSKCB_DEN", number, text, value=row.get("MA_CSKCB_DEN", ""),
                      own=claim.visit.get("MA_NOI_DEN", ""))  # fmt: skip


def _follow_up(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    dates = reading.parts(claim.visit.get("NGAY_TAI_KHAM", ""))
    for number, row in claim.rows("XML14"):
        text, issued = row.get("NGAY_HEN_KL", ""), reading.day(row.get("NGAY_CT", ""))
        on = reading.day(text)
        if text and text not in dates:
            say = "Ngày hẹn {value} không có trong NGAY_TAI_KHAM của XML1; lập lại hồ sơ."
            yield hit("XML14", "NGAY_HEN_KL", number, say, value=text)
        elif on is not None and claim.ended_on is not None and on <= claim.ended_on:
            say = "Ngày hẹn {value} phải sau ngày kết thúc lượt khám; sửa giấy hẹn."
            yield hit("XML14", "NGAY_HEN_KL", number, say, value=text)
        if issued is not None and on is not None and issued > on:
            say = "Giấy hẹn lập ngày {value}, sau ngày hẹn; sửa ngày lập."
            yield hit("XML14", "NGAY_CT", number, say, value=row.get("NGAY_CT", ""))


def _same_person(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for table in ("XML7", "XML13", "XML14"):
        for number, row in claim.rows(table):
            for field in _EQUAL:
                if field in row and row[field] and claim.visit.get(field) and row[field] != claim.visit[field]:
                    text = "{field} của {table} khác XML1; lập lại giấy từ hồ sơ."
                    yield hit(table, field, number, text, field=field, table=table)


def _given(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.given is not None:
        said: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        first: dict[tuple[str, str], int] = {}
        for item in claim.drugs:
            if item.done_at is None:
                continue  # still expected: the claim waits for it
            key = (item["MA_THUOC"], item["TEN_THUOC"])
            said[key] += item.amount("SO_LUONG") or Decimal(0)
            first.setdefault(key, item.number)
        for key, quantity in said.items():
            given = around.given.get(key, Decimal(0))
            if given != quantity:
                text = "{name}: hồ sơ ghi {value}, quầy thuốc đã phát {given}; đóng lại bảng kê theo số đã phát."
                yield hit("XML2", "SO_LUONG", first[key], text, name=key[1], value=f"{quantity:f}", given=f"{given:f}")
    for item in claim.drugs:
        if item["MA_THUOC"] in (around.unsigned or ()):
            text = "{name}: đơn thuốc chưa được ký; ký đơn."
            yield hit("XML2", "MA_THUOC", item.number, text, name=item.name)


def _work_done(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.done is not None:
        counts: Counter[str] = Counter()
        for item in claim.works:
            code = item["MA_DICH_VU"]
            if not code or item["MA_VAT_TU"] or item.nhom == reading.EXAMINATION:
                continue
            counts[code] += 1
            if counts[code] > around.done.get(code, 0):
                text = "{name}: có chỉ định mà chưa thực hiện; thực hiện hoặc huỷ chỉ định, không tính tiền."
                yield hit("XML3", "MA_DICH_VU", item.number, text, name=item.name)
    for item in claim.works:
        if item["MA_DICH_VU"] and item["MA_DICH_VU"] in (around.unsigned or ()):
            text = "{name}: chỉ định chưa được ký; ký chỉ định."
            yield hit("XML3", "MA_DICH_VU", item.number, text, name=item.name)


def _checked_in(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    own = claim.visit.get("MA_LK", "")
    if around.check_in is not None and around.check_in.key and around.check_in.key != own:
        text = "Tin tiếp đón dùng mã {value}, hồ sơ dùng {own}; một lượt khám chỉ có một mã."
        yield hit("XML1", "MA_LK", 1, text, value=around.check_in.key, own=own)
    if around.is_check_in_asked and claim.category != _EMERGENCY and any(one.is_insured for one in claim.items):
        if around.check_in is None or around.check_in.sent_at is None:
            text = "Tin tiếp đón (XML0) chưa gửi lên cổng; kiểm tra hàng đợi gửi."
            yield hit("XML1", "NGAY_VAO", 1, text)


RULES: dict[str, Rule] = {
    "REL-01": _result_of_line,
    "REL-02": _line_has_result,
    "REL-03": _imaging_described,
    "REL-04": _one_form_of_result,
    "REL-05": _result_filled,
    "REL-06": _examined,
    "REL-07": _course_written,
    "REL-08": _no_discharge,
    "REL-09": _referral,
    "REL-10": _follow_up,
    "REL-11": _same_person,
    "REL-12": _given,
    "REL-13": _work_done,
    "REL-14": _checked_in,
}
