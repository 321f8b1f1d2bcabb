"""What the monitor compares, and the strata in which patients are alike: ICD-10 block × age band × specialty."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

from lienmach.departments.leaders import statistics, thresholds
from lienmach.departments.leaders.statistics import Comparison, Stratum, Sums
from lienmach.record.transaction import Store, Transaction


@dataclass(frozen=True)
class Measure:
    """name: in URLs and cases. title, unit: keys of the words. is_share: of visits, shown in percent."""

    name: str
    title: str
    unit: str
    is_share: bool = False
    is_money: bool = False


MEASURES = (
    Measure("injections", "Kháng sinh tiêm", "% lượt khám", is_share=True),
    Measure("antibiotics", "Đơn có kháng sinh", "% lượt khám", is_share=True),
    Measure("items", "Số thuốc mỗi lượt", "thuốc/lượt"),
    Measure("cost", "Chi phí mỗi đơn", "₫/đơn", is_money=True),
)
BY_NAME = {one.name: one for one in MEASURES}
_KEPT_MAX = 64
_Key = tuple[int, str, date, date]
_Result = tuple[int, Mapping[str, str], tuple[Comparison, ...]]  # state of the visits, names, comparisons
_SQL = """
select doctor, max(doctor_name) as name, block, age_band, specialty, count(x) as visits,
       coalesce(sum(x), 0)::float8 as total, coalesce(sum(x * x), 0)::float8 as squares
from (select doctor, doctor_name, block, age_band, specialty,
             case $4 when 'items' then items::float8
                     when 'antibiotics' then (antibiotics > 0)::int::float8
                     when 'injections' then (injections > 0)::int::float8
                     when 'cost' then case when items > 0 and unpriced = 0 then rx_vnd::float8 end end as x
      from leaders_visit
      where tenant = $1 and day between $2 and $3 and state = 'finished' and doctor <> '') v
group by doctor, block, age_band, specialty
"""


@dataclass(frozen=True)
class Monitor:
    """Comparisons of one measure, gravest first. names: of doctors, by reference. threshold: None while nobody set one."""

    measure: Measure
    from_on: date
    to_on: date
    names: Mapping[str, str]
    found: tuple[Comparison, ...]
    threshold: thresholds.Threshold | None

    def of(self, doctor: str) -> Comparison | None:
        """The comparison of one doctor, or None for one without visits in the period."""
        return next((one for one in self.found if one.doctor == doctor), None)

    def is_marked(self, one: Comparison) -> bool:
        """Whether it passes the threshold that holds; never without one."""
        own = self.threshold
        if own is None:
            return False
        return statistics.is_marked(one, ratio_min=float(own.ratio), visits_min=own.visits_min)


class _Computed:
    """What was computed last, by record, as long as no row of a visit has changed since."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Store, dict[_Key, _Result]] = WeakKeyDictionary()

    def find(self, store: Store, key: _Key, changes: int) -> _Result | None:
        found = self._of.get(store, {}).get(key)
        return found if found is not None and found[0] == changes else None

    def keep(self, store: Store, key: _Key, result: _Result) -> None:
        held = self._of.setdefault(store, {})
        if len(held) >= _KEPT_MAX:
            held.clear()
        held[key] = result


_computed = _Computed()


async def read(tx: Transaction, measure: str, from_on: date, to_on: date) -> Monitor:
    """All doctors of the tenant against each other over the visits that they finished on these days.

    measure: a name of MEASURES.
    """
    own, key = BY_NAME[measure], (tx.tenant.number, measure, from_on, to_on)
    progress = await tx.fetch("select changes from leaders_progress where tenant = $1", tx.tenant.number)
    changes = progress[0]["changes"] if progress else 0
    result = _computed.find(tx.store, key, changes)
    if result is None:
        rows = await tx.fetch(_SQL, tx.tenant.number, from_on, to_on, measure)
        result = (changes, *await asyncio.to_thread(_compute, rows, own.is_money))  # the loop stays free
        _computed.keep(tx.store, key, result)
    return Monitor(own, from_on, to_on, result[1], result[2], await thresholds.holding(tx, to_on))


def _compute(rows: Sequence[Any], is_money: bool) -> tuple[dict[str, str], tuple[Comparison, ...]]:
    table: dict[str, dict[Stratum, Sums]] = {}
    names: dict[str, str] = {}
    for doctor, name, block, age_band, specialty, visits, total, squares in rows:
        names[doctor] = name or doctor
        if visits:
            table.setdefault(doctor, {})[block, age_band, specialty] = Sums(visits, total, squares)
    compared = statistics.compare(table, is_money=is_money, coarser=(_by_age, _by_block))
    return names, tuple(sorted(compared, key=lambda one: (-(one.low or 0.0), one.doctor)))


def _by_age(stratum: Stratum) -> Stratum:
    return stratum[:2]


def _by_block(stratum: Stratum) -> Stratum:
    return stratum[:1]
