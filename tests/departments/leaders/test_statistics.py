"""Ratios with intervals: hand-worked values, a planted outlier is found, a sicker mix is not, chance alone marks few."""

from __future__ import annotations

import math
from collections import defaultdict
from random import Random

import pytest

from lienmach.departments.leaders import statistics
from lienmach.departments.leaders.statistics import Comparison, Stratum, Sums

COLD, LUNGS = ("J00-J06", "16-39", "noi"), ("J09-J18", "60-74", "noi")
Table = dict[str, dict[Stratum, Sums]]


def table(visits: list[tuple[str, Stratum, float]]) -> Table:
    found: Table = defaultdict(lambda: defaultdict(Sums))
    for doctor, stratum, value in visits:
        found[doctor][stratum] = found[doctor][stratum].plus(Sums(1, value, value * value))
    return {doctor: dict(own) for doctor, own in found.items()}


def of(found: list[Comparison], doctor: str) -> Comparison:
    return next(one for one in found if one.doctor == doctor)


@pytest.mark.parametrize(
    ("observed", "low", "high"),
    # The exact Poisson limits, of the tables in Breslow and Day; Byar lies within a hundredth of them from 5 on.
    [(5, 1.62, 11.67), (10, 4.80, 18.39), (20, 12.22, 30.89), (50, 37.11, 65.92), (100, 81.36, 121.63)],
)
def test_byars_interval_lies_at_the_exact_one(observed: int, low: float, high: float) -> None:
    found = statistics.byar(observed)
    assert found[0] == pytest.approx(low, rel=0.02) and found[1] == pytest.approx(high, rel=0.02)


def test_of_nothing_the_lower_limit_is_nothing_and_the_upper_is_not() -> None:
    assert statistics.byar(0)[0] == 0.0 and 3.0 < statistics.byar(0)[1] < 4.0


def test_expected_is_what_the_others_do_with_the_same_patients() -> None:
    visits = [("a", COLD, 1.0)] * 20 + [("a", LUNGS, 1.0)] * 20
    for doctor in ("b", "c"):
        visits += [(doctor, COLD, 0.0)] * 45 + [(doctor, COLD, 1.0)] * 5  # 10 %
        visits += [(doctor, LUNGS, 0.0)] * 20 + [(doctor, LUNGS, 1.0)] * 20  # 50 %
    one = of(statistics.compare(table(visits)), "a")
    assert one.observed == 40
    assert one.expected == pytest.approx(20 * 0.1 + 20 * 0.5)
    assert one.ratio == pytest.approx(40 / 12)
    assert one.low is not None and one.high is not None and one.low < 40 / 12 < one.high


def test_one_who_only_has_a_sicker_mix_has_a_ratio_of_one() -> None:
    visits = [("a", LUNGS, 1.0)] * 30 + [("a", LUNGS, 0.0)] * 30 + [("a", COLD, 0.0)] * 5
    for doctor in ("b", "c", "d"):
        visits += [(doctor, COLD, 0.0)] * 95 + [(doctor, COLD, 1.0)] * 5
        visits += [(doctor, LUNGS, 0.0)] * 10 + [(doctor, LUNGS, 1.0)] * 10
    one = of(statistics.compare(table(visits)), "a")
    own, crude = one.average, (5 + 10) / (100 + 20)
    assert own > 3 * crude  # what an unfair figure would say
    assert one.ratio is not None and 0.9 < one.ratio < 1.1


def test_a_stratum_with_too_few_peers_is_compared_more_widely_or_not_at_all() -> None:
    rare = ("Q20-Q28", "0", "nhi")
    old = ("J00-J06", "75+", "noi")
    visits = [("a", rare, 1.0)] * 10 + [("a", old, 1.0)] * 10
    for doctor in ("b", "c"):
        visits += [(doctor, COLD, 0.0)] * 30
    narrow = of(statistics.compare(table(visits)), "a")
    assert (narrow.visits, narrow.compared, narrow.ratio) == (20, 0, None)
    wide = of(statistics.compare(table(visits + [("b", COLD, 1.0)]), coarser=(lambda one: one[:1],)), "a")
    assert wide.compared == 10  # the colds of the old, against all colds; what is rare stays out


@pytest.mark.parametrize(("peers", "doctors", "is_compared"), [(20, 2, True), (19, 2, False), (40, 1, False)])
def test_enough_peers_are_twenty_visits_of_two_doctors(peers: int, doctors: int, is_compared: bool) -> None:
    visits = [("a", COLD, 1.0)] * 5
    visits += [(f"b{at % doctors}", COLD, float(at % 4 == 0)) for at in range(peers)]
    assert bool(of(statistics.compare(table(visits)), "a").compared) is is_compared


def test_money_has_an_interval_by_its_own_spread() -> None:
    chance = Random(7)
    visits = [("a", COLD, 100_000 * math.exp(chance.gauss(0, 0.6))) for _ in range(200)]
    for doctor in ("b", "c", "d"):
        visits += [(doctor, COLD, 100_000 * math.exp(chance.gauss(0, 0.6))) for _ in range(300)]
    same = of(statistics.compare(table(visits), is_money=True), "a")
    assert same.low is not None and same.high is not None and same.low < 1 < same.high
    dear = [(doctor, stratum, value * (2 if doctor == "a" else 1)) for doctor, stratum, value in visits]
    twice = of(statistics.compare(table(dear), is_money=True), "a")
    assert twice.low is not None and twice.low > 1.5 and twice.ratio == pytest.approx(2 * (same.ratio or 0))


def test_the_interval_holds_one_in_about_ninety_five_of_a_hundred_when_nobody_differs() -> None:
    chance, outside, all_of = Random(11), 0, 0
    for _ in range(60):
        visits = [(f"d{doctor}", COLD, float(chance.random() < 0.2)) for doctor in range(6) for _ in range(80)]
        for one in statistics.compare(table(visits)):
            assert one.low is not None and one.high is not None
            all_of += 1
            outside += not one.low <= 1 <= one.high
    assert outside / all_of < 0.06


@pytest.mark.parametrize(
    ("ratio", "low", "compared", "is_marked"),
    [
        (2.0, 1.01, 30, True),
        (1.99, 1.5, 30, False),
        (2.0, 1.0, 30, False),
        (2.0, 1.01, 29, False),
        (9.0, 4.0, 29, False),
    ],
)
def test_a_mark_needs_enough_visits_a_sure_and_an_agreed_difference(
    ratio: float, low: float, compared: int, is_marked: bool
) -> None:
    one = Comparison("a", compared, compared, 1, 1, ratio, low, 99, 1)
    assert statistics.is_marked(one, ratio_min=2.0, visits_min=30) is is_marked


def test_what_cannot_be_compared_is_never_marked() -> None:
    assert not statistics.is_marked(Comparison("a", 99, 0, 9, 0, None, None, None, 9), ratio_min=1.1, visits_min=30)
