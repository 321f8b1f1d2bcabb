"""MON-*: every amount of every line and total, exactly. A tie may be rounded half even; truncation is never accepted.

Sources: annexes of Decision 130/QĐ-BYT (2023) with 4750 and 3176; the mode of rounding is from memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from lienmach.standards.bhxh.benefit import r2
from lienmach.standards.bhxh.rules import benefits, reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim, Item
from lienmach.standards.bhxh.rules.surroundings import Surroundings

_HUNDRED, _ZERO, _CENT = Decimal(100), Decimal(0), Decimal("0.01")
_HELP = ("T_NGUONKHAC_NSNN", "T_NGUONKHAC_VTNN", "T_NGUONKHAC_VTTN", "T_NGUONKHAC_CL")
_TOTALS = {
    "T_TONGCHI_BV": "THANH_TIEN_BV",
    "T_TONGCHI_BH": "THANH_TIEN_BH",
    "T_BNTT": "T_BNTT",
    "T_BNCCT": "T_BNCCT",
    "T_BHTT": "T_BHTT",
    "T_NGUONKHAC": "T_NGUONKHAC",
}
_FREE = re.compile(r".*(\.0000|_TB|_TT)")
_HALF_DONG = Decimal("0.5")
_FEE_FOR_SERVICE = "1"  # MA_PTTT


def _drug_price(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.drugs:
        product = _product(item, "SO_LUONG", "DON_GIA")
        yield from _amount(item, "THANH_TIEN_BV", [product], "số lượng × đơn giá")


def _drug_insured(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.drugs:
        product, ratio = _product(item, "SO_LUONG", "DON_GIA"), item.amount("TYLE_TT_BH")
        if product is None or ratio is None:
            continue
        help_ = item.amount("T_NGUONKHAC") or _ZERO
        wanted = [product * ratio / _HUNDRED, (product - help_) * ratio / _HUNDRED]
        yield from _amount(item, "THANH_TIEN_BH", wanted[: 2 if help_ else 1], "số lượng × đơn giá × tỷ lệ BHYT")


def _work_price(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        quantity, price, rate = item.amount("SO_LUONG"), item.amount("DON_GIA_BV"), item.amount("TYLE_TT_DV")
        insured = item.amount("DON_GIA_BH")
        if quantity is None or price is None or rate is None:
            continue
        wanted: list[Decimal | None] = [quantity * price * rate / _HUNDRED]
        if insured is not None:
            wanted.append(quantity * price - quantity * insured * (_HUNDRED - rate) / _HUNDRED)
        yield from _amount(item, "THANH_TIEN_BV", wanted, "số lượng × đơn giá bệnh viện × tỷ lệ dịch vụ")


def _work_insured(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        product, rate = _product(item, "SO_LUONG", "DON_GIA_BH"), item.amount("TYLE_TT_DV")
        ratio = item.amount("TYLE_TT_BH")
        if product is None or rate is None or ratio is None:
            continue
        counted, help_ = product * rate / _HUNDRED, item.amount("T_NGUONKHAC") or _ZERO
        wanted = [counted * ratio / _HUNDRED, (counted - help_) * ratio / _HUNDRED][: 2 if help_ else 1]
        capped = [min(one, item.amount("THANH_TIEN_BV") or one) for one in wanted]
        yield from _amount(
            item, "THANH_TIEN_BH", [*wanted, *capped], "số lượng × giá BHYT × tỷ lệ dịch vụ × tỷ lệ BHYT"
        )


def _shares(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        if item.amount("T_NGUONKHAC"):
            continue  # MON-08
        split = _split(item)
        if split is None:
            continue
        for field, wanted in zip(("T_BHTT", "T_BNCCT", "T_BNTT"), split, strict=True):
            said = item.amount(field)
            if said is None or said == wanted:
                continue
            if field == "T_BHTT" and _is_rounded(said, _exact_share(item)):
                break  # half even on a tie: the rest follows from it
            if field == "T_BNCCT" and item.amount("T_BHTT") != split[0]:
                break  # it follows from a T_BHTT that was named already
            text = "{name}: {field} = {value}, tính ra {wanted}; lập lại bảng kê."
            yield hit(item.table, field, item.number, text, name=item.name, field=field, value=item[field],
                      wanted=f"{wanted:f}")  # fmt: skip
            break


def _whole_line(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        values = [item.amount(name) for name in ("T_BNTT", "T_BNCCT", "T_BHTT", "T_NGUONKHAC")]
        total = item.amount("THANH_TIEN_BV")
        if total is None or any(one is None for one in values):
            continue
        got = sum((one for one in values if one is not None), _ZERO)
        if got != total:
            text = "{name}: các phần chi trả cộng lại {got}, thành tiền {total}; phải bằng nhau, lập lại bảng kê."
            yield hit(item.table, "THANH_TIEN_BV", item.number, text, name=item.name, got=f"{got:f}",
                      total=item["THANH_TIEN_BV"])  # fmt: skip


def _help_sum(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        total, line = item.amount("T_NGUONKHAC"), item.amount("THANH_TIEN_BV")
        four = [item.amount(name) for name in _HELP]
        if total is None or any(one is None for one in four):
            continue
        got = sum((one for one in four if one is not None), _ZERO)
        if got != total:
            text = "{name}: nguồn khác {total} khác tổng bốn nguồn {got}; sửa cho bằng nhau."
            yield hit(item.table, "T_NGUONKHAC", item.number, text, name=item.name, total=item["T_NGUONKHAC"],
                      got=f"{got:f}")  # fmt: skip
        elif total > 0 and line is not None and total >= line:
            text = "{name}: nguồn khác {total} phải nhỏ hơn thành tiền {line}; sửa lại."
            yield hit(item.table, "T_NGUONKHAC", item.number, text, name=item.name, total=item["T_NGUONKHAC"],
                      line=item["THANH_TIEN_BV"])  # fmt: skip


def _help_order(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        other, split = item.amount("T_NGUONKHAC"), _split(item)
        said = tuple(item.amount(name) for name in ("T_BHTT", "T_BNCCT", "T_BNTT"))
        if not other or split is None or any(one is None for one in said):
            continue
        bhtt, bncct, bntt = split
        taken = min(bntt, other)
        from_copay = min(bncct, other - taken)
        patient = (bhtt - (other - taken - from_copay), bncct - from_copay, bntt - taken)
        facility, arv = (bhtt, bncct, bntt - other), (bhtt, _ZERO, bntt)
        allowed = [patient, facility] + ([arv] if other == bncct else [])
        if said not in allowed:
            text = "{name}: nguồn khác {value} phải trừ vào phần tự trả, rồi cùng chi trả, rồi quỹ; tính lại."
            yield hit(item.table, "T_NGUONKHAC", item.number, text, name=item.name, value=item["T_NGUONKHAC"])


def _totals(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for field, name in _TOTALS.items():
        yield from _total(claim, field, [one.amount(name) for one in claim.items], "các dòng XML2 và XML3")


def _drug_total(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    yield from _total(claim, "T_THUOC", [one.amount("THANH_TIEN_BV") for one in claim.drugs], "các dòng XML2")


def _supply_total(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    lines = [one.amount("THANH_TIEN_BV") for one in claim.works if one.nhom in reading.SUPPLIES]
    yield from _total(claim, "T_VTYT", lines, "các dòng vật tư (nhóm 10, 11)")


def _fee_total(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    is_force = any(one[:2] in reading.FORCES for one in claim.cards)
    if is_force and reading.number(claim.visit.get("T_BHTT_GDV", "")) == 0:
        return
    lines = [one.amount("T_BHTT") for one in claim.items if one["MA_PTTT"] == _FEE_FOR_SERVICE]
    yield from _total(claim, "T_BHTT_GDV", lines, "T_BHTT các dòng trả theo phí dịch vụ")


def _not_negative(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        for field, value in item.amounts.items():
            if value is not None and (value < 0 or (field == "SO_LUONG" and value == 0)):
                text = "{name}: {field} = {value}; số tiền không được âm, số lượng phải lớn hơn 0."
                yield hit(item.table, field, item.number, text, name=item.name, field=field, value=item[field])
    for field in (*_TOTALS, "T_THUOC", "T_VTYT", "T_BHTT_GDV"):
        if (reading.number(claim.visit.get(field, "")) or _ZERO) < 0:
            text = "{field} = {value}; tổng tiền không được âm, lập lại bảng kê."
            yield hit("XML1", field, 1, text, field=field, value=claim.visit[field])


def _ceiling(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        ceiling, price = item.amount("T_TRANTT"), item.amount("DON_GIA_BV")
        if not ceiling or price is None or not item.is_insured:
            continue
        if price > ceiling and item.amount("DON_GIA_BH") != ceiling:
            text = "{name}: giá {price} vượt trần {ceiling} nên đơn giá BHYT phải bằng trần; sửa giá."
            yield hit("XML3", "DON_GIA_BH", item.number, text, name=item.name, price=item["DON_GIA_BV"],
                      ceiling=item["T_TRANTT"])  # fmt: skip
        if (item.amount("T_BHTT") or _ZERO) > ceiling:
            text = "{name}: quỹ trả {value}, vượt trần {ceiling}; tính lại."
            yield hit("XML3", "T_BHTT", item.number, text, name=item.name, value=item["T_BHTT"],
                      ceiling=item["T_TRANTT"])  # fmt: skip


def _examination_rates(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    """Examinations of one minute may stand in any order."""
    rates = benefits.examination_rates(around.parameters)
    found = [one for one in claim.examinations if one["PHAM_VI"] == "1"]
    wanted = [rates[min(index, len(rates) - 1)] for index in range(len(found))]
    start = 0
    while start < len(found):
        end = start + 1
        while end < len(found) and found[end].ordered_at == found[start].ordered_at:
            end += 1
        left = list(wanted[start:end])
        for item in found[start:end]:
            rate = item.amount("TYLE_TT_DV")
            if rate is not None and rate in left:
                left.remove(int(rate))
            elif rate is not None:
                text = "{name}: lần khám thứ {count} hưởng {wanted} %, đang ghi {value} %; tính lại."
                yield hit("XML3", "TYLE_TT_DV", item.number, text, name=item.name, count=start + 1, wanted=left[0],
                          value=item["TYLE_TT_DV"])  # fmt: skip
        start = end


def _price_zero(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.works:
        if item.is_insured and item.amount("DON_GIA_BH") == 0 and not _FREE.fullmatch(item["MA_DICH_VU"]):
            text = "{name}: trong phạm vi BHYT mà đơn giá BHYT bằng 0; nhập giá hoặc chuyển ngoài phạm vi."
            yield hit("XML3", "DON_GIA_BH", item.number, text, name=item.name)


def _ordered(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    fund, insured, total = (
        reading.number(claim.visit.get(name, "")) for name in ("T_BHTT", "T_TONGCHI_BH", "T_TONGCHI_BV")
    )
    if fund is not None and insured is not None and total is not None and not fund <= insured <= total:
        text = "T_BHTT {fund}, T_TONGCHI_BH {insured}, T_TONGCHI_BV {total} phải tăng dần; lập lại bảng kê."
        yield hit("XML1", "T_BHTT", 1, text, fund=f"{fund:f}", insured=f"{insured:f}", total=f"{total:f}")


def _bill(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    own, shared = (reading.number(claim.visit.get(name, "")) for name in ("T_BNTT", "T_BNCCT"))
    if around.bill is None or own is None or shared is None:
        return
    owed = own + shared
    wanted = owed.quantize(Decimal(1), ROUND_HALF_UP)
    if around.bill.patient_total != wanted:
        text = "Hoá đơn {bill} đồng, theo hồ sơ người bệnh trả {wanted} đồng; đóng lại bảng kê."
        yield hit("XML1", "T_BNCCT", 1, text, bill=around.bill.patient_total, wanted=wanted)
    elif around.bill.rounding != wanted - owed or abs(around.bill.rounding) > _HALF_DONG:
        text = "Chênh lệch làm tròn {got} đồng, phải là {wanted}; đóng lại bảng kê."
        yield hit("XML1", "T_BNCCT", 1, text, got=around.bill.rounding, wanted=wanted - owed)


def _receivable(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    total = reading.number(claim.visit.get("T_BHTT", ""))
    if around.bill is not None and around.bill.fund_vnd is not None and total is not None:
        if around.bill.fund_vnd != total:
            text = "Sổ ghi phải thu quỹ {booked}, hồ sơ đề nghị {total}; đóng lại bảng kê để ghi sổ."
            yield hit("XML1", "T_BHTT", 1, text, booked=f"{around.bill.fund_vnd:f}", total=f"{total:f}")


def _one_snapshot(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.statement is None:
        return
    for field, wanted in around.statement.totals.items():
        said = reading.number(claim.visit.get(field, ""))
        if said is not None and said != wanted:
            text = "{field} = {value} khác bảng kê {number} ({wanted}); lập lại hồ sơ từ bảng kê."
            yield hit("XML1", field, 1, text, field=field, value=f"{said:f}", number=around.statement.number,
                      wanted=f"{wanted:f}")  # fmt: skip
    count = around.statement.line_count
    if count is not None and count != len(claim.items):
        text = "Hồ sơ có {got} dòng chi phí, bảng kê {number} có {wanted}; lập lại hồ sơ từ bảng kê."
        yield hit("XML1", "T_TONGCHI_BV", 1, text, got=len(claim.items), number=around.statement.number, wanted=count)


def _consented(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    if around.consents is None:
        return
    for item in claim.works:
        at = around.consents.get(item["MA_DICH_VU"])
        own = item.amount("T_BNTT")
        if not own or item.nhom == reading.EXAMINATION or item["MA_VAT_TU"]:
            continue
        if at is None or (item.ordered_at is not None and at.replace(second=0, microsecond=0) > item.ordered_at):
            text = "{name}: người bệnh tự trả {value} mà chưa có bản đồng ý trước chỉ định; hỏi và lưu lại."
            yield hit("XML3", "T_BNTT", item.number, text, name=item.name, value=item["T_BNTT"])


def _product(item: Item, first: str, second: str) -> Decimal | None:
    one, other = item.amount(first), item.amount(second)
    return None if one is None or other is None else one * other


def _amount(item: Item, field: str, wanted: Sequence[Decimal | None], how: str) -> Iterator[Hit]:
    """A hit unless the amount is one of these, rounded."""
    said, known = item.amount(field), [one for one in wanted if one is not None]
    if said is None or not known or any(said == r2(one) or _is_rounded(said, one) for one in known):
        return
    text = "{name}: {field} = {value}, tính ra {wanted} ({how}); lập lại bảng kê."
    yield hit(item.table, field, item.number, text, name=item.name, field=field, value=item[field],
              wanted=f"{r2(known[0]):f}", how=how)  # fmt: skip


def _is_rounded(said: Decimal, exact: Decimal | None) -> bool:
    """Half even differs from half up on a tie only, and is accepted."""
    return exact is not None and said == exact.quantize(_CENT, ROUND_HALF_EVEN)


def _exact_share(item: Item) -> Decimal | None:
    insured, share = item.amount("THANH_TIEN_BH"), item.amount("MUC_HUONG")
    return None if insured is None or share is None else insured * share / _HUNDRED


def _split(item: Item) -> tuple[Decimal, Decimal, Decimal] | None:
    """(T_BHTT, T_BNCCT, T_BNTT) of a line without other sources."""
    exact, insured, total = _exact_share(item), item.amount("THANH_TIEN_BH"), item.amount("THANH_TIEN_BV")
    if exact is None or insured is None or total is None:
        return None
    said, bhtt = item.amount("T_BHTT"), r2(exact)
    if said is not None and _is_rounded(said, exact):
        bhtt = said
    ceiling, price = item.amount("T_TRANTT"), item.amount("DON_GIA_BV")
    if ceiling and price is not None and price > ceiling:
        bhtt = min(bhtt, ceiling)
    return bhtt, insured - bhtt, total - insured


def _total(claim: Claim, field: str, lines: list[Decimal | None], how: str) -> Iterator[Hit]:
    said = reading.number(claim.visit.get(field, ""))
    if said is None or any(one is None for one in lines):
        return
    wanted = sum((one for one in lines if one is not None), _ZERO)
    if said != wanted:
        text = "{field} = {value}, tổng {how} là {wanted}; lập lại hồ sơ từ bảng kê."
        yield hit("XML1", field, 1, text, field=field, value=f"{said:f}", how=how, wanted=f"{wanted:f}")


RULES: dict[str, Rule] = {
    "MON-01": _drug_price,
    "MON-02": _drug_insured,
    "MON-03": _work_price,
    "MON-04": _work_insured,
    "MON-05": _shares,
    "MON-06": _whole_line,
    "MON-07": _help_sum,
    "MON-08": _help_order,
    "MON-09": _totals,
    "MON-10": _drug_total,
    "MON-11": _supply_total,
    "MON-12": _fee_total,
    "MON-13": _not_negative,
    "MON-14": _ceiling,
    "MON-15": _examination_rates,
    "MON-16": _price_zero,
    "MON-17": _ordered,
    "MON-18": _bill,
    "MON-19": _receivable,
    "MON-20": _one_snapshot,
    "MON-21": _consented,
}
