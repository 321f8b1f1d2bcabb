"""Cells under five stay in the house, and so does whatever the other cells and the total would give away."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from lienmach.departments.leaders import disclosure


def solutions(cells: dict[str, int | None], total: int, limit: int = 40) -> dict[str, set[int]]:
    """What each hidden cell may be for one who knows everything that is shown: brute force over whole numbers."""
    hidden = [code for code, count in cells.items() if count is None]
    left = total - sum(count for count in cells.values() if count is not None)
    found: dict[str, set[int]] = {code: set() for code in hidden}
    for values in itertools.product(range(1, min(left, limit) + 1), repeat=max(len(hidden) - 1, 0)):
        last = left - sum(values)
        if last >= 1:
            for code, value in zip(hidden, (*values, last), strict=True):
                found[code].add(value)
    return found


@pytest.mark.parametrize(("count", "told"), [(4, None), (5, 5), (1, None)])
def test_a_cell_is_told_from_five_on(count: int, told: int | None) -> None:
    found = disclosure.protect({"a": count, "b": 100, "c": 50, "d": 3, "e": 2})
    assert found.cells["a"] == told


def test_one_small_cell_takes_the_next_larger_one_with_it() -> None:
    found = disclosure.protect({"a": 3, "b": 100, "c": 7})
    assert found.cells == {"a": None, "b": 100, "c": None} and found.total == 110


def test_two_cells_of_one_are_not_given_away_by_their_sum() -> None:
    found = disclosure.protect({"a": 1, "b": 1, "c": 9, "d": 40})
    assert found.cells == {"a": None, "b": None, "c": None, "d": 40}


def test_where_nothing_can_hide_the_rest_the_total_is_hidden_too() -> None:
    assert disclosure.protect({"a": 3}).total is None
    assert disclosure.protect({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}) == disclosure.Cells(
        dict.fromkeys("abcde"), None
    )


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    assert disclosure.protect({"a": 5, "b": 6, "none": 0}) == disclosure.Cells({"a": 5, "b": 6}, 11)


@pytest.mark.parametrize("seed", range(150))
def test_no_hidden_cell_can_be_recomputed(seed: int) -> None:
    chance = Random(seed)
    counts = {f"c{at}": chance.choice((0, 1, 1, 2, 3, 4, 5, 6, 9, 12, 30)) for at in range(chance.randint(1, 6))}
    found = disclosure.protect(counts)
    assert all(one is None or one >= disclosure.LEAST for one in found.cells.values())
    assert set(found.cells) == {code for code, count in counts.items() if count}
    if found.total is None:
        assert all(one is None for one in found.cells.values())
        return
    assert found.total == sum(counts.values())
    for code, values in solutions(dict(found.cells), found.total).items():
        assert len(values) >= 2, (counts, code, values)
        assert counts[code] in values


@pytest.mark.parametrize("seed", range(60))
def test_while_the_month_runs_no_look_tells_who_came_since_the_last_one(seed: int) -> None:
    chance = Random(seed)
    counts = {f"c{at}": chance.randint(0, 30) for at in range(5)}
    before = disclosure.protect(counts, is_running=True)
    counts[f"c{chance.randrange(5)}"] += 1
    after = disclosure.protect(counts, is_running=True)
    for found in (before, after):
        assert all(one is None or (one % 5 == 0 and one >= 5) for one in found.cells.values())
        assert found.total is None or found.total % 5 == 0


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [(4, 50, None), (5, 50, 5), (45, 50, 45), (46, 50, None), (50, 50, 50), (0, 50, 0), (2, 3, None)],
)
def test_a_share_is_told_if_neither_it_nor_the_rest_is_small(part: int, whole: int, told: int | None) -> None:
    assert disclosure.share(part, whole) == told
