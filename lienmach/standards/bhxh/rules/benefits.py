"""BEN-*: the share of each line, worked out again by benefit.compute from the cards, the category and the day.

Sources: annexes of Decision 130/QĐ-BYT (MUC_HUONG), Law 51/2024/QH15, Decree 188/2025/NĐ-CP, Decision 1931/QĐ-BYT;
each rule's confidence stands in the list `claim-rule`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal

from lienmach.standards.bhxh import benefit, costs
from lienmach.standards.bhxh.costs import Amounts, Card, Category, LineAmounts, Parameters
from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Hit, Rule, hit
from lienmach.standards.bhxh.rules.reading import Claim, Item
from lienmach.standards.bhxh.rules.surroundings import Surroundings

FOUR_CHARACTERS_ON = date(2026, 7, 1)  # Decision 1931/QĐ-BYT
_HUNDRED = Decimal(100)
_PARTLY_PAID = frozenset({"3", "4"})
_ZEROES = ("TYLE_TT_BH", "THANH_TIEN_BH", "T_BNCCT", "T_BHTT")


@dataclass(frozen=True)
class Shares:
    """What the lines' shares should be. lines: by (table, number). plain: the same without any exemption."""

    amounts: Amounts
    lines: dict[tuple[str, int], LineAmounts]
    plain: dict[tuple[str, int], LineAmounts]
    exempt_from: datetime | None


def _share(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for item, expected, _ in _wrong(claim, around, "BEN-01"):
        text = "{name}: mức hưởng {value} %, phải là {wanted} % (thẻ {percent} % × đối tượng {rate} %); tính lại."
        yield _said(item, expected, text, claim, around)


def _below_line(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for item, expected, _ in _wrong(claim, around, "BEN-02"):
        text = (
            "{name}: tổng chi phí dưới 15 % lương cơ sở nên mức hưởng phải là {wanted} %, đang ghi {value} %; tính lại."
        )
        yield _said(item, expected, text, claim, around)


def _above_line(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for item, expected, _ in _wrong(claim, around, "BEN-03"):
        text = "{name}: tổng chi phí không dưới 15 % lương cơ sở nên mức hưởng là {wanted} %, đang ghi {value} %; tính lại."
        yield _said(item, expected, text, claim, around)


def _exemption(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    text, five = claim.visit.get("NGAY_MIEN_CCT", ""), reading.day(claim.visit.get("NAM_NAM_LIEN_TUC", ""))
    from_at = _exempt_from(text)
    if not text:
        return
    if from_at is None:
        say = "NGAY_MIEN_CCT = {value} không phải ngày 8 số hay thời điểm 12 số; sửa lại."
        yield hit("XML1", "NGAY_MIEN_CCT", 1, say, value=text)
        return
    if five is None or from_at.date() < five:
        say = "Miễn cùng chi trả từ {at} nhưng chưa đủ 5 năm liên tục (NAM_NAM_LIEN_TUC); kiểm tra giấy miễn."
        yield hit("XML1", "NGAY_MIEN_CCT", 1, say, at=f"{from_at:%d/%m/%Y}")
    years = {one.ordered_at.year for one in claim.items if one.is_insured and one.ordered_at is not None}
    if years and from_at.year not in years:
        say = "Miễn cùng chi trả từ {at} hết hạn ngày 31/12 năm đó; bỏ hoặc nhập giấy của năm nay."
        yield hit("XML1", "NGAY_MIEN_CCT", 1, say, at=f"{from_at:%d/%m/%Y}")


def _exempt_lines(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    for item, expected, _ in _wrong(claim, around, "BEN-05"):
        text = "{name}: theo thời điểm miễn cùng chi trả, mức hưởng phải là {wanted} %, đang ghi {value} %; tính lại."
        yield _said(item, expected, text, claim, around)


def _one_share(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    shares = _shares(claim, around)
    items = [one for one in claim.items if one.is_insured and one.amount("MUC_HUONG") is not None]
    said = {one.amount("MUC_HUONG") for one in items}
    if len(said) < 2:
        return
    if shares is not None and len({shares.lines[one.table, one.number].MUC_HUONG for one in items}) > 1:
        return
    if shares is None and (claim.visit.get("NGAY_MIEN_CCT") or len(claim.cards) > 1 or _is_new_year(claim)):
        return
    counts = {value: sum(1 for one in items if one.amount("MUC_HUONG") == value) for value in said}
    item = min(items, key=lambda one: (_is_expected(one, shares), counts[one.amount("MUC_HUONG")]))
    text = "Các dòng trong phạm vi có mức hưởng khác nhau ({values} %) mà thẻ không đổi; tính lại."
    yield hit(item.table, "MUC_HUONG", item.number, text,
              values=", ".join(sorted(f"{one:f}" for one in said if one is not None)))  # fmt: skip


def _is_expected(item: Item, shares: Shares | None) -> bool:
    return shares is not None and item.amount("MUC_HUONG") == shares.lines[item.table, item.number].MUC_HUONG


def _scope(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    for item in claim.items:
        ratio = item.amount("TYLE_TT_BH")
        if item["PHAM_VI"] == "2":
            for field in _ZEROES:
                if item.amount(field):
                    text = "{name}: ngoài phạm vi BHYT thì {field} phải là 0, đang ghi {value}; tính lại."
                    yield hit(item.table, field, item.number, text, name=item.name, field=field, value=item[field])
                    break
        elif item["PHAM_VI"] == "1" and ratio is not None and not 1 <= ratio <= 100:
            text = "{name}: trong phạm vi BHYT thì tỷ lệ thanh toán từ 1 đến 100, đang ghi {value}; sửa danh mục."
            yield hit(item.table, "TYLE_TT_BH", item.number, text, name=item.name, value=item["TYLE_TT_BH"])


def _forces(claim: Claim, _: Surroundings) -> Iterator[Hit]:
    if any(one[:2] in reading.FORCES for one in claim.cards):
        return
    for item in claim.items:
        if item["PHAM_VI"] == "3":
            text = "{name}: phạm vi 3 chỉ dùng cho thẻ QN, CA, CY; chọn lại phạm vi."
            yield hit(item.table, "PHAM_VI", item.number, text, name=item.name)


def _rate_zero(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    found, on = category_of(claim, around), claim.arrived_on
    total = reading.number(claim.visit.get("T_BHTT", ""))
    if found is None or on is None or claim.category == "9":
        return  # CAT-07 has category 9
    try:
        rate = benefit.rate_of(found, claim.kind, on)
    except ValueError:
        return
    if rate == 0 and total:
        text = "Đối tượng {code} có tỷ lệ hưởng 0 vào ngày khám; quỹ không trả, phải báo người bệnh và tính lại."
        yield hit("XML1", "T_BHTT", 1, text, code=claim.category)


def _characters(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    on = claim.arrived_on or around.on
    if on is None:
        return
    most = 4 if on >= FOUR_CHARACTERS_ON else 3
    for item in claim.items:
        text = item["MUC_HUONG"]
        if len(text) > most:
            say = "{name}: mức hưởng {value} dài hơn {most} ký tự của ngày khám; viết lại."
            yield hit(item.table, "MUC_HUONG", item.number, say, name=item.name, value=text[:12], most=most)


def _ratio(claim: Claim, around: Surroundings) -> Iterator[Hit]:
    """Only where the accepted row of the item states its ratio; indications are no data here."""
    for item in claim.items:
        form, code = ("03", item["MA_THUOC"]) if item.table == "XML2" else ("05", item["MA_DICH_VU"])
        if item["PHAM_VI"] != "1" or item["MA_VAT_TU"] or item.ordered_at is None:
            continue
        rows = (around.accepted or {}).get(form, {}).get(code, ())
        on, name = item.ordered_at.date(), "TEN_THUOC" if form == "03" else "TEN_DICH_VU"
        stated = {
            str(one.data["TYLE_TT_BH"])
            for one in rows
            if one.holds(on) and one.data.get("TYLE_TT_BH") and one.data.get(name, item[name]) == item[name]
        }
        if stated and item["TYLE_TT_BH"] and item["TYLE_TT_BH"] not in stated:
            text = "{name}: tỷ lệ thanh toán {value} % khác danh mục ({listed} %); sửa theo danh mục."
            yield hit(item.table, "TYLE_TT_BH", item.number, text, name=item.name, value=item["TYLE_TT_BH"],
                      listed=", ".join(sorted(stated)))  # fmt: skip


def category_of(claim: Claim, around: Surroundings) -> Category | None:
    """The category of the visit as the list of its day has it."""
    return around.categories.get(claim.category)


def _wrong(claim: Claim, around: Surroundings, rule: str) -> Iterator[tuple[Item, LineAmounts, str]]:
    """Insured lines whose share is not what it should be, as far as this rule is the one that says why."""
    shares = _shares(claim, around)
    if shares is None:
        return
    for item in claim.items:
        said = item.amount("MUC_HUONG")
        if not item.is_insured or said is None:
            continue
        expected = shares.lines[item.table, item.number]
        if said != expected.MUC_HUONG and _reason(item, said, expected, shares) == rule:
            yield item, expected, rule


def _reason(item: Item, said: Decimal, expected: LineAmounts, shares: Shares) -> str:
    """Which rule a wrong share breaks."""
    amounts, plain = shares.amounts, shares.plain[item.table, item.number].MUC_HUONG
    full = amounts.rate  # 100 % of the card × the category's rate
    if expected.why in ("rate-0", "late-card"):
        return ""  # BEN-09, CRD-08
    if expected.why:
        return "" if expected.why == "ended-card" else "BEN-01"
    if shares.exempt_from is not None and item.ordered_at is not None:
        if item.ordered_at == shares.exempt_from and said in (plain, full):
            return ""  # the order of moments inside one minute is not written
        if said in (plain, full):
            return "BEN-05"
    if amounts.is_below_line and said < full:
        return "BEN-02"
    if not amounts.is_below_line and said == full:
        return "BEN-03"
    return "BEN-01"


def _said(item: Item, expected: LineAmounts, text: str, claim: Claim, around: Surroundings) -> Hit:
    shares = _shares(claim, around)
    rate = shares.amounts.rate if shares is not None else _HUNDRED
    percent = expected.MUC_HUONG * _HUNDRED / rate if rate else expected.MUC_HUONG
    places = {
        "name": item.name, "value": item["MUC_HUONG"], "wanted": f"{expected.MUC_HUONG:f}",
        "percent": f"{percent.normalize():f}", "rate": f"{rate.normalize():f}",
    }  # fmt: skip
    used = {name: one for name, one in places.items() if "{" + name + "}" in text}
    return hit(item.table, "MUC_HUONG", item.number, text, **used)


def _shares(claim: Claim, around: Surroundings) -> Shares | None:
    """Worked out once a claim; None where something that it needs is not known."""
    if "shares" not in claim.notes:
        claim.notes["shares"] = _compute(claim, around)
    found: Shares | None = claim.notes["shares"]
    return found


def _compute(claim: Claim, around: Surroundings) -> Shares | None:
    parameters, category = around.parameters, category_of(claim, around)
    if parameters is None or category is None or claim.arrived_at is None:
        return None
    if benefit.value_on(parameters.base_salaries, claim.arrived_at.date()) is None:
        return None
    cards, exempt_from = _cards(claim, around), _exempt_from(claim.visit.get("NGAY_MIEN_CCT", ""))
    lines = [_line(one) for one in claim.items]
    if not cards or not all(lines):
        return None
    own = [one for one in lines if one is not None]
    plain_visit = costs.Visit(claim.arrived_at, category, cards, claim.kind)
    visit = replace(plain_visit, cards=tuple(replace(one, exempt_from=exempt_from) for one in cards))
    try:
        amounts = benefit.compute(visit, own, parameters)
        plain = amounts if exempt_from is None else benefit.compute(plain_visit, own, parameters)
    except ValueError:
        return None
    return Shares(amounts, _keyed(claim, amounts), _keyed(claim, plain), exempt_from)


def _keyed(claim: Claim, amounts: Amounts) -> dict[tuple[str, int], LineAmounts]:
    return {(item.table, item.number): one for item, one in zip(claim.items, amounts.lines, strict=True)}


def _cards(claim: Claim, around: Surroundings) -> tuple[Card, ...]:
    """The cards of XML1; when they were shown is known from outside only."""
    shown = {one.number: one.shown_at for one in around.cards or ()}
    starts = reading.parts(claim.visit.get("GT_THE_TU", ""))
    ends = claim.visit.get("GT_THE_DEN", "").split(";")
    found = []
    for index, number in enumerate(claim.cards):
        if len(number) != 15:
            continue
        at = shown.get(number)
        found.append(
            Card(
                number, number[:2], number[2],
                reading.day(starts[index]) if index < len(starts) else None,
                reading.day(ends[index]) if index < len(ends) else None,
                at.replace(second=0, microsecond=0, tzinfo=None) if at is not None else None,
            )
        )  # fmt: skip
    return tuple(found)


def _line(item: Item) -> costs.Line | None:
    """The line as the arithmetic takes it; None where a number cannot be read."""
    price = item.amount("DON_GIA") if item.table == "XML2" else item.amount("DON_GIA_BV")
    insured = price if item.table == "XML2" else item.amount("DON_GIA_BH")
    quantity, ratio = item.amount("SO_LUONG"), item.amount("TYLE_TT_BH")
    if price is None or insured is None or quantity is None or ratio is None or item.ordered_at is None:
        return None
    scope = int(item["PHAM_VI"]) if item["PHAM_VI"] in ("1", "2", "3") else costs.OUT_OF_SCOPE
    table = costs.DRUGS if item.table == "XML2" else costs.SERVICES
    return costs.Line(
        f"{item.table}/{item.number}", table, item.nhom, quantity, price, insured, item.ordered_at, scope, int(ratio),
        item.amount("T_TRANTT"),
    )  # fmt: skip


def _exempt_from(text: str) -> datetime | None:
    on = reading.day(text)
    return datetime.combine(on, time()) if on is not None else reading.moment(text)


def _is_new_year(claim: Claim) -> bool:
    return len({one.ordered_at.year for one in claim.items if one.ordered_at is not None}) > 1


def examination_rates(parameters: Parameters | None) -> tuple[int, ...]:
    """TYLE_TT_DV of the n-th examination."""
    return parameters.examination_rates if parameters is not None else (100, 30, 30, 30, 10, 0)


RULES: dict[str, Rule] = {
    "BEN-01": _share,
    "BEN-02": _below_line,
    "BEN-03": _above_line,
    "BEN-04": _exemption,
    "BEN-05": _exempt_lines,
    "BEN-06": _one_share,
    "BEN-07": _scope,
    "BEN-08": _forces,
    "BEN-09": _rate_zero,
    "BEN-10": _characters,
    "BEN-11": _ratio,
}
