"""A prescription in words, as TT 26/2025/TT-BYT wants it on paper: quantity of two digits, narcotics in words, dosage.

Vietnamese only, because the law wants the paper so.
"""

from __future__ import annotations

from decimal import Decimal

from lienmach.care.catalogues import Row
from lienmach.care.drug_lines import RxLine
from lienmach.standards.vietnam import formats, number_words

MOMENTS = ("sáng", "trưa", "chiều", "tối")


def dosage(line: RxLine, drug: Row) -> str:
    """How it is taken: "Uống: sáng 1 viên, chiều 1 viên, sau ăn; dùng 30 ngày"."""
    unit = drug.data.get("dose_unit", drug.data.get("unit", ""))
    if isinstance(line.times, int) or len(line.times) != len(MOMENTS):
        how = f"mỗi lần {_number(line.single)} {unit}, ngày {len(line.amounts)} lần"
    else:
        how = ", ".join(
            f"{moment} {_number(line.per_time * Decimal(count))} {unit}"
            for moment, count in zip(MOMENTS, line.times, strict=True)
            if count > 0
        )
    if line.every_days == 7:
        how = how.replace("ngày 1 lần", "mỗi tuần một lần")
    elif line.every_days > 1:
        how += f", cứ {line.every_days} ngày dùng một ngày"
    route = drug.data.get("route_name") or "Dùng"
    note = f", {line.instruction.strip()}" if line.instruction.strip() else ""
    return f"{route}: {how}{note}; dùng {line.days} ngày"


def claim_dosage(line: RxLine, drug: Row) -> str:
    """LIEU_DUNG of the claim (QĐ 130/QĐ-BYT): "1 viên/lần * 2 lần/ngày * 30 ngày [2 viên/ngày]"."""
    unit = drug.data.get("dose_unit", drug.data.get("unit", ""))
    return (
        f"{_number(line.single)} {unit}/lần * {len(line.amounts)} lần/ngày * {line.days} ngày "
        f"[{_number(line.day_total)} {unit}/ngày]"
    )


def quantity(amount: Decimal) -> str:
    """A quantity with at least two digits before the comma: 08, 30, 02,5."""
    text = _number(amount)
    whole, comma, rest = text.partition(",")
    return whole.rjust(2, "0") + comma + rest


def quantity_in_words(amount: Decimal) -> str:
    """A whole quantity in words with a capital first: "Mười bốn"; "" for one that is not whole."""
    if amount != int(amount) or not 0 < amount < 1000:
        return ""
    text = number_words.words(int(amount))
    return text[:1].upper() + text[1:]


def _number(value: Decimal) -> str:
    return formats.write_number(value.normalize() + 0 if value == value.to_integral() else value.normalize())
