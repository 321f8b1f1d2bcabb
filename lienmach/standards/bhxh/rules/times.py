"""TIM-*: moments of a visit against each other. A rule says what is wrong with a moment; it never moves one.

Sources: annexes of Decision 130/QĐ-BYT (2023), public checkers, TT 12/2026/TT-BTC art. 10 (secondary); some memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lienmach.standards.bhxh.rules import doses, reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim, Item, Tables
from lienmach.standards.bhxh.rules.surroundings import Surroundings

LATE_RESULT_DAYS = 30
_TYPED_AFTER = timedelta(days=7)
_LONG = timedelta(hours=24)
_CLOCKS_DIFFER = timedelta(minutes=1)
_ENDS_WITH_DRUGS = frozenset({"02", "05", "07"})
_REFERRED = frozenset({"2", "5"})
_BY_HAND = frozenset({"2", "3", "8", "18"})
_OF_VISIT = ("NGAY_VAO", "NGAY_RA", "NGAY_TTOAN")


def _begins_before_end(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if claim.arrived_at and claim.ended_at and claim.arrived_at >= claim.ended_at and not around.is_open:
        text = "Lúc kết thúc {end} không sau lúc đến {start}; lượt khám không có thời gian bị từ chối, xem lại giờ."
        yield hit("XML1", "NGAY_RA", 1, text, end=_said(claim.ended_at), start=_said(claim.arrived_at))


def _end_of_kind(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    end = claim.ended_at
    if end is None or around.is_open or claim.kind not in _ENDS_WITH_DRUGS:
        return
    if claim.visit.get("MA_LOAI_RV") in _REFERRED:
        return
    if (end.hour, end.minute) != (23, 59):
        text = "Loại khám {kind} kết thúc vào 23:59 ngày cuối dùng thuốc hoặc dịch vụ, đang ghi {end}; lập lại hồ sơ."
        yield hit("XML1", "NGAY_RA", 1, text, kind=claim.kind, end=_said(end))
        return
    lasting, ordered = doses.days_of(claim), [one.ordered_at for one in claim.drugs if one.ordered_at is not None]
    if lasting and ordered and claim.kind != "02":
        wanted = max(ordered).date() + timedelta(days=lasting - 1)
        if end.date() != wanted:
            text = "Thuốc dùng đến hết ngày {wanted}, NGAY_RA ghi {end}; lập lại hồ sơ."
            yield hit("XML1", "NGAY_RA", 1, text, wanted=f"{wanted:%d/%m/%Y}", end=_said(end))


def _inside(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    start, end = claim.arrived_at, claim.ended_at
    for item in claim.items:
        at = item.ordered_at
        if at is not None and ((start is not None and at < start) or (end is not None and at > end)):
            text = "{name}: chỉ định lúc {at} nằm ngoài lượt khám ({start} – {end}); kiểm tra giờ chỉ định."
            yield hit(item.table, "NGAY_YL", item.number, text, name=item.name, at=_said(at), start=_said(start),
                      end=_said(end))  # fmt: skip


def _in_turn(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        if item.ordered_at is not None and item.done_at is not None and item.done_at < item.ordered_at:
            text = "{name}: thực hiện lúc {done}, trước chỉ định lúc {at}; kiểm tra giờ thực hiện."
            yield hit("XML3", "NGAY_TH_YL", item.number, text, name=item.name, done=_said(item.done_at),
                      at=_said(item.ordered_at))  # fmt: skip
        before = item.done_at or item.ordered_at
        if before is not None and item.result_at is not None and item.result_at < before:
            text = "{name}: có kết quả lúc {result}, trước khi làm lúc {done}; kiểm tra giờ kết quả."
            yield hit("XML3", "NGAY_KQ", item.number, text, name=item.name, result=_said(item.result_at),
                      done=_said(before))  # fmt: skip


def _after_examination(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    first = _first(claim)
    if first is None or first.ordered_at is None:
        return
    for item in claim.items:
        if item.ordered_at is not None and item.ordered_at < first.ordered_at:
            text = "{name}: chỉ định lúc {at}, trước chỉ định khám đầu tiên ({first}); kiểm tra giờ chỉ định."
            yield hit(item.table, "NGAY_YL", item.number, text, name=item.name, at=_said(item.ordered_at),
                      first=_said(first.ordered_at))  # fmt: skip


def _drug_after_examination(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    first = _first(claim)
    if first is None or first.done_at is None:
        return
    for item in claim.drugs:
        if item.ordered_at is not None and item.ordered_at < first.done_at:
            text = "{name}: kê lúc {at}, trước khi bắt đầu khám ({first}); kiểm tra giờ kê đơn."
            yield hit("XML2", "NGAY_YL", item.number, text, name=item.name, at=_said(item.ordered_at),
                      first=_said(first.done_at))  # fmt: skip


def _done_before_end(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        if item.done_at is not None and claim.ended_at is not None and item.done_at > claim.ended_at:
            text = "{name}: thực hiện lúc {at}, sau khi kết thúc lượt khám ({end}); kiểm tra giờ."
            yield hit("XML3", "NGAY_TH_YL", item.number, text, name=item.name, at=_said(item.done_at),
                      end=_said(claim.ended_at))  # fmt: skip


def _result_before_end(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        if item.nhom in _BY_HAND and item.result_at is not None and claim.ended_at is not None:
            if item.result_at > claim.ended_at:
                text = "{name}: kết quả lúc {at}, sau khi kết thúc lượt khám ({end}); kết quả phải có trước đó."
                yield hit("XML3", "NGAY_KQ", item.number, text, name=item.name, at=_said(item.result_at),
                          end=_said(claim.ended_at))  # fmt: skip


def _late_result(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if claim.ended_at is None:
        return
    for item in claim.works:
        if item.nhom != "1":
            continue
        if item.result_at is None and around.now is not None and around.now > claim.ended_at + _TYPED_AFTER:
            text = "{name}: quá 7 ngày chưa có kết quả; trả kết quả hoặc bỏ dòng trước khi đề nghị thanh toán."
            yield hit("XML3", "NGAY_KQ", item.number, text, name=item.name)
        elif item.result_at is not None and item.result_at > claim.ended_at + timedelta(days=LATE_RESULT_DAYS):
            text = "{name}: kết quả lúc {at}, quá {days} ngày sau khi kết thúc; giám định sẽ không nhận."
            yield hit("XML3", "NGAY_KQ", item.number, text, name=item.name, at=_said(item.result_at),
                      days=LATE_RESULT_DAYS)  # fmt: skip


def _indicator_between(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for item in claim.works:
        if item.nhom in reading.TESTS and item.done_at is not None and item.result_at is not None:
            spans.setdefault(item["MA_DICH_VU"], []).append((item.done_at, item.result_at))
    for number, row in claim.rows("XML4"):
        at, known = reading.moment(row.get("NGAY_KQ", "")), spans.get(row.get("MA_DICH_VU", ""))
        if at is not None and known and not any(start <= at <= end for start, end in known):
            start, end = known[0]
            text = "{name}: kết quả lúc {at} nằm ngoài lúc làm và trả của dịch vụ ({start} – {end}); kiểm tra giờ."
            yield hit("XML4", "NGAY_KQ", number, text, name=row.get("TEN_CHI_SO") or row.get("MA_DICH_VU", ""),
                      at=_said(at), start=_said(start), end=_said(end))  # fmt: skip


def _given_after_order(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.drugs:
        if item.ordered_at is not None and item.done_at is not None and item.done_at < item.ordered_at:
            text = "{name}: phát lúc {done}, trước khi kê lúc {at}; kiểm tra giờ phát."
            yield hit("XML2", "NGAY_TH_YL", item.number, text, name=item.name, done=_said(item.done_at),
                      at=_said(item.ordered_at))  # fmt: skip


def _paid_after_orders(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    paid = reading.moment(claim.visit.get("NGAY_TTOAN", ""))
    last = max((one.ordered_at for one in claim.items if one.ordered_at is not None), default=None)
    if paid is not None and last is not None and paid < last:
        text = "Thanh toán lúc {at}, trước chỉ định cuối lúc {last}; kiểm tra giờ thu tiền."
        yield hit("XML1", "NGAY_TTOAN", 1, text, at=_said(paid), last=_said(last))


def _paid_after_end(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    paid, end = reading.moment(claim.visit.get("NGAY_TTOAN", "")), claim.ended_at
    if claim.kind == "01" and paid is not None and end is not None and paid < end:
        text = "Thanh toán lúc {at}, trước khi kết thúc khám lúc {end}; giám định có thể hỏi."
        yield hit("XML1", "NGAY_TTOAN", 1, text, at=_said(paid), end=_said(end))


def _course_inside(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for number, row in claim.rows("XML5"):
        at = reading.moment(row.get("THOI_DIEM_DBLS", ""))
        start, end = claim.arrived_at, claim.ended_at
        if at is not None and ((start is not None and at < start) or (end is not None and at > end)):
            text = "Diễn biến lúc {at} nằm ngoài lượt khám ({start} – {end}); kiểm tra giờ ghi."
            yield hit("XML5", "THOI_DIEM_DBLS", number, text, at=_said(at), start=_said(start), end=_said(end))


def _not_in_future(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.now is None:
        return
    limit = around.now + _CLOCKS_DIFFER
    cells = [("XML1", name, 1, claim.visit.get(name, "")) for name in _OF_VISIT]
    for item in claim.items:
        cells += [(item.table, name, item.number, item[name]) for name in ("NGAY_YL", "NGAY_TH_YL", "NGAY_KQ")]
    cells += [("XML4", "NGAY_KQ", number, row.get("NGAY_KQ", "")) for number, row in claim.rows("XML4")]
    cells += [("XML5", "THOI_DIEM_DBLS", number, row.get("THOI_DIEM_DBLS", "")) for number, row in claim.rows("XML5")]
    for table, field, number, text in cells:
        if (field == "NGAY_RA" and claim.kind in _ENDS_WITH_DRUGS) or not text:
            continue
        at = reading.moment(text)
        if at is not None and at > limit:
            say = "{field} = {at} ở tương lai so với giờ máy chủ; kiểm tra giờ đã ghi."
            yield hit(table, field, number, say, field=field, at=_said(at))


def _too_long(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    if claim.kind == "01" and claim.arrived_at and claim.ended_at and claim.ended_at - claim.arrived_at > _LONG:
        text = "Lượt khám kéo dài từ {start} đến {end}, hơn 24 giờ; xem lại loại khám hoặc giờ kết thúc."
        yield hit("XML1", "NGAY_RA", 1, text, start=_said(claim.arrived_at), end=_said(claim.ended_at))


def _overlapping(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.earlier is None or claim.arrived_at is None or claim.ended_at is None:
        return
    end = claim.ended_at if claim.kind not in _ENDS_WITH_DRUGS else claim.arrived_at
    for one in around.earlier:
        if one.key == claim.visit.get("MA_LK"):
            continue
        other_end = one.ended_at or datetime.max
        if one.begun_at < end and claim.arrived_at < other_end:
            text = (
                "Người bệnh có lượt khám khác trùng thời gian (từ {start}{place}); kiểm tra lượt đó đã kết thúc chưa."
            )
            place = f", {one.facility}" if one.facility else ""
            yield hit("XML1", "NGAY_VAO", 1, text, start=_said(one.begun_at), place=place)


def _still_lasting(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    on = claim.arrived_on
    if around.earlier is None or on is None:
        return
    lasting = {
        code: (last, one)
        for one in around.earlier
        if one.key != claim.visit.get("MA_LK")
        for code, last in one.drugs
        if last > on
    }
    for item in claim.drugs:
        if item.is_insured and item["MA_THUOC"] in lasting:
            last, _ = lasting[item["MA_THUOC"]]
            text = "{name}: thuốc cùng hoạt chất của lần khám trước còn đến {last}; xem lại hoặc ghi lý do."
            yield hit("XML2", "MA_THUOC", item.number, text, name=item.name, last=f"{last:%d/%m/%Y}")


def _two_specialities(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    seen: dict[str, Item] = {}
    for item in claim.examinations:
        for licence in reading.parts(item["NGUOI_THUC_HIEN"] or item["MA_BAC_SI"]):
            first = seen.setdefault(licence, item)
            if first is not item and first["MA_DICH_VU"] != item["MA_DICH_VU"]:
                text = "Một người ({code}) khám hai chuyên khoa: {first} và {name}; xem lại người khám."
                yield hit("XML3", "NGUOI_THUC_HIEN", item.number, text, code=licence, first=first.name, name=item.name)


def _first(claim: Claim) -> Item | None:
    return next(iter(claim.examinations), None)


def _said(at: datetime | None) -> str:
    return f"{at:%H:%M %d/%m/%Y}" if at is not None else "chưa rõ"


@dataclass(frozen=True)
class Overlap:
    """Two lines of two patients that one person or machine did in overlapping minutes. visits: their MA_LK."""

    rule: str
    visits: tuple[str, str]
    numbers: tuple[int, int]
    hit: Hit


def overlaps(claims: Iterable[Tables]) -> Iterator[Overlap]:
    """TIM-17 and TIM-18 over many claims: who and what was busy with two patients in the same minutes.

    Minutes that only touch (one ends when the other begins) do not overlap. Sorted by time, one pass a person.
    """
    busy: dict[tuple[str, str], list[tuple[datetime, datetime, str, Item]]] = {}
    for tables in claims:
        claim = reading.read(tables)
        patient = claim.visit.get("MA_BN", "") or claim.visit.get("MA_LK", "")
        is_at_once = not any(one.nhom in reading.TESTS for one in claim.works)  # else the doctor sees others meanwhile
        for item in claim.works:
            start, end = item.done_at, item.result_at
            if start is None or end is None or end <= start:
                continue
            if item.nhom in _BY_HAND or (item.nhom == reading.EXAMINATION and is_at_once):
                for licence in reading.parts(item["NGUOI_THUC_HIEN"]):
                    busy.setdefault(("TIM-17", licence), []).append((start, end, patient, item))
            if item.nhom in ("2", "3"):
                for machine in filter(None, [item["MA_MAY"]]):
                    busy.setdefault(("TIM-18", machine), []).append((start, end, patient, item))
    for (rule, code), spans in sorted(busy.items()):
        spans.sort(key=lambda one: (one[0], one[1]))
        for index, (_, end, patient, item) in enumerate(spans):
            for start, _, other, second in spans[index + 1 :]:
                if start >= end:
                    break
                if other != patient:
                    field, who = ("NGUOI_THUC_HIEN", "người") if rule == "TIM-17" else ("MA_MAY", "máy")
                    text = "Một {who} ({code}) làm {name} lúc {at} khi đang làm {other} cho người khác; kiểm tra giờ."
                    found = hit("XML3", field, second.number, text, who=who, code=code, name=second.name,
                                at=_said(start), other=item.name)  # fmt: skip
                    yield Overlap(rule, (item["MA_LK"], second["MA_LK"]), (item.number, second.number), found)


RULES: dict[str, Rule] = {
    "TIM-01": _begins_before_end,
    "TIM-02": _end_of_kind,
    "TIM-03": _inside,
    "TIM-04": _in_turn,
    "TIM-05": _after_examination,
    "TIM-06": _drug_after_examination,
    "TIM-07": _done_before_end,
    "TIM-08": _result_before_end,
    "TIM-09": _late_result,
    "TIM-10": _indicator_between,
    "TIM-11": _given_after_order,
    "TIM-12": _paid_after_orders,
    "TIM-13": _paid_after_end,
    "TIM-14": _course_inside,
    "TIM-15": _not_in_future,
    "TIM-16": _too_long,
    "TIM-21": _overlapping,
    "TIM-22": _still_lasting,
    "TIM-23": _two_specialities,
}
