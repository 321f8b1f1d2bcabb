"""The prescription form as values: what was typed in each line, as a draft keeps it, and the line that it means.

The fields of a line stand in the order of the paper: drug, per time, morning, noon, afternoon, evening (or times a
day), days, quantity. A field that cannot be understood stays as typed and says why; then nothing can be saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from lienmach.care.catalogues import Row
from lienmach.care.drug_lines import RxLine
from lienmach.standards.vietnam import formats
from lienmach.web import forms

PARTS = ("morning", "noon", "afternoon", "evening")
LINES_MAX = 30
_TEXT_MAX = 500
_DAYS_MAX = 366
_AMOUNT_MAX = Decimal(10_000)
_FIELDS = ("drug_code", "per_time", *PARTS, "times", "days", "quantity", "instruction", "payer", "may_substitute")


@dataclass(frozen=True)
class TypedLine:
    """One line as typed. times: a day, where the four parts are empty. payer: bhyt, self, or "" for what fits."""

    drug_code: str
    per_time: str = "1"
    morning: str = ""
    noon: str = ""
    afternoon: str = ""
    evening: str = ""
    times: str = ""
    days: str = ""
    quantity: str = ""
    instruction: str = ""
    payer: str = ""
    may_substitute: str = "yes"
    every: str = "1"


@dataclass(frozen=True)
class TypedPrescription:
    """The form. reasons: by the key of a danger. replaces: code of the prescription that this one replaces, or ""."""

    lines: tuple[TypedLine, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    replaces: str = ""


def of_form(form: Mapping[str, Any]) -> TypedPrescription:
    """What a form holds: fields `per_time:0` …, reasons `reason:KEY`."""
    lines = []
    for index in range(LINES_MAX):
        if f"drug_code:{index}" not in form:
            break
        values = {
            name: str(form[f"{name}:{index}"]).strip()[:_TEXT_MAX]
            for name in (*_FIELDS, "every")
            if f"{name}:{index}" in form
        }
        if any(values.get(name) for name in PARTS):
            values["times"] = ""  # the times of day say it already
        lines.append(TypedLine(**values))
    reasons = {
        name.partition(":")[2]: str(value).strip()[:_TEXT_MAX]
        for name, value in form.items()
        if name.startswith("reason:") and str(value).strip()
    }
    return TypedPrescription(tuple(lines), reasons, str(form.get("replaces", ""))[:20])


def of_draft(data: Mapping[str, Any]) -> TypedPrescription:
    """What a draft holds: of this form, or lines as an order set names them (numbers, `times` a number or four)."""
    lines = [_of_values(one) for one in data.get("lines", ())[:LINES_MAX] if one.get("drug_code")]
    return TypedPrescription(tuple(lines), dict(data.get("reasons", {})), str(data.get("replaces", "")))


def to_draft(typed: TypedPrescription) -> dict[str, Any]:
    """The form as a draft keeps it; `times` is a number or four, as care/drafts.py says."""
    lines = []
    for one in typed.lines:
        values: dict[str, Any] = asdict(one)
        parts = [values.pop(name) for name in PARTS]
        values["times"] = parts if any(parts) else one.times
        lines.append(values)
    return {"lines": lines, "reasons": typed.reasons, "replaces": typed.replaces}


def of_usual(drug: Row, payer: str) -> TypedLine:
    """A new line with the usual way to take the drug."""
    usual = drug.data.get("usual") or {}
    return TypedLine(
        drug.code,
        per_time=_shown(usual.get("per_time", "1")),
        times=_shown(usual.get("times", "")),
        days=_shown(usual.get("days", "")),
        instruction=str(usual.get("note", "")),
        payer=payer,
    )


def of_line(line: RxLine) -> TypedLine:
    """A stored line as it would have been typed; its quantity is worked out anew."""
    parts = [""] * 4
    times = ""
    if isinstance(line.times, int):
        times = str(line.times)
    else:
        parts = [_shown(one) if one else "" for one in (*line.times, 0, 0, 0, 0)][:4]
    return TypedLine(
        line.drug_code,
        _shown(line.per_time),
        **dict(zip(PARTS, parts, strict=True)),
        times=times,
        days=str(line.days),
        instruction=line.instruction,
        payer=line.payer,
        may_substitute="yes" if line.may_substitute else "no",
        every=str(line.every_days),
    )


def read(typed: TypedLine) -> tuple[RxLine | None, dict[str, str]]:
    """(the line that this means, faults by field). The line is None where a dose, times or days are missing."""
    faults: dict[str, str] = {}
    per_time = _amount(typed.per_time, "per_time", faults)
    said = {name: getattr(typed, name) for name in PARTS}  # a nought is how people write "not at this time"
    parts = [_amount(text, name, faults) if text.strip("0,. ") else None for name, text in said.items()]
    times: int | tuple[Decimal, ...] = 0
    if any(one is not None for one in parts):
        times = tuple(one or Decimal(0) for one in parts)
    elif often := forms.read_count(typed.times, most=24):
        times = often
    elif "times" not in faults:
        faults["times"] = "Ghi số lần mỗi ngày (1 đến 24), hoặc Sáng, Trưa, Chiều, Tối."
    days = forms.read_count(typed.days, most=_DAYS_MAX) or 0
    if not days:
        faults["days"] = "Ghi số ngày dùng, từ 1 đến 366."
    quantity = _amount(typed.quantity, "quantity", faults) if typed.quantity else None
    if faults or per_time is None:
        return None, faults
    every = forms.read_count(typed.every, most=_DAYS_MAX) or 1
    return (
        RxLine(
            typed.drug_code, per_time, times, days, quantity, instruction=typed.instruction,
            payer=typed.payer or "self", may_substitute=typed.may_substitute != "no", every_days=every,
        ),
        {},
    )  # fmt: skip


def with_line(typed: TypedPrescription, added: Sequence[TypedLine]) -> TypedPrescription:
    """The form with further lines; a drug that stands in it already is not added again."""
    there = {one.drug_code for one in typed.lines}
    new = [one for one in added if one.drug_code not in there]
    return replace(typed, lines=(*typed.lines, *new)[:LINES_MAX])


def without_line(typed: TypedPrescription, index: int) -> TypedPrescription:
    """The form without a line."""
    return replace(typed, lines=tuple(one for at, one in enumerate(typed.lines) if at != index))


def _of_values(one: Mapping[str, Any]) -> TypedLine:
    values = {
        name: _shown(one[name]) for name in (*_FIELDS, "every") if name in one and not isinstance(one[name], list)
    }
    times = one.get("times")
    if isinstance(times, (list, tuple)):
        values |= {name: _shown(count) for name, count in zip(PARTS, times, strict=False) if count not in (0, "0", "")}
        values.pop("times", None)
    if isinstance(one.get("may_substitute"), bool):
        values["may_substitute"] = "yes" if one["may_substitute"] else "no"
    return TypedLine(**values)


def _amount(text: str, name: str, faults: dict[str, str]) -> Decimal | None:
    """A positive number of dose units; halves may be typed as 1/2."""
    if "/" in text:
        above, _, below = text.partition("/")
        parts = [forms.read_count(one, most=9999) for one in (above, below)]
        if parts[0] is not None and parts[1]:
            text = str(Decimal(parts[0]) / Decimal(parts[1]))
    try:
        readings = formats.read_number(text)
    except ValueError:
        readings = []
    if len(readings) > 1:
        faults[name] = "Số này đọc được hai cách; hãy ghi liền, ví dụ 1250, hoặc dùng dấu phẩy cho phần lẻ."
        return None
    value = readings[0] if readings else Decimal(0)
    if not 0 < value <= _AMOUNT_MAX:
        faults[name] = "Ghi một số lớn hơn 0, ví dụ 1, 0,5 hoặc 1/2."
        return None
    return value


def _shown(value: Any) -> str:
    """A number as it is typed: with a comma, without zeros behind it."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace(".", ",")
    return str(value).replace(".", ",") if isinstance(value, (int, float)) else str(value)
