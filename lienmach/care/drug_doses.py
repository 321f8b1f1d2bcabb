"""Doses against the limits of each ingredient: at once, a day, by age, by weight, by kidney function.

A limit that is passed wants a reason; twice the limit (one and a half times for a child) is not written. Only
medicines that act in the whole body and whose strength the list knows are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from lienmach.care import drug_lines
from lienmach.care.catalogues import Row
from lienmach.care.drug_danger import BLOCK, INFORM, REASON, Danger
from lienmach.care.drug_facts import Facts
from lienmach.care.drug_formulary import Formulary
from lienmach.care.drug_lines import RxLine
from lienmach.standards.vietnam import formats

CHILD_MONTHS = 144  # below: doses go by weight
ELDERLY_MONTHS = 65 * 12
_TWICE, _CHILD = Decimal(2), Decimal("1.5")
_UNITS = {"mg": "mg", "[iU]": "IU"}


def of_line(facts: Facts, index: int, drug: Row, line: RxLine, formulary: Formulary) -> Iterator[Danger]:
    """What one line says alone: age, the single dose, kidneys."""
    for part in formulary.parts(drug):
        about = formulary.about(part["code"])
        limits = about.get("dose", {})
        if drug.data.get("is_systemic", True):
            yield from _age(facts, index, drug, part, limits)
            yield from _elderly(facts, index, drug, part, about)
            amount = drug_lines.strength_of(part)
            if amount is not None:
                yield from _single(facts, index, drug, part, limits, amount * line.single)


def of_ingredients(facts: Facts, lines: Sequence[tuple[Row, RxLine]], formulary: Formulary) -> Iterator[Danger]:
    """What all lines and the medicines taken now say together: how much of each ingredient a day."""
    for code, (amount, index, others, name) in _day_amounts(facts, lines, formulary).items():
        about = formulary.about(code)
        yield from _day(facts, index, others, name, code, about.get("dose", {}), amount)
        yield from _kidney(facts, index, others, name, code, about, amount)


def _day_amounts(
    facts: Facts, lines: Sequence[tuple[Row, RxLine]], formulary: Formulary
) -> dict[str, tuple[Decimal, int, tuple[int, ...], str]]:
    """Ingredient -> (amount a day, first line that holds it, further lines, the drug's name); only of new lines."""
    found: dict[str, tuple[Decimal, int, tuple[int, ...], str]] = {}
    for index, (drug, line) in enumerate(lines):
        for code, amount in _amounts(drug, line, formulary):
            if code in found:
                sum_so_far, first, others, name = found[code]
                found[code] = (sum_so_far + amount, first, (*others, index), name)
            else:
                found[code] = (amount, index, (), drug.name)
    for current in facts.current:
        if current.line is not None and not current.is_refill:
            for code, amount in _amounts(current.drug, current.line, formulary):
                if code in found:
                    sum_so_far, first, others, name = found[code]
                    found[code] = (sum_so_far + amount, first, others, name)
    return found


def _amounts(drug: Row, line: RxLine, formulary: Formulary) -> Iterator[tuple[str, Decimal]]:
    if drug.data.get("is_systemic", True):
        for part in formulary.parts(drug):
            strength = drug_lines.strength_of(part)
            yield part["code"], (strength or Decimal(0)) * line.day_total


def _age(facts: Facts, index: int, drug: Row, part: dict[str, Any], limits: dict[str, Any]) -> Iterator[Danger]:
    least = limits.get("min_age_months")
    if facts.months is None or least is None or facts.months >= least:
        return
    said = f"{least} tháng" if least < 72 else f"{least // 12} tuổi"
    said_en = f"{least} months" if least < 72 else f"{least // 12} years"
    yield Danger(
        limits.get("min_age_level", REASON), "age", index,
        f"{drug.name}: {part.get('name', '')} không dùng cho trẻ dưới {said}.",
        f"{drug.code}: {part['code']} is not for children below {said_en}.", "min-age", f"min-age:{part['code']}",
    )  # fmt: skip


def _elderly(facts: Facts, index: int, drug: Row, part: dict[str, Any], about: dict[str, Any]) -> Iterator[Danger]:
    if facts.months is None or facts.months < ELDERLY_MONTHS or "elderly" not in about:
        return
    level = INFORM if about["elderly"].get("level") != REASON or about["elderly"].get("max_day") else REASON
    yield Danger(
        level, "age", index, f"{drug.name}: thận trọng ở người từ 65 tuổi (té ngã, lú lẫn, suy thận).",
        f"{drug.code}: with care from 65 years on (falls, confusion, kidneys).", "elderly", f"elderly:{part['code']}",
    )  # fmt: skip


def _single(
    facts: Facts, index: int, drug: Row, part: dict[str, Any], limits: dict[str, Any], amount: Decimal
) -> Iterator[Danger]:
    most = _limit(limits.get("adult_max_single"))
    if most is None or amount <= most:
        return
    shown, unit = formats.write_number(amount.normalize() + 0), _UNITS.get(limits.get("unit", "mg"), "mg")
    level = BLOCK if amount >= most * (_CHILD if _is_child(facts) else _TWICE) else REASON
    yield Danger(
        level, "dose", index,
        f"{drug.name}: mỗi lần {shown} {unit} {part.get('name', '')}, tối đa {formats.write_number(most)} {unit}.",
        f"{drug.code}: {amount} {unit} of {part['code']} at once; at most {most}.",
        "dose-single", f"dose-single:{part['code']}",
    )  # fmt: skip


def _day(
    facts: Facts, index: int, others: tuple[int, ...], name: str, code: str, limits: dict[str, Any], amount: Decimal
) -> Iterator[Danger]:
    most, why, why_en = _limit(limits.get("adult_max_day")), "", ""
    per_kg = _limit(limits.get("child_max_day_per_kg"))
    if _is_child(facts) and per_kg is not None:
        if facts.weight_kg is None:
            yield Danger(
                INFORM, "dose", index, f"{name}: chưa cân nên chưa kiểm tra được liều theo cân nặng.",
                f"{code}: no weight, so the dose per kilogram was not checked.", "dose-weight", f"dose-weight:{code}",
                others,
            )  # fmt: skip
        else:
            by_weight = per_kg * facts.weight_kg
            if most is None or by_weight < most:
                kilograms = formats.write_number(facts.weight_kg)
                most, why = by_weight, f" ({formats.write_number(per_kg)} mg/kg × {kilograms} kg)"
                why_en = f" ({per_kg} per kg, {facts.weight_kg} kg)"
    if most is None or amount <= most:
        return
    unit = _UNITS.get(limits.get("unit", "mg"), "mg")
    level = BLOCK if amount >= most * (_CHILD if _is_child(facts) else _TWICE) else REASON
    yield Danger(
        level, "dose", index,
        f"{name}: cả ngày {formats.write_number(amount.normalize() + 0)} {unit}, "
        f"tối đa {formats.write_number(round(most, 2).normalize() + 0)} {unit}{why}.",
        f"{code}: {amount} {unit} a day; at most {round(most, 2)}{why_en}.", "dose-day", f"dose-day:{code}", others,
    )  # fmt: skip


def _kidney(
    facts: Facts, index: int, others: tuple[int, ...], name: str, code: str, about: dict[str, Any], amount: Decimal
) -> Iterator[Danger]:
    clearance = facts.clearance
    if clearance is None:
        return
    reached = [one for one in about.get("renal", ()) if clearance < Decimal(str(one["below_ml_min"]))]
    if not reached:
        return
    rule = min(reached, key=lambda one: Decimal(str(one["below_ml_min"])))
    most = _limit(rule.get("max_day"))
    if most is not None and amount <= most:
        return
    limit = f", tối đa {formats.write_number(most)} mg mỗi ngày" if most is not None else ""
    limit_en = f"; at most {most} mg a day" if most is not None else ""
    shown = formats.write_number(clearance)
    verb = "không dùng" if rule["level"] == BLOCK else "cần giảm liều hoặc theo dõi"
    verb_en = "must not be used" if rule["level"] == BLOCK else "needs a lower dose or watching"
    yield Danger(
        rule["level"], "kidney", index,
        f"{name}: độ thanh thải {shown} ml/phút (dưới {rule['below_ml_min']}), {verb}{limit}.",
        f"{code}: clearance {clearance} ml/min (below {rule['below_ml_min']}); {verb_en}{limit_en}.",
        "kidney", f"kidney:{code}", others,
    )  # fmt: skip


def _is_child(facts: Facts) -> bool:
    return facts.months is not None and facts.months < CHILD_MONTHS


def _limit(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
