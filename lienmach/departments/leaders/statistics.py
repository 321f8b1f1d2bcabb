"""Observed against expected: indirect standardisation over strata of like patients, with 95 % intervals. Pure.

For a doctor, E = Σ over strata of (own visits × the rate of the *other* doctors there), and the ratio O / E is 1 for
one who prescribes as the others do for the same patients. Counts have Byar's approximation of the exact Poisson
interval (Breslow and Day, Statistical Methods in Cancer Research II, IARC 1987, p. 69); sums of money the
linearised (robust) variance of a ratio. Either is widened by how sure the peers' rates are; said plainly in
docs/explanation/monitor.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Z = 1.96  # two-sided 95 %
PEERS_MIN = 20  # visits of other doctors that a stratum must hold to compare with
PEER_DOCTORS_MIN = 2


class Sums(NamedTuple):
    """What is known of a doctor's visits in a stratum: how many, Σ value, Σ value²."""

    visits: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(self[0] + other[0], self[1] + other[1], self[2] + other[2])


@dataclass(frozen=True)
class Comparison:
    """A doctor against peers of like patients. low, high: of the ratio; None where nothing can be compared.

    visits: all of the period. compared: those whose stratum has enough peers; observed and expected are of these.
    """

    doctor: str
    visits: int
    compared: int
    observed: float
    expected: float
    ratio: float | None
    low: float | None
    high: float | None
    total: float

    @property
    def average(self) -> float:
        """The doctor's own average a visit."""
        return self.total / self.visits if self.visits else 0.0

    @property
    def expected_average(self) -> float:
        """What the average would be if the peers had seen the same patients."""
        return self.expected / self.compared if self.compared else 0.0


Stratum = tuple[str, ...]
Table = Mapping[str, Mapping[Stratum, Sums]]  # doctor -> finest stratum -> sums


def byar(observed: float, z: float = Z) -> tuple[float, float]:
    """The interval of a Poisson mean of which `observed` was seen."""
    if observed < 0:
        raise ValueError("nothing can be observed less than never")
    low = 0.0 if observed == 0 else observed * (1 - 1 / (9 * observed) - z / (3 * math.sqrt(observed))) ** 3
    more = observed + 1
    return max(low, 0.0), more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3


def compare(
    table: Table, *, is_money: bool = False, coarser: Sequence[Callable[[Stratum], Stratum]] = (), only: str = ""
) -> list[Comparison]:
    """Every doctor against the others. coarser: where a stratum holds too few peers, wider ones, tried in order.

    is_money: values are sums and not counts, so that their spread is measured and not assumed.
    """
    levels = [_Level(table, None), *(_Level(table, widen) for widen in coarser)]
    return [_one(doctor, own, levels, is_money) for doctor, own in sorted(table.items())]


class _Level:
    """Sums by stratum of one width: of everybody, with how many doctors, and of each doctor. Made when first asked."""

    def __init__(self, table: Table, widen: Callable[[Stratum], Stratum] | None) -> None:
        self._table = table
        self._widen = widen
        self._all: dict[Stratum, list[float]] = {}  # visits, total, squares, doctors
        self._own: dict[tuple[str, Stratum], list[float]] = {}

    def peers(self, doctor: str, stratum: Stratum) -> Sums | None:
        """What the other doctors did in this stratum, if there are enough of them."""
        if not self._all:
            self._sum()
        wide = self._widen(stratum) if self._widen else stratum
        held, mine = self._all[wide], self._own[doctor, wide]
        visits = int(held[0] - mine[0])
        if visits < PEERS_MIN or held[3] - 1 < PEER_DOCTORS_MIN:
            return None
        return Sums(visits, held[1] - mine[1], held[2] - mine[2])

    def _sum(self) -> None:
        everybody, own, widen = self._all, self._own, self._widen
        for doctor, cells in self._table.items():
            for stratum, (visits, total, squares) in cells.items():
                wide = widen(stratum) if widen else stratum
                held = everybody.get(wide)
                if held is None:
                    held = everybody[wide] = [0, 0.0, 0.0, 0]
                mine = own.get((doctor, wide))
                if mine is None:
                    mine = own[doctor, wide] = [0, 0.0, 0.0]
                    held[3] += 1
                held[0] += visits
                held[1] += total
                held[2] += squares
                mine[0] += visits
                mine[1] += total
                mine[2] += squares


def _one(doctor: str, own: Mapping[Stratum, Sums], levels: Sequence[_Level], is_money: bool) -> Comparison:
    visits, total = sum(one[0] for one in own.values()), sum(one[1] for one in own.values())
    compared, observed, expected, expected_variance = 0, 0.0, 0.0, 0.0
    terms: list[tuple[Sums, float]] = []
    for stratum, one in own.items():
        peers = next((found for level in levels if (found := level.peers(doctor, stratum)) is not None), None)
        if peers is None:
            continue
        rate = peers.total / peers.visits
        compared += one[0]
        observed += one[1]
        expected += one[0] * rate
        expected_variance += one[0] ** 2 * _variance(peers, is_money) / peers.visits
        terms.append((one, rate))
    if expected <= 0:
        return Comparison(doctor, visits, compared, observed, expected, None, None, None, total)
    ratio = observed / expected
    own_low, own_high = (
        _money_interval(terms, ratio, expected, compared) if is_money else _count_interval(observed, expected)
    )
    low, high = _widened(ratio, own_low, own_high, math.sqrt(expected_variance) / expected)
    return Comparison(doctor, visits, compared, observed, expected, ratio, low, high, total)


def _variance(peers: Sums, is_money: bool) -> float:
    """Of one visit's value among the peers: measured for money, Poisson for counts."""
    mean = peers.total / peers.visits
    if not is_money:
        return mean
    return max(peers.squares / peers.visits - mean**2, 0.0) * peers.visits / max(peers.visits - 1, 1)


def _count_interval(observed: float, expected: float) -> tuple[float, float]:
    low, high = byar(observed)
    return low / expected, high / expected


def _money_interval(
    terms: Iterable[tuple[Sums, float]], ratio: float, expected: float, visits: int
) -> tuple[float, float]:
    """Linearised: the residual of a visit is its value less ratio × what was expected of it; on the scale of logs."""
    if ratio <= 0 or visits < 2:
        return 0.0, math.inf
    squares = sum(one.squares - 2 * ratio * rate * one.total + (ratio * rate) ** 2 * one.visits for one, rate in terms)
    error = math.sqrt(max(squares, 0.0) * visits / (visits - 1)) / expected
    factor = math.exp(Z * error / ratio)
    return ratio / factor, ratio * factor


def _widened(ratio: float, low: float, high: float, peers_error: float) -> tuple[float, float]:
    """The interval with the doubt about the peers' rates added to it, on the scale of logs."""
    if ratio <= 0 or low <= 0:
        return 0.0, high * math.exp(Z * peers_error)
    down = math.hypot(math.log(ratio / low), Z * peers_error)
    up = math.hypot(math.log(high / ratio), Z * peers_error)
    return ratio * math.exp(-down), ratio * math.exp(up)


def is_marked(one: Comparison, *, ratio_min: float, visits_min: int) -> bool:
    """Whether a figure asks for a look: enough visits, surely above the peers, and by as much as was agreed."""
    return (
        one.ratio is not None
        and one.low is not None
        and one.compared >= visits_min
        and one.low > 1
        and one.ratio >= ratio_min
    )
