"""Results as the person whose they are reads them: value, unit, what is usual, whether it changed, and when to ask.

Only what was released: record/access.py keeps everything else away from who sees their own record only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lienmach.care import resources, systems
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats

_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
#: interpretation -> a word for people, a key of `web/words`.
_WORDS = {
    "N": "Bình thường",
    "L": "Thấp hơn bình thường",
    "H": "Cao hơn bình thường",
    "LL": "Rất thấp",
    "HH": "Rất cao",
    "A": "Khác bình thường",
    "AA": "Rất khác bình thường",
}
_CRITICAL = frozenset({"LL", "HH", "AA"})
#: Tests whose result is explained by a doctor whatever it says: HIV and syphilis (codes of the list `indicator`).
_EXPLAINED = frozenset({"HIVAB", "SYPH", "RPR"})
_RESULTS_MAX = 200
_EARLIER_MAX = 5
_EARLIER_READ_MAX = 400


async def of_visit(tx: Transaction, encounter_id: str, patient_id: str) -> list[dict[str, Any]]:
    """Released laboratory values of a visit in the order in which they came, with what the same tests said before."""
    found = await resources.find(
        tx, "Observation", ("encounter", f"Encounter/{encounter_id}"), ("category", _CATEGORY), count=_RESULTS_MAX
    )
    found = [one for one in found if value_of(one)]
    if not found:
        return []
    every = await resources.find(
        tx, "Observation", ("patient", f"Patient/{patient_id}"), ("category", _CATEGORY), ("_sort", "-date"),
        count=_EARLIER_READ_MAX,
    )  # fmt: skip
    before: dict[str, list[Resource]] = {}
    for one in every:
        if resources.id_of(one.get("encounter"), "Encounter") != encounter_id and value_of(one):
            before.setdefault(_key(one), []).append(one)
    found.sort(key=lambda one: (str(one.get("issued", "")), _name(one)))
    return [_line(one, before.get(_key(one), ())) for one in found]


async def reports_of_visit(tx: Transaction, encounter_id: str) -> list[dict[str, Any]]:
    """Released reports that conclude something in words, such as of an imaging study."""
    found = await resources.find(tx, "DiagnosticReport", ("encounter", f"Encounter/{encounter_id}"), count=_RESULTS_MAX)
    return [
        {
            "name": _name(one),
            "conclusion": str(one["conclusion"]),
            "at": str(one.get("issued", "")),
            "is_corrected": one.get("status") in ("corrected", "amended", "appended"),
        }
        for one in found
        if str(one.get("conclusion", "")).strip()
    ]


def value_of(observation: Resource) -> str:
    """The value as people write it, "" if there is none."""
    quantity = observation.get("valueQuantity") or {}
    if "value" in quantity:
        sign = str(quantity.get("comparator", ""))
        return f"{sign} {_number(quantity['value'])}".strip()
    return str(observation.get("valueString") or (observation.get("valueCodeableConcept") or {}).get("text") or "")


def range_of(observation: Resource) -> tuple[str, str, str]:
    """(low, high, text) of what is usual; the text only where there are no limits."""
    limits = (observation.get("referenceRange") or [{}])[0]
    low, high = (_number(limits[name]["value"]) if limits.get(name) else "" for name in ("low", "high"))
    return low, high, "" if low or high else str(limits.get("text", ""))


def _line(one: Resource, earlier: Any) -> dict[str, Any]:
    flag = next(
        (code for each in one.get("interpretation", ()) if (code := resources.code_of(each, _INTERPRETATION))), ""
    )
    low, high, text = range_of(one)
    return {
        "name": _name(one),
        "value": value_of(one),
        "unit": _unit(one),
        "low": low,
        "high": high,
        "range": text,
        "word": _WORDS.get(flag, ""),
        "is_usual": flag in ("", "N"),
        "asks": flag in _CRITICAL or resources.code_of(one.get("code"), systems.INDICATOR) in _EXPLAINED,
        "is_critical": flag in _CRITICAL,
        "is_corrected": one.get("status") in ("corrected", "amended"),
        "at": str(one.get("effectiveDateTime", "")),
        "trend": _trend(one, earlier[0]) if earlier else "",
        "earlier": [
            {"value": value_of(each), "unit": _unit(each), "at": str(each.get("effectiveDateTime", ""))}
            for each in earlier[:_EARLIER_MAX]
        ],
    }


def _trend(one: Resource, before: Resource) -> str:
    """up, down, same, or "" where two values cannot be compared."""
    now, then = one.get("valueQuantity") or {}, before.get("valueQuantity") or {}
    if "value" not in now or "value" not in then or now.get("unit") != then.get("unit") or now.get("comparator"):
        return ""
    new, old = Decimal(str(now["value"])), Decimal(str(then["value"]))
    return "up" if new > old else "down" if new < old else "same"


def _key(observation: Resource) -> str:
    return resources.code_of(observation.get("code"), systems.INDICATOR) or _name(observation)


def _name(resource: Resource) -> str:
    code = resource.get("code") or {}
    return str(code.get("text") or next((one["display"] for one in code.get("coding", ()) if one.get("display")), "?"))


def _unit(observation: Resource) -> str:
    return str((observation.get("valueQuantity") or {}).get("unit", ""))


def _number(value: Any) -> str:
    return formats.write_number(Decimal(str(value)))
