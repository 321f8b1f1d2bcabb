"""One line of a prescription as a value: what, how much a time, when in the day, how many days; and its arithmetic.

Amounts count in the drug's dose unit (`dose_unit` of the catalogue: viên, ml, nhát, IU …), quantities in the unit that
is given out (`unit`: viên, chai, bút …). `read` understands a MedicationRequest of anybody, not only of our screens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from lienmach.care import resources, systems
from lienmach.care.catalogues import Row

WHEN = ("MORN", "NOON", "AFT", "EVE")  # sáng, trưa, chiều, tối: codes of FHIR's event-timing
PAYER = systems.EXTENSION + "payer"
ROUTE = "https://lienmach.org/fhir/CodeSystem/route"
DAYS_MAX = 366
_PERIOD_DAYS: dict[str, Decimal | int] = {
    "s": Decimal(0),
    "min": Decimal(0),
    "h": Decimal(0),
    "d": 1,
    "wk": 7,
    "mo": 30,
    "a": 365,
}
_HOURS = {"h": Decimal(1), "min": Decimal(1) / 60, "s": Decimal(1) / 3600}
_MASS = {"kg": Decimal(1000000), "g": Decimal(1000), "mg": Decimal(1), "ug": Decimal("0.001"), "mcg": Decimal("0.001")}


@dataclass(frozen=True)
class RxLine:
    """per_time: dose units. times: so many times a day, or how many times `per_time` in the morning, at noon, in the
    afternoon and in the evening. every_days: 7 for once a week. quantity: None lets it be computed. payer: bhyt, self.
    """

    drug_code: str
    per_time: Decimal
    times: int | tuple[Decimal | int, ...]
    days: int
    quantity: Decimal | None = None
    route: str = ""
    instruction: str = ""
    payer: str = "bhyt"
    may_substitute: bool = True
    every_days: int = 1

    @property
    def amounts(self) -> tuple[Decimal, ...]:
        """Dose units of each time of a day on which it is taken."""
        if isinstance(self.times, int):
            return (self.per_time,) * min(self.times, 96)
        return tuple(self.per_time * Decimal(count) for count in self.times if count > 0)

    @property
    def single(self) -> Decimal:
        """The largest amount at once, in dose units."""
        return max(self.amounts, default=Decimal(0))

    @property
    def day_total(self) -> Decimal:
        """Dose units of a day on which it is taken."""
        return sum(self.amounts, Decimal(0))

    @property
    def total(self) -> Decimal:
        """Dose units of the whole course."""
        return self.day_total * math.ceil(self.days / max(self.every_days, 1))


class Unreadable(Exception):
    """What a dosage must say to be checked; the text is a sentence for people (Vietnamese, English)."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi, self.en = vi, en


def quantity_of(line: RxLine, drug: Row) -> Decimal:
    """How many units are given out: as said, else what the course needs, whole packs; 1 where it cannot be counted."""
    return line.quantity if line.quantity is not None else needed(line, drug) or Decimal(1)


def needed(line: RxLine, drug: Row) -> Decimal | None:
    """Units that the course needs, rounded up to whole ones; None for creams and drops, which nobody counts."""
    per_pack = drug.data.get("per_pack", 1)
    if per_pack is None:
        return None
    return Decimal(math.ceil(line.total / Decimal(per_pack)))


def strength_of(part: dict[str, Any]) -> Decimal | None:
    """How much of an ingredient is in one dose unit, in the ingredient's unit; None if the list does not say."""
    try:
        return Decimal(str(part["strength"])) if part.get("strength") else None
    except InvalidOperation:
        return None


def read(request: dict[str, Any], drug: Row) -> RxLine:
    """The line that a MedicationRequest says; of steps one after the other the heaviest.

    Raises Unreadable where dose, times or days cannot be told.
    """
    return max(read_steps(request, drug), key=lambda line: line.day_total)


def read_steps(request: dict[str, Any], drug: Row) -> list[RxLine]:
    """A line for each step of a dose that changes (dosageInstruction.sequence), each with the days of all together.

    Instructions without a number, or with the same, are taken together. Raises Unreadable as `read`.
    """
    steps = _steps(request.get("dosageInstruction") or [])
    lines = [_read_step(request, drug, step) for step in steps]
    if not lines:
        raise Unreadable(*_NO_DOSE)
    if len(lines) == 1:
        return lines
    days = sum(line.days for line in lines)
    return [replace(line, days=days, quantity=None) for line in lines]


def _read_step(request: dict[str, Any], drug: Row, step: list[dict[str, Any]]) -> RxLine:
    every, days = 1, 0
    counts: list[tuple[dict[str, Any], Decimal, int]] = []
    for instruction in step:
        amount = _amount(instruction, drug)
        times, gap = _times(instruction, amount)
        every = gap if not counts else min(every, gap)
        counts.append((instruction, amount, times))
        days = max(days, _days(instruction, request, times))
    per_time, spread = _spread(counts)
    dispense = request.get("dispenseRequest") or {}
    line = RxLine(
        drug.code,
        per_time,
        spread,
        days,
        _units(dispense.get("quantity") or {}, drug),
        route=resources.code_of(counts[0][0].get("route"), ROUTE) or str(drug.data.get("route", "")),
        instruction=str(counts[0][0].get("patientInstruction", "")),
        payer=next(
            (str(one.get("valueCode")) for one in request.get("extension", ()) if one.get("url") == PAYER), "self"
        ),
        may_substitute=bool((request.get("substitution") or {}).get("allowedBoolean", False)),
        every_days=every,
    )
    return line if days else _with_days(line, drug)


_NO_DOSE = (
    "Hãy ghi liều mỗi lần, số lần mỗi ngày và số ngày dùng thành từng ô (không chỉ bằng lời).",
    "Give dose, times a day and days as values, not only as text: doseQuantity, timing.repeat and its bounds.",
)


def _steps(instructions: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Instructions by step. A step says how long it lasts; where one does not, all are taken together."""
    numbered: dict[Any, list[dict[str, Any]]] = {}
    for one in instructions:
        numbered.setdefault(one.get("sequence"), []).append(one)
    loose = numbered.pop(None, [])
    if not all(_has_bounds(one) for step in numbered.values() for one in step):
        return [instructions]
    return [loose + numbered[number] for number in sorted(numbered)] or ([loose] if loose else [])


def _has_bounds(instruction: dict[str, Any]) -> bool:
    repeat = (instruction.get("timing") or {}).get("repeat") or {}
    return any(name in repeat for name in ("boundsDuration", "boundsRange", "boundsPeriod", "count"))


def _amount(instruction: dict[str, Any], drug: Row) -> Decimal:
    """Dose units at a time; milligrams are turned into them where the drug has one ingredient."""
    dose = (instruction.get("doseAndRate") or [{}])[0]
    quantity = dose.get("doseQuantity") or (dose.get("doseRange") or {}).get("high") or {}
    value = _decimal(quantity.get("value"))
    if value is None:
        raise Unreadable(*_NO_DOSE)
    unit = str(quantity.get("code") or quantity.get("unit") or "").strip()
    parts = drug.data.get("ingredients", [])
    if unit in _MASS and unit != drug.data.get("dose_unit"):
        strength = strength_of(parts[0]) if len(parts) == 1 else None
        if not strength or parts[0].get("unit") != "mg":
            raise Unreadable(
                f"Hãy ghi liều của {drug.name} theo {drug.data.get('dose_unit', 'đơn vị')}.",
                f"Give the dose of {drug.code} in its own unit ({drug.data.get('dose_unit', '')}).",
            )
        return value * _MASS[unit] / strength
    return value


def _times(instruction: dict[str, Any], amount: Decimal) -> tuple[int, int]:
    """(times on a day on which it is taken, days from one such day to the next)."""
    repeat = (instruction.get("timing") or {}).get("repeat") or {}
    moments = len(repeat.get("when") or ()) or len(repeat.get("timeOfDay") or ())
    frequency = int(
        _decimal(repeat.get("frequencyMax") or repeat.get("frequency")) or (1 if repeat.get("period") else 0)
    )
    period = _decimal(repeat.get("period")) or Decimal(1)
    unit = str(repeat.get("periodUnit") or "d")
    if unit in _HOURS and frequency:
        hours = period * _HOURS[unit]
        if hours <= 24:
            return max(math.ceil(Decimal(24) / hours * frequency), moments), 1
        return frequency, int(hours // 24)
    span = int(Decimal(_PERIOD_DAYS.get(unit, 1)) * period) or 1
    if moments:
        return max(moments, frequency), span
    if frequency:
        if span == 1 or frequency >= span:
            return math.ceil(Decimal(frequency) / span), 1
        return 1, max(span // frequency, 1)
    most = instruction.get("maxDosePerPeriod") or {}
    ceiling = _decimal((most.get("numerator") or {}).get("value"))
    return (math.ceil(ceiling / amount), 1) if ceiling and amount > 0 else (0, 1)


def _days(instruction: dict[str, Any], request: dict[str, Any], times: int) -> int:
    repeat = (instruction.get("timing") or {}).get("repeat") or {}
    bounds = repeat.get("boundsDuration") or (repeat.get("boundsRange") or {}).get("high")
    supply = (request.get("dispenseRequest") or {}).get("expectedSupplyDuration")
    for duration in (bounds, supply):
        value = _decimal((duration or {}).get("value"))
        if duration and value:
            unit = str(duration.get("code") or duration.get("unit") or "d")
            return math.ceil(value * Decimal(_PERIOD_DAYS.get(unit, 1))) or 1
    period = repeat.get("boundsPeriod") or {}
    try:
        start, end = (date.fromisoformat(str(period.get(edge))[:10]) for edge in ("start", "end"))
        return max((end - start).days + 1, 1)
    except ValueError:
        pass
    count = _decimal(repeat.get("countMax") or repeat.get("count"))
    return math.ceil(count / times) if count and times else 0


def _spread(counts: list[tuple[dict[str, Any], Decimal, int]]) -> tuple[Decimal, int | tuple[Decimal, ...]]:
    """(per time, times) of instructions that are taken together."""
    if any(times <= 0 for _, _, times in counts):
        raise Unreadable(*_NO_DOSE)
    moments: dict[str, Decimal] = {}
    for instruction, amount, _ in counts:
        for word in ((instruction.get("timing") or {}).get("repeat") or {}).get("when") or ():
            moments[word] = moments.get(word, Decimal(0)) + amount
    if len(moments) == sum(times for _, _, times in counts) and set(moments) <= set(WHEN):
        least = min(moments.values())
        if least > 0 and all(one % least == 0 for one in moments.values()):
            return least, tuple(moments.get(word, Decimal(0)) / least for word in WHEN)
        return Decimal(1), tuple(moments.get(word, Decimal(0)) for word in WHEN)
    if len(counts) == 1:
        return counts[0][1], counts[0][2]
    return Decimal(1), tuple(amount for _, amount, times in counts for _ in range(min(times, 96)))


def _units(quantity: dict[str, Any], drug: Row) -> Decimal | None:
    """The quantity in the unit that is given out; somebody may count millilitres where we count bottles."""
    value, per_pack = _decimal(quantity.get("value")), drug.data.get("per_pack", 1)
    said = {quantity.get("unit"), quantity.get("code")} - {None}
    if value is not None and per_pack and said & {drug.data.get("dose_unit")} and drug.data.get("unit") not in said:
        return Decimal(math.ceil(value / Decimal(per_pack)))
    return value


def _with_days(line: RxLine, drug: Row) -> RxLine:
    """The line with the days that its quantity lasts. Raises Unreadable where there is none."""
    per_pack = drug.data.get("per_pack", 1)
    if line.quantity is None or not line.day_total or per_pack is None:
        raise Unreadable("Hãy ghi số ngày dùng thuốc.", "Say for how many days: timing.repeat.boundsDuration.")
    return replace(line, days=math.ceil(line.quantity * Decimal(per_pack) / line.day_total) * line.every_days)


def _decimal(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
