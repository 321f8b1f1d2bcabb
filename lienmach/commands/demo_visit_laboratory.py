"""The laboratory of a demo visit: specimen, values as an analyser sends them, both validations, critical values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random
from typing import Any

from lienmach.care import queue, resources, signing
from lienmach.commands.demo_visit_plan import VisitPlan
from lienmach.departments.laboratory import critical, facts, panel, results, tubes
from lienmach.departments.laboratory.panel import Panel, Test
from lienmach.departments.laboratory.results import Source
from lienmach.record.transaction import Transaction

_ANALYSER = {"display": "Máy xét nghiệm (mẫu)"}
_STATES = ("ordered", "collected", "measured", "released")
_ABNORMAL_SHARE = 0.2
_CRITICAL = {"K": "high", "GLU": "high", "PLT": "low", "NA": "low", "HGB": "low"}  # which side is critical in a clinic


async def steps(one: Any) -> AsyncIterator[float]:
    """Bring the laboratory orders of a visit (demo_visit_walk.Visit) as far as its plan says; yields minutes."""
    chance, tally = one.plan.random("laboratory"), one.day.tally
    reached = _STATES.index(one.plan.laboratory)
    if not one.lab_order_ids:
        return
    tally.pending += len(one.lab_order_ids) if reached < _STATES.index("released") else 0
    if reached < 1:
        return
    yield chance.randint(5, 15)
    specimen_ids = await one.day.run("dieuduong", lambda tx: _collect(tx, one))
    if reached < 2:
        return
    yield chance.randint(4, 10)
    for specimen_id in specimen_ids:
        await one.day.run("xetnghiem", lambda tx, own=specimen_id: tubes.receive(tx, own))
    yield chance.randint(12, 30)
    for specimen_id in specimen_ids:
        await one.day.run("xetnghiem", lambda tx, own=specimen_id: _enter(tx, own, one.plan))
    yield chance.randint(2, 5)
    tally.critical += await one.day.run(one.doctor, lambda tx: _acknowledge(tx, one))
    if reached < 3:
        return
    for specimen_id in specimen_ids:
        await one.day.run("xetnghiem", lambda tx, own=specimen_id: _pass(tx, own))
    yield chance.randint(3, 10)
    signer = one.day.signers["truongxn"]
    for specimen_id in specimen_ids:
        tally.results += await one.day.run("truongxn", lambda tx, own=specimen_id: _release(tx, own, signer))


async def _collect(tx: Transaction, one: Any) -> list[str]:
    ticket = await queue.ticket_of(tx, one.encounter_id, "collection")
    if ticket is not None:
        await queue.serve(tx, ticket.ticket_id)
    return [specimen["id"] for specimen in await tubes.collect(tx, one.lab_order_ids)]


async def _panel(tx: Transaction, specimen_id: str) -> Panel:
    return await panel.of_specimen(tx, await resources.read(tx, "Specimen", specimen_id))


async def _enter(tx: Transaction, specimen_id: str, plan: VisitPlan) -> None:
    """Values of all tests of a tube. A plan with a critical value puts it on one of the tests that are known for it."""
    found = await _panel(tx, specimen_id)
    chance = plan.random(f"values-{found.tests[0].indicator.code if found.tests else ''}")
    known = [test for test in found.tests if test.indicator.code in _CRITICAL]
    worst = chance.choice(known) if known else None
    for test in found.tests:
        text = value_of(test, chance, is_critical=plan.is_critical and test is worst)
        await results.enter(tx, found, test, text, Source(_ANALYSER, f"{text} {test.unit}".strip()))


def value_of(test: Test, chance: Random, *, is_critical: bool = False) -> str:
    """A value that an analyser may send: mostly inside the range, at times a little above, critical when it shall be."""
    data, limits = test.indicator.data, test.limits
    if not test.is_number:
        normal = list(data.get("normal") or ())
        return str(normal[0]) if normal else "Âm tính" if data.get("kind") == "code" else "Không thấy bất thường"
    low, high = limits.low, limits.high
    if is_critical and _CRITICAL[test.indicator.code] == "high" and limits.critical_high is not None:
        return _written(limits.critical_high * Decimal("1.06"), data)
    if is_critical and limits.critical_low is not None:
        return _written(limits.critical_low * Decimal("0.95"), data)
    least = low if low is not None else (high or Decimal(2)) * Decimal("0.4")
    most = high if high is not None else max(least * Decimal("1.6"), least + 1)
    share = Decimal(chance.randint(10, 90)) / 100
    value = least + (most - least) * share
    if high is not None and chance.random() < _ABNORMAL_SHARE:
        value = high * Decimal("1.12")
        if limits.critical_high is not None:
            value = min(value, (high + limits.critical_high) / 2)
    return _written(value, data)


def _written(value: Decimal, data: dict[str, Any]) -> str:
    decimals = int(data.get("decimals") or 0)
    return format(value.quantize(Decimal(1).scaleb(-decimals)), "f")


async def _pass(tx: Transaction, specimen_id: str) -> None:
    found = await _panel(tx, specimen_id)
    await results.pass_technically(tx, found.tests)


async def _release(tx: Transaction, specimen_id: str, signer: signing.Signer) -> int:
    """Medical validation: signed and released order by order, as the page of the tube does; how many reports."""
    found = await _panel(tx, specimen_id)
    stored = []
    ready = sorted({test.order["id"] for test in found.tests if facts.is_technically_valid(test.observation or {})})
    for order_id in ready:
        stored += await results.release(tx, found, order_id)
    if stored:
        await signing.attach(tx, signer, stored, activity="release-result")
    return len(ready)


async def _acknowledge(tx: Transaction, one: Any) -> int:
    """The doctor sees the critical values of this visit and, mostly, says what is done; how many there were."""
    count = 0
    for task in await resources.find(tx, "Task", ("encounter", f"Encounter/{one.encounter_id}")):
        if resources.code_of(task.get("code"), critical.systems.TASK_KIND) == critical.KIND:
            count += 1
            if one.plan.is_acknowledged:
                await critical.acknowledge(tx, task["id"], "Đã báo người bệnh, xử trí và làm lại xét nghiệm.")
    return count
