"""ADM-* and CRD-*: the person and the cards.

Sources: annexes of Decision 130/QĐ-BYT (2023), TT 26/2025/TT-BYT, Decree 188/2025/NĐ-CP, public checkers; a check-up of
the look-up by TT 12/2026/TT-BTC (secondary).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim
from lienmach.standards.bhxh.rules.surroundings import Look, Surroundings
from lienmach.standards.vietnam import insurance_card, places

_OF_AGE_MONTHS, _CHILD_MONTHS = 14 * 12, 72
_ID = re.compile(r"\d{12}|\d{9}|[A-Z]{1,2}\d{6,8}|[A-Z0-9]{6,12}")
_CARD = re.compile(r"[A-Z]{2}[1-5]\d{12}")
_WEIGHT = re.compile(r"\d{1,3}(\.\d{1,2})?")
_OPEN_END = frozenset({"QN", "HC", "LS", "XK", "CY", "CA"})
_GOOD, _PAPERS = frozenset({"000", "004"}), frozenset({"001", "002"})
_STOPPED = frozenset({"110", "120", "121", "122", "123", "124"})
_NOT_ANSWERED = frozenset({"", "100", "101", "205", "401"})
_EMERGENCY = "2"


def _personal_number(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    text = claim.visit.get("SO_CCCD", "")
    if text and not _ID.fullmatch(text):
        yield hit(
            "XML1", "SO_CCCD", 1, "SO_CCCD = {value} không phải 12 số, 9 số hay số hộ chiếu; sửa hồ sơ.", value=text
        )
    elif not text and _months(claim, 1) >= _OF_AGE_MONTHS:
        yield hit("XML1", "SO_CCCD", 1, "Người từ 14 tuổi chưa có số căn cước; hỏi và nhập vào hồ sơ người bệnh.")


def _birth(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    born, arrived = claim.visit.get("NGAY_SINH", ""), claim.visit.get("NGAY_VAO", "")
    if len(born) == 12 and len(arrived) == 12:
        known = 4 if born[4:8] == "0000" else 8 if born[8:] == "0000" else 12
        if born[:known] > arrived[:known]:
            yield hit(
                "XML1", "NGAY_SINH", 1, "Ngày sinh {born} sau lúc đến khám {at}; sửa ngày sinh.", born=born, at=arrived
            )
    if any(one.startswith("TE") for one in claim.cards) and _has_outgrown(claim):
        text = "Thẻ TE chỉ dùng cho trẻ dưới 72 tháng hoặc đến 30/9 năm đó; trẻ này {months} tháng, hỏi thẻ mới."
        yield hit("XML1", "NGAY_SINH", 1, text, months=_months(claim, 0))


def _has_outgrown(claim: Claim) -> bool:
    """Whether a child's card had ended on arrival; a birth year alone counts from its last day."""
    born, on = claim.visit.get("NGAY_SINH", "")[:4], claim.arrived_on
    return on is not None and born.isdecimal() and insurance_card.is_outgrown(int(born), _months(claim, 0), on)


def _sex(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    text = claim.visit.get("GIOI_TINH", "")
    if text and text not in ("1", "2", "3"):
        yield hit("XML1", "GIOI_TINH", 1, "GIOI_TINH = {value}; chỉ nhận 1 nam, 2 nữ, 3 chưa xác định.", value=text)


def _residence(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    visit, on = claim.visit, claim.arrived_on
    if on is None or on < places.REFORM_ON:
        return
    province, commune = visit.get("MATINH_CU_TRU", ""), visit.get("MAXA_CU_TRU", "")
    if visit.get("MAHUYEN_CU_TRU"):
        text = "Cấp huyện không còn từ 01/07/2025; để trống MAHUYEN_CU_TRU (đang ghi {value})."
        yield hit("XML1", "MAHUYEN_CU_TRU", 1, text, value=visit["MAHUYEN_CU_TRU"])
    known = places.province(province, on) if province else None
    if province and known is None:
        text = "Mã tỉnh {value} không có vào ngày khám; chọn lại địa chỉ theo 34 tỉnh, thành."
        yield hit("XML1", "MATINH_CU_TRU", 1, text, value=province)
    found = places.commune(commune) if commune else None
    if commune and found is None:
        yield hit("XML1", "MAXA_CU_TRU", 1, "Mã xã {value} không có vào ngày khám; chọn lại phường, xã.", value=commune)
    elif found is not None and known is not None and found.province != province:
        text = "Xã {name} ({value}) không thuộc tỉnh {province}; chọn lại địa chỉ."
        yield hit("XML1", "MAXA_CU_TRU", 1, text, name=found.full_name, value=commune, province=known.full_name)


def _person_lists(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    visit, on = claim.visit, claim.arrived_on or around.on or date.max
    country = visit.get("MA_QUOCTICH", "")
    if country and not re.fullmatch(r"\d{3}", country):
        yield hit("XML1", "MA_QUOCTICH", 1, "Mã quốc tịch {value} phải có 3 chữ số (000 là Việt Nam).", value=country)
    for field, name, say in (
        ("MA_DANTOC", "dan-toc", "Mã dân tộc {value} không có trong danh mục; chọn lại trong hồ sơ người bệnh."),
        (
            "MA_NGHE_NGHIEP",
            "nghe-nghiep",
            "Mã nghề nghiệp {value} không có trong danh mục; chọn lại, 00000 là không có.",
        ),
    ):
        text = visit.get(field, "")
        if text and around.has_list(name) and around.row(name, text, on) is None:
            yield hit("XML1", field, 1, say, value=text)


def _weight(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    text = claim.visit.get("CAN_NANG", "")
    if text:
        value = Decimal(text) if _WEIGHT.fullmatch(text) else None
        if value is None or not Decimal("0.3") <= value <= 300:
            say = "Cân nặng {value} không hợp lệ; ghi bằng kg từ 0.3 đến 300, tối đa hai số lẻ."
            yield hit("XML1", "CAN_NANG", 1, say, value=text)
    elif claim.drugs and _months(claim, _CHILD_MONTHS) < _CHILD_MONTHS:
        yield hit("XML1", "CAN_NANG", 1, "Trẻ dưới 72 tháng có thuốc phải có cân nặng của lần khám này; hãy cân.")


def _weight_of_all(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    if not claim.visit.get("CAN_NANG") and not (claim.drugs and _months(claim, _CHILD_MONTHS) < _CHILD_MONTHS):
        yield hit("XML1", "CAN_NANG", 1, "Chưa có cân nặng; giám định có thể hỏi, hãy cân nếu còn kịp.")


def _as_looked_up(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    last = _last_good(around)
    if last is None:
        return
    visit = claim.visit
    if last.name and _folded(last.name) != _folded(visit.get("HO_TEN", "")):
        text = "Họ tên trên hồ sơ khác kết quả tra cứu thẻ; xem giấy tờ rồi sửa bên nào sai."
        yield hit("XML1", "HO_TEN", 1, text)
    born = visit.get("NGAY_SINH", "")
    if last.birth and born[: len(last.birth)] != last.birth and born[4:8] != "0000":
        yield hit("XML1", "NGAY_SINH", 1, "Ngày sinh khác kết quả tra cứu thẻ; xem giấy tờ rồi sửa bên nào sai.")
    if last.sex and visit.get("GIOI_TINH") in ("1", "2") and visit["GIOI_TINH"] != last.sex:
        yield hit("XML1", "GIOI_TINH", 1, "Giới tính khác kết quả tra cứu thẻ; xem giấy tờ rồi sửa bên nào sai.")


def _card_shape(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for one in claim.cards:
        if one and not _CARD.fullmatch(one):
            text = "Số thẻ {value} sai dạng: 2 chữ cái, 1 chữ số từ 1 đến 5, rồi 12 chữ số; sửa thẻ."
            yield hit("XML1", "MA_THE_BHYT", 1, text, value=one)


def _covers(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    visit, on = claim.visit, claim.arrived_on
    if not claim.cards or on is None:
        return
    starts, ends = reading.parts(visit.get("GT_THE_TU", "")), visit.get("GT_THE_DEN", "").split(";")
    for index, card in enumerate(claim.cards):
        start = reading.day(starts[index]) if index < len(starts) else None
        text = ends[index] if index < len(ends) else ""
        end = reading.day(text)
        if start is None or (text and end is None):
            return  # STR-11 or CRD-03 say it
        if not text and card[:2] not in _OPEN_END:
            return
        if start <= on and (end is None or on <= end):
            return
    say = "Không thẻ nào còn giá trị ngày đến khám {on}; kiểm tra thẻ, nếu không có thẻ khác thì chuyển tự trả."
    yield hit("XML1", "GT_THE_DEN", 1, say, on=f"{on:%d/%m/%Y}")


def _same_parts(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    visit, wanted = claim.visit, len(claim.cards)
    for field in ("MA_DKBD", "GT_THE_TU", "GT_THE_DEN"):
        text = visit.get(field, "")
        if not wanted:
            if text:
                yield hit("XML1", "MA_THE_BHYT", 1, "{field} có giá trị mà thiếu số thẻ; nhập số thẻ.", field=field)
            continue
        got = len(text.split(";")) if text else 0
        is_open = field == "GT_THE_DEN" and wanted == 1 and claim.cards[0][:2] in _OPEN_END
        if not got and not (is_open and not text):
            say = (
                "Thẻ chưa có {field} vì cổng chưa trả lời hoặc không thấy thẻ: mở trang thẻ, tra cứu lại theo thẻ của "
                "người bệnh; nếu cổng vẫn không thấy thì sửa số thẻ, hoặc đổi đối tượng sang tự trả."
            )
            yield hit("XML1", field, 1, say, field=field)
        elif got != wanted and not (is_open and not text):
            say = "{field} có {got} phần, số thẻ có {wanted}; mỗi thẻ một phần, hãy nhập đủ."
            yield hit("XML1", field, 1, say, field=field, got=got, wanted=wanted)


def _looked_up(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.looks is None or not claim.cards:
        return
    answered = [one for one in around.looks if one.code not in _NOT_ANSWERED]
    if not answered:
        return  # CRD-05
    last = max(answered, key=lambda one: one.at)
    if last.code in _STOPPED:
        text = "Cổng báo thẻ đã thu hồi, khóa hoặc báo giảm (mã {code}); không thanh toán được, hỏi thẻ khác."
        yield hit("XML1", "MA_THE_BHYT", 1, text, code=last.code)
    elif last.code in _PAPERS:
        text = "Thẻ của quân đội hoặc công an (mã {code}): phải xem giấy tờ kèm thẻ và ghi lại."
        yield hit("XML1", "MA_THE_BHYT", 1, text, code=last.code)
    elif last.code not in _GOOD:
        text = "Kết quả tra cứu thẻ là {code}, chưa dùng được; sửa thông tin thẻ rồi tra lại."
        yield hit("XML1", "MA_THE_BHYT", 1, text, code=last.code)
    ordered = max((one.ordered_at for one in claim.items if one.ordered_at is not None), default=None)
    if not around.is_open and ordered is not None and last.at.replace(second=0, microsecond=0) < ordered:
        text = "Thẻ được tra lần cuối lúc {at}, trước chỉ định cuối; tra lại thẻ trước khi kết thúc."
        yield hit("XML1", "MA_THE_BHYT", 1, text, at=f"{last.at:%H:%M %d/%m/%Y}")


def _not_verified(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.looks is None or not claim.cards:
        return
    if not any(one.code not in _NOT_ANSWERED for one in around.looks):
        text = "Thẻ chưa xác minh: cổng chưa trả lời lần nào; tra lại, nếu cổng hỏng thì giữ bằng chứng."
        yield hit("XML1", "MA_THE_BHYT", 1, text)


def _initial_facility(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    codes = [one for one in reading.parts(claim.visit.get("MA_DKBD", "")) if one]
    for code in codes:
        if len(code) != 5 or not code.isascii() or not code.isalnum():
            text = "Nơi đăng ký ban đầu {value} phải có 5 ký tự; sửa thẻ."
            yield hit("XML1", "MA_DKBD", 1, text, value=code)
            return
    last = _last_good(around)
    if last is not None and last.initial_facility and codes and last.initial_facility not in codes:
        text = "Nơi đăng ký ban đầu {value} khác kết quả tra cứu thẻ ({answer}); sửa theo cổng."
        yield hit("XML1", "MA_DKBD", 1, text, value=codes[0], answer=last.initial_facility)


def _level_of_object(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    on = claim.arrived_on
    if on is None:
        return
    for card in claim.cards:
        parsed = insurance_card.parse(card)
        if parsed is None:
            continue
        rows = insurance_card.objects(parsed.object_code)
        if not rows:
            text = "Mã đối tượng {letters} của thẻ {value} không có trong danh mục; kiểm tra số thẻ."
            yield hit("XML1", "MA_THE_BHYT", 1, text, letters=parsed.object_code, value=card)
        elif parsed.level not in {one.level for one in rows}:
            text = "Mức hưởng {level} không hợp với mã đối tượng {letters} của thẻ; kiểm tra số thẻ."
            yield hit("XML1", "MA_THE_BHYT", 1, text, level=parsed.level, letters=parsed.object_code)


def _shown_late(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if not around.cards or claim.category == _EMERGENCY:
        return
    shown = [one.shown_at for one in around.cards]
    if any(one is None for one in shown):
        return
    first = min(one for one in shown if one is not None).replace(second=0, microsecond=0, tzinfo=None)
    for item in claim.items:
        if item.is_insured and item.ordered_at is not None and item.ordered_at < first:
            text = "{name}: chỉ định lúc {at}, trước khi xuất trình thẻ ({shown}); dòng này người bệnh tự trả."
            yield hit(item.table, "PHAM_VI", item.number, text, name=item.name, at=f"{item.ordered_at:%H:%M}",
                      shown=f"{first:%H:%M}")  # fmt: skip


def _months(claim: Claim, unknown: int) -> int:
    """Age in months on arrival; `unknown` where it cannot be told. A birth year alone counts from its last day."""
    if claim.arrived_on is None:
        return unknown
    if claim.born_on is not None:
        return reading.months_between(claim.born_on, claim.arrived_on)
    text = claim.visit.get("NGAY_SINH", "")
    if text[4:8] == "0000" and text[:4].isdecimal() and 0 < int(text[:4]) <= claim.arrived_on.year:
        return reading.months_between(date(int(text[:4]), 12, 31), claim.arrived_on)
    return unknown


def _last_good(around: Surroundings) -> Look | None:
    found = [one for one in around.looks or () if one.code in _GOOD]
    return max(found, key=lambda one: one.at, default=None)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).upper().split())


RULES: dict[str, Rule] = {
    "ADM-01": _personal_number,
    "ADM-02": _birth,
    "ADM-03": _sex,
    "ADM-04": _residence,
    "ADM-05": _person_lists,
    "ADM-06": _weight,
    "ADM-07": _weight_of_all,
    "ADM-08": _as_looked_up,
    "CRD-01": _card_shape,
    "CRD-02": _covers,
    "CRD-03": _same_parts,
    "CRD-04": _looked_up,
    "CRD-05": _not_verified,
    "CRD-06": _initial_facility,
    "CRD-07": _level_of_object,
    "CRD-08": _shown_late,
}
