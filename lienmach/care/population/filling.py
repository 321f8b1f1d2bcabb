"""Fill a record with the synthetic population; safe to run twice, and to stop anywhere and run again.

Ids and names follow from the seed, so the marks of record/bulk.py know what was taken once: it is left alone, also
where somebody has changed or deleted it since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lienmach.base.actor import Actor
from lienmach.care.population import cohort
from lienmach.record import bulk
from lienmach.record.transaction import Store
from lienmach.standards.fhir import json as fhir_json


@dataclass
class Progress:
    """people, added, kept: patients passed, resources stored, and resources that had been taken before."""

    people: int = 0
    added: int = 0
    kept: int = 0


async def fill(
    store: Store, actor: Actor, *, seed: int, people: int, report: Callable[[int], None] = lambda people: None
) -> Progress:
    """Store what is missing of the population of `seed`; `report` gets the people passed, after each commit.

    Raises errors.Refused, errors.Unavailable; what was committed before stays.
    """
    passed = _Passed(report)

    def refuse(refusal: bulk.Refusal) -> None:
        raise refusal.failure  # our own people are never wrong: either the actor may not, or we have a fault

    taken = await bulk.load(store, actor, passed.watch(_items(seed, people)), refuse=refuse, progress=passed.step)
    return Progress(passed.people, taken.created.total() + taken.changed.total(), taken.there.total())


def _items(seed: int, people: int) -> Iterator[bulk.Item]:
    for group in cohort.generate(seed, people):
        for one in group:
            name = f"{one['resourceType']}/{one['id']}"
            yield bulk.Item(f"demo population {seed}", name, fhir_json.dump(one), one["resourceType"], one["id"])


class _Passed:
    """Counts the people among the resources that a load says it has dealt with, in their order."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self.people = 0
        self._report = report
        self._waiting: deque[int] = deque()  # places of the Patients among all items
        self._given = 0
        self._done = 0

    def watch(self, items: Iterator[bulk.Item]) -> Iterator[bulk.Item]:
        for item in items:
            self._given += 1
            if item.type == "Patient":
                self._waiting.append(self._given)
            yield item

    def step(self, count: int) -> None:
        self._done += count
        while self._waiting and self._waiting[0] <= self._done:
            self._waiting.popleft()
            self.people += 1
        self._report(self.people)
