"""Results of tests: enter (by hand or from an analyser), pass technically, release medically, correct.

    preliminary -> passed technically (extension) -> final -> corrected

Nothing is released by itself. A released result is changed by `correct` only; its earlier versions stay to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.care import orders, resources, systems
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import critical, facts, ranges
from lienmach.departments.laboratory.panel import Panel, Test
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

_TEXT_CHARACTERS_MAX = 1000


@dataclass(frozen=True)
class Source:
    """Where a value comes from. device: Reference to the analyser, None for a person. sent: as it was sent."""

    device: dict[str, str] | None = None
    sent: str = ""


async def enter(tx: Transaction, panel: Panel, test: Test, text: str, source: Source | None = None) -> Resource:
    """Store a preliminary value; the same value again changes nothing. A critical one is told at once.

    Raises errors.Unprocessable for what is no number where one is needed, errors.Conflict for a released result.
    """
    source = source or Source()
    now = test.observation
    if now is not None and now["status"] in facts.RELEASED:
        raise errors.Conflict("Kết quả này đã trả; hãy dùng mục sửa kết quả.")
    made = _observation(tx, panel, test, text, source)
    if now is not None and _same(now, made) and now["status"] == "preliminary":
        return now
    if now is not None:
        made["meta"] = now["meta"]
    stored = resources.of(await facts.put(tx, made))
    await _note(tx, panel, test, stored)
    if facts.flag_of(stored) in facts.CRITICAL:
        await critical.raise_for(tx, stored, test.order)
    return stored


async def pass_technically(tx: Transaction, tests: Sequence[Test]) -> int:
    """Pass the values of these tests technically; returns how many were passed now. Critical ones are told."""
    passed = 0
    for test in tests:
        found = test.observation
        if found is None or not facts.has_value(found) or found["status"] != "preliminary":
            continue
        if facts.flag_of(found) in facts.CRITICAL:
            await critical.raise_for(tx, found, test.order)
        if facts.is_technically_valid(found):
            continue
        who = {"url": "who", "valueReference": resources.me(tx)}
        when = {"url": "at", "valueDateTime": facts.instant(tx)}
        found["extension"] = [*found.get("extension", ()), {"url": facts.TECHNICAL, "extension": [who, when]}]
        await resources.update(tx, found)
        passed += 1
    return passed


async def release(tx: Transaction, panel: Panel, order_id: str, conclusion: str = "") -> list[Stored]:
    """Release what was passed technically of one order, and the report: final when every test has its result, else
    partial. A final report completes the order and its charge. Returns what is to be signed, the report last.

    Raises errors.Conflict where nothing waits for release.
    """
    tests, released = panel.of_order(order_id), []
    values: list[Resource] = []
    for test in tests:
        found = test.observation
        if found is None:
            continue
        if found["status"] == "preliminary" and facts.has_value(found) and facts.is_technically_valid(found):
            found |= {"status": "final", "issued": facts.instant(tx), "performer": _performers(tx, found)}
            released.append(await resources.update(tx, found))
        values.append(found)
    if not released:
        raise errors.Conflict("Chưa có kết quả nào chờ trả: cần duyệt kỹ thuật trước.")
    is_whole = len(values) == len(tests) and all(one["status"] in facts.RELEASED for one in values)
    report = panel.reports[order_id]
    was_final = report["status"] in facts.RELEASED
    report |= {
        "status": "corrected" if was_final else "final" if is_whole else "partial",
        "issued": facts.instant(tx),
        "result": [resources.reference(one) for one in values],
        "performer": [resources.me(tx)],
        "resultsInterpreter": [resources.me(tx)],
    }
    if conclusion.strip():
        report["conclusion"] = conclusion.strip()[:_TEXT_CHARACTERS_MAX]
    stored = await resources.update(tx, report)
    order = next(one.order for one in tests)
    if is_whole and order.get("status") == "active":
        await orders.complete(tx, order_id)
    return [*released, stored]


async def correct(tx: Transaction, panel: Panel, test: Test, text: str, reason: str) -> list[Stored]:
    """Correct a released value with a reason: status corrected, the old version stays. Returns what is to be signed.

    Raises errors.Unprocessable without a reason or for a value that cannot be, errors.Conflict for one that was not
    released or would not change.
    """
    reason = " ".join(reason.split())[:_TEXT_CHARACTERS_MAX]
    now = test.observation
    if now is None or now["status"] not in facts.RELEASED:
        raise errors.Conflict("Chỉ sửa được kết quả đã trả.")
    if not reason:
        raise errors.Unprocessable("Hãy ghi lý do sửa kết quả.")
    made = _observation(tx, panel, test, text, Source())
    if _same(now, made):
        raise errors.Conflict("Giá trị mới giống giá trị đã trả.")
    kept = [one for one in now.get("extension", ()) if one.get("url") != facts.REPORTED]
    note = {"authorString": tx.actor.display or tx.actor.user, "time": facts.instant(tx), "text": reason}
    made |= {"meta": now["meta"], "status": "corrected", "issued": facts.instant(tx), "extension": kept,
             "note": [*now.get("note", ()), note], "performer": _performers(tx, now)}  # fmt: skip
    stored = await resources.update(tx, made)
    changed = resources.of(stored)
    if facts.flag_of(changed) in facts.CRITICAL:
        await critical.raise_for(tx, changed, test.order)
    report = panel.reports[test.order["id"]]
    if report["status"] in facts.RELEASED:
        report["status"] = "corrected"
    report |= {"issued": facts.instant(tx), "resultsInterpreter": [resources.me(tx)]}
    return [stored, await resources.update(tx, report)]


async def _note(tx: Transaction, panel: Panel, test: Test, stored: Resource) -> None:
    """Name the result in its report; the first one makes it preliminary."""
    report = await facts.stored(tx, "DiagnosticReport", facts.report_id(test.order["id"]))
    if report is None:
        raise errors.Conflict("Chỉ định này chưa có ống mẫu.")
    own = resources.reference(stored)
    named = [one["reference"] for one in report.get("result", ())]
    status = "preliminary" if report["status"] == "registered" else report["status"]
    if own["reference"] in named and status == report["status"]:
        return
    result = report.get("result", []) if own["reference"] in named else [*report.get("result", ()), own]
    changed = resources.of(await resources.update(tx, {**report, "status": status, "result": result}))
    panel.reports[test.order["id"]] = changed


def _observation(tx: Transaction, panel: Panel, test: Test, text: str, source: Source) -> Resource:
    data = test.indicator.data
    code = resources.concept(systems.INDICATOR, test.indicator.code, test.indicator.name)
    if data.get("loinc"):
        code["coding"].append(resources.coding(systems.LOINC, str(data["loinc"])))
    collected = (panel.specimen.get("collection") or {}).get("collectedDateTime") or facts.instant(tx)
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "id": test.key,
        "basedOn": [resources.reference(test.order)],
        "status": "preliminary",
        "category": [resources.concept(facts.CATEGORY, "laboratory", "Laboratory")],
        "code": code,
        "subject": test.order["subject"],
        "effectiveDateTime": collected,
        "specimen": resources.reference(panel.specimen),
        # An analyser is no performer in FHIR; who passes the value is added then.
        "performer": [{"display": source.device.get("display", "")} if source.device else resources.me(tx)],
    }
    if test.order.get("encounter"):
        made["encounter"] = test.order["encounter"]
    if source.device:
        made["device"] = source.device
    if source.sent:
        made["extension"] = [{"url": facts.REPORTED, "valueString": source.sent[:200]}]
    return {**made, **_value(test, text)}


def _value(test: Test, text: str) -> Resource:
    """value[x], interpretation and reference range."""
    text = " ".join(text.split())[:_TEXT_CHARACTERS_MAX]
    if not text:
        raise errors.Unprocessable("Hãy nhập giá trị.")
    data = test.indicator.data
    if not test.is_number:
        normal = [str(one).casefold() for one in data.get("normal") or ()]
        flag = "" if not normal else "N" if text.casefold() in normal else "A"
        return {"valueString": text, **_interpretation(flag)}
    value = ranges.read_value(text)
    if value is None:
        raise errors.Unprocessable("Giá trị phải là một số, ví dụ 6,8 hoặc >1000.")
    decimals = data.get("decimals")
    number = value.number if decimals is None else _at_least(value.number, int(decimals))
    quantity: dict[str, Any] = {"value": number}
    if value.comparator:
        quantity["comparator"] = value.comparator
    if test.unit:
        quantity["unit"] = test.unit
    if data.get("unit"):
        quantity |= {"system": facts.UCUM, "code": str(data["unit"])}
    limits = test.limits
    found = {"valueQuantity": quantity, **_interpretation(ranges.interpret(value, limits))}
    row: dict[str, Any] = {
        name: {"value": limit, "unit": test.unit}
        for name, limit in (("low", limits.low), ("high", limits.high))
        if limit is not None
    }
    return {**found, "referenceRange": [{**row, "text": ranges.shown(limits)}]} if row else found


def _at_least(number: Decimal, decimals: int) -> Decimal:
    """Digits are added, never taken: a value is not rounded on entry."""
    exponent = number.as_tuple().exponent
    return (
        number.quantize(Decimal(1).scaleb(-decimals)) if isinstance(exponent, int) and -exponent < decimals else number
    )


def _interpretation(flag: str) -> Resource:
    if not flag:
        return {}
    return {
        "interpretation": [resources.concept(facts.INTERPRETATION, flag, facts.FLAGS.get(flag, ("", "Bình thường"))[1])]
    }


def _performers(tx: Transaction, observation: Resource) -> list[dict[str, str]]:
    me = resources.me(tx)
    return [*(one for one in observation.get("performer", ()) if one != me), me]


def _same(one: Resource, other: Resource) -> bool:
    return all(one.get(name) == other.get(name) for name in ("valueQuantity", "valueString", "specimen"))
