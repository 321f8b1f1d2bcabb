"""What the law says about a line: days, kinds of form, weight of small children, quantity (TT 26/2025/TT-BYT).

In force since 2025-07-01; known from secondary sources, so marked in docs/reference/drug-safety.md. These rules know no
reason: what they forbid is not written.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienmach.care import drug_lines
from lienmach.care.catalogues import Row
from lienmach.care.drug_danger import BLOCK, INFORM, Danger
from lienmach.care.drug_facts import Facts
from lienmach.care.drug_lines import RxLine
from lienmach.standards.vietnam import formats

DAYS_MAX, LONG_TERM_DAYS_MAX = 30, 90
NARCOTIC_DAYS_MAX, CANCER_DAYS_MAX = 7, 10  # cancer pain: three rounds of at most ten days
PSYCHOTROPIC_DAYS_MAX, PSYCHOTROPIC_LONG_DAYS_MAX = 10, 30
WEIGHT_MONTHS = 72


def of_line(facts: Facts, index: int, drug: Row, line: RxLine) -> Iterator[Danger]:
    """The dangers of one line by law."""
    yield from _amount(index, drug, line)
    yield from _days(facts, index, drug, line)
    if drug.data.get("kind") == "narcotic" and facts.has_beds is False:
        yield _law(
            index, drug, "RX-03", "cơ sở không có giường bệnh không được kê đơn thuốc gây nghiện (đơn N)",
            "a facility without beds may not prescribe narcotic medicines",
        )  # fmt: skip
    if facts.months is not None and facts.months < WEIGHT_MONTHS and facts.weight_kg is None:
        yield _law(
            index, drug, "RX-05", "trẻ dưới 72 tháng phải có cân nặng; hãy cân và ghi cân nặng trước khi kê đơn",
            "a child below 72 months needs a weight; weigh and record it first",
        )  # fmt: skip


def _amount(index: int, drug: Row, line: RxLine) -> Iterator[Danger]:
    if line.single <= 0 or line.day_total <= 0 or not 0 < line.days <= drug_lines.DAYS_MAX or line.every_days < 1:
        yield _law(
            index, drug, "RX-06", "hãy ghi liều mỗi lần, số lần mỗi ngày và số ngày lớn hơn 0",
            "give dose, times a day and days above 0",
        )  # fmt: skip
        return
    needed, quantity = drug_lines.needed(line, drug), line.quantity
    if quantity is not None and quantity <= 0:
        yield _law(index, drug, "COD-12", "số lượng phải lớn hơn 0", "the quantity must be above 0")
    elif quantity is not None and needed is not None and quantity != needed:
        shown, wanted = formats.write_number(quantity), formats.write_number(needed)
        unit = drug.data.get("unit", "")
        level = BLOCK if quantity > needed else INFORM
        yield Danger(
            level, "law", index,
            f"{drug.name}: số lượng {shown} {unit} khác liều × số lần × số ngày = {wanted} {unit}.",
            f"{drug.code}: quantity {quantity}, but dose × times × days needs {needed}.", "COD-12", f"COD-12:{drug.code}",
        )  # fmt: skip


def _days(facts: Facts, index: int, drug: Row, line: RxLine) -> Iterator[Danger]:
    kind = drug.data.get("kind", "ordinary")
    if kind == "narcotic":
        has_cancer = any(one.startswith("C") for one in facts.codes)
        most, what, what_en = (CANCER_DAYS_MAX if has_cancer else NARCOTIC_DAYS_MAX), "thuốc gây nghiện", "a narcotic"
    elif kind in ("psychotropic", "precursor"):
        most = PSYCHOTROPIC_LONG_DAYS_MAX if facts.has_long_term else PSYCHOTROPIC_DAYS_MAX
        what, what_en = "thuốc hướng thần, tiền chất", "a psychotropic or precursor"
    else:
        most = LONG_TERM_DAYS_MAX if facts.has_long_term else DAYS_MAX
        what, what_en = ("bệnh mạn tính" if facts.has_long_term else "thuốc"), "this diagnosis"
    if line.days > most:
        yield _law(
            index, drug, "RX-04", f"{line.days} ngày; {what} được kê tối đa {most} ngày",
            f"{line.days} days; for {what_en} at most {most} days",
        )  # fmt: skip


def _law(index: int, drug: Row, rule: str, text: str, text_en: str) -> Danger:
    return Danger(BLOCK, "law", index, f"{drug.name}: {text}.", f"{drug.code}: {text_en}.", rule, f"{rule}:{drug.code}")
