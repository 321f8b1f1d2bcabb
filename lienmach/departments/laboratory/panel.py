"""What is to be measured in one tube: its orders, their tests with the ranges of this person, results so far.

panel = await of_specimen(tx, specimen)
for test in panel.tests: test.indicator.name, test.limits, test.observation
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lienmach.care import catalogues, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import facts, ranges, tubes
from lienmach.departments.laboratory.ranges import Range
from lienmach.record.transaction import Transaction


@dataclass(frozen=True)
class Test:
    """One test of one order. observation: None while there is no result."""

    __test__ = False  # no case of pytest's

    order: Resource
    service: str
    indicator: Row
    limits: Range
    observation: Resource | None

    @property
    def key(self) -> str:
        """Names the test in forms."""
        return facts.observation_id(self.order["id"], self.indicator.code)

    @property
    def is_number(self) -> bool:
        return self.indicator.data.get("kind", "quantity") == "quantity"

    @property
    def unit(self) -> str:
        """The unit as shown."""
        return str(self.indicator.data.get("unit_shown") or self.indicator.data.get("unit") or "")


@dataclass(frozen=True)
class Panel:
    """specimen: the tube. reports: by order id."""

    specimen: Resource
    patient: Resource
    tests: tuple[Test, ...]
    reports: dict[str, Resource]

    def named(self, indicator: str) -> list[Test]:
        """The tests of this indicator; two orders of one tube may both ask for it."""
        return [one for one in self.tests if one.indicator.code == indicator]

    def of_order(self, order_id: str) -> list[Test]:
        return [one for one in self.tests if one.order["id"] == order_id]


async def of_specimen(tx: Transaction, specimen: Resource) -> Panel:
    """The panel of a tube, orders that were revoked left out. Raises errors.NotFound."""
    patient = await resources.follow(tx, specimen["subject"]["reference"])
    orders = [await resources.read(tx, "ServiceRequest", one) for one in tubes.order_ids_of(specimen)]
    orders = [one for one in orders if one.get("status") in ("active", "completed")]
    day = facts.today(tx)
    services = await catalogues.get_many(
        tx, "service", [resources.code_of(one.get("code"), systems.SERVICE) for one in orders], on=day
    )
    wanted = {code for row in services.values() for code in row.data.get("indicators") or ()}
    rows = await catalogues.get_many(tx, "indicator", wanted, on=day)
    tests, reports = [], {}
    for order in orders:
        report = await facts.stored(tx, "DiagnosticReport", facts.report_id(order["id"]))
        if report is not None:
            reports[order["id"]] = report
        service = services.get(resources.code_of(order.get("code"), systems.SERVICE))
        for code in (service.data.get("indicators") or ()) if service else ():
            if code in rows:
                observation = await facts.stored(tx, "Observation", facts.observation_id(order["id"], code))
                limits = limits_of(rows[code], patient, specimen)
                tests.append(Test(order, service.name if service else "", rows[code], limits, observation))
    return Panel(specimen, patient, tuple(tests), reports)


def limits_of(indicator: Row, patient: Resource, specimen: Resource) -> Range:
    """The reference range of this person at the time of collection."""
    taken = facts.moment((specimen.get("collection") or {}).get("collectedDateTime"))
    days = ranges.age_days(str(patient.get("birthDate", "")), taken.date()) if taken else None
    return ranges.of(indicator.data, days=days, sex=str(patient.get("gender", "")))


@dataclass(frozen=True)
class Earlier:
    """The result before this one. is_delta: it changed by more than the test allows."""

    text: str
    day: str
    number: Decimal | None
    is_delta: bool


async def earlier(tx: Transaction, panel: Panel) -> dict[str, Earlier]:
    """By indicator: the last released result of this person from another order, with the delta check on the new one."""
    codes = sorted({one.indicator.code for one in panel.tests})
    if not codes:
        return {}
    own = {one.key for one in panel.tests}
    found: dict[str, Earlier] = {}
    wanted = ",".join(f"{systems.INDICATOR}|{code}" for code in codes)
    for one in await resources.find(
        tx, "Observation", ("patient", panel.patient["id"]), ("code", wanted), ("status", ",".join(facts.RELEASED)),
        ("_sort", "-date"),
    ):  # fmt: skip
        code = resources.code_of(one.get("code"), systems.INDICATOR)
        if one["id"] in own or code in found:
            continue
        test = panel.named(code)[0]
        found[code] = Earlier(
            facts.value_text(one), str(one.get("effectiveDateTime", "")), _number(one), _delta(test, one)
        )
    return found


def _delta(test: Test, before: Resource) -> bool:
    now, then = _number(test.observation), _number(before)
    at, was = (
        facts.moment((test.observation or {}).get("effectiveDateTime")),
        facts.moment(before.get("effectiveDateTime")),
    )
    if now is None or then is None or at is None or was is None or _unit(test.observation) != _unit(before):
        return False
    return ranges.is_delta(now, then, (at - was).days, test.indicator.data)


def _unit(observation: Any) -> str:
    return str(((observation or {}).get("valueQuantity") or {}).get("code", ""))


def _number(observation: Resource | None) -> Decimal | None:
    quantity = (observation or {}).get("valueQuantity") or {}
    value = quantity.get("value")
    return None if value is None or quantity.get("comparator") else Decimal(str(value))
