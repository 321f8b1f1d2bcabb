"""Diseases by age and sex, communes by age: in fives, and nothing under five follows from rows, columns and totals."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import lru_cache
from random import Random

import pytest

from lienmach.departments.leaders import department_crosses, disclosure, facts, icd_blocks
from lienmach.departments.leaders.disclosure import Cross

AGES = ("16-39", "60-74")
BLOCKS = ("J00-J06", "J09-J18", "I10-I15")
COMMUNES = ("29551", "29557")
World = tuple[int, ...]  # a count for each row and age


def cells(rows: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(row, age) for row in rows for age in AGES]


def sums(world: World, rows: tuple[str, ...], groups: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (row, _), count in zip(cells(rows), world, strict=True):
        found[groups[row]] = found.get(groups[row], 0) + count
    return {group: count for group, count in found.items() if count}


def ages(world: World) -> tuple[int, int]:
    return sum(world[0::2]), sum(world[1::2])


@lru_cache
def worlds(count: int, total: int) -> tuple[World, ...]:
    """Every way in which so many cells have this sum."""

    def of(left: int, rest: int) -> Iterator[World]:
        if left == 1:
            yield (rest,)
            return
        for value in range(rest + 1):
            for tail in of(left - 1, rest - value):
                yield (value, *tail)

    return tuple(of(count, total))


def fits(world: World, rows: tuple[str, ...], groups: Mapping[str, str], told: Mapping[str, int | None], cross: Cross,
         column_of: Mapping[str, str]) -> bool:  # fmt: skip
    """Whether everything that is told could be told of this world. A group without a row may be hidden as a whole."""
    own = sums(world, rows, groups)
    if set(own) != set(told) or any(count is not None and own[group] != count for group, count in told.items()):
        return False
    speaking = {groups[row] for row in cross.totals}
    totals: dict[str, int] = {}
    for (row, age), count in zip(cells(rows), world, strict=True):
        totals[row] = totals.get(row, 0) + count
        if groups[row] in speaking and not _in(count, cross.rows.get(row, {}).get(column_of[age])):
            return False
    return all(_in(count, cross.totals.get(row)) for row, count in totals.items() if groups[row] in speaking)


def _in(count: int, shown: int | None) -> bool:
    return count < 5 if shown is None else shown <= count < shown + 5


@pytest.mark.parametrize("seed", range(250))
def test_no_cell_under_five_follows_from_all_that_is_told(seed: int) -> None:
    chance = Random(seed)
    sick = tuple(chance.choice((0, 0, 1, 2, 3, 4, 4, 5, 6)) for _ in cells(BLOCKS))
    while not 5 <= sum(sick) <= 14:
        sick = tuple(chance.choice((0, 0, 0, 1, 2, 4, 5, 6)) for _ in cells(BLOCKS))
    total, (young, old) = sum(sick), ages(sick)
    first = (chance.randint(0, young), chance.randint(0, old))
    lived = (*first, young - first[0], old - first[1])
    chapter_of = {block: icd_blocks.chapter(block) for block in BLOCKS}
    commune_of = {commune: commune for commune in COMMUNES}
    chapters = disclosure.protect(sums(sick, BLOCKS, chapter_of)).cells
    communes = disclosure.protect(sums(lived, COMMUNES, commune_of)).cells
    by_sex = {f"{row}|{age}|male": count for (row, age), count in zip(cells(BLOCKS), sick, strict=True) if count}
    by_age = {f"{row}|{age}": count for (row, age), count in zip(cells(COMMUNES), lived, strict=True) if count}
    diseases = department_crosses.diseases(by_sex, chapters, is_running=False).cross
    homes = department_crosses.communes(by_age, communes, {}, is_running=False).cross
    for table in (diseases, homes):
        told = [*table.totals.values(), *itertools.chain(*(one.values() for one in table.rows.values()))]
        assert all(one >= 5 and one % 5 == 0 for one in told)

    of_sex, of_age = {age: f"{age}|male" for age in AGES}, {age: age for age in AGES}
    left = [one for one in worlds(len(sick), total) if fits(one, BLOCKS, chapter_of, chapters, diseases, of_sex)]
    right = [one for one in worlds(len(lived), total) if fits(one, COMMUNES, commune_of, communes, homes, of_age)]
    assert sick in left and lived in right
    for truth, possible in ((sick, left), (lived, right)):
        for at, count in enumerate(truth):
            if 0 < count < 5:
                assert len({one[at] for one in possible}) >= 2, (
                    f"{truth} {at} {sick} {lived} {chapters} {communes} {diseases} {homes}"
                )


def test_a_total_that_leaves_one_value_for_a_small_cell_tells_no_row() -> None:
    counts = {("a", "x"): 9, ("a", "y"): 4, ("b", "x"): 9, ("b", "y"): 3}
    found = disclosure.cross(counts, {"a": "a", "b": "b"}, {"a": 13, "b": 12})
    assert found.rows == {"b": {"x": 5}} and found.totals == {"b": 10}


def test_a_group_whose_total_is_hidden_tells_no_row() -> None:
    found = disclosure.cross({("a", "x"): 40, ("b", "x"): 9}, {"a": "a", "b": "b"}, {"a": None, "b": 9})
    assert found.rows == {"b": {"x": 5}}


def test_a_cell_is_told_from_five_on_and_unknown_ages_and_sexes_are_one_column() -> None:
    counts = {"J00-J06|16-39|male": 5, "J00-J06|16-39|female": 4, "J00-J06||male": 3, "J00-J06|75+|": 9}
    table = department_crosses.diseases(counts, {"X": 21}, is_running=False)
    assert table.cross.rows == {"J00-J06": {"16-39|male": 5, "?": 10}} and table.cross.totals == {"J00-J06": 20}
    assert table.columns[-1] == "?" and len(table.columns) == 7 * 2 + 1


def test_a_commune_code_of_another_system_does_not_break_the_table() -> None:
    table = department_crosses.communes({"79|29551|16-39": 9}, {"79|29551": 9}, {}, is_running=False)
    assert table.cross.rows == {"79|29551": {"16-39": 5}} and table.lines == (("79|29551", "79|29551"),)


def _large_month(old: int) -> list[department_crosses.CrossTable]:
    """A month of one disease, two ages and two communes. old: those of 60 to 74, who all live in the first commune."""
    young = (98, 100)
    sick = {"J00-J06|16-39|male": 99, "J00-J06|16-39|female": 99,
            "J00-J06|60-74|male": old // 2, "J00-J06|60-74|female": old - old // 2}  # fmt: skip
    lived = {"29551|16-39": young[0], "29551|60-74": old, "29557|16-39": young[1]}
    told = {"29551": young[0] + old, "29557": young[1]}
    return [
        department_crosses.diseases(sick, {"X": sum(sick.values())}, is_running=False),
        department_crosses.communes(lived, told, {}, is_running=False),
    ]


def test_two_tables_that_would_tell_a_small_cell_by_their_common_ages_are_not_told_together() -> None:
    tables = _large_month(4)  # 202 less two times 99 at most: at least four are old. In the communes: three or four.
    assert [one.cross.totals for one in tables] == [{"J00-J06": 200}, {"29551": 100, "29557": 100}]
    assert department_crosses.are_tied(tables)
    assert not department_crosses.are_tied(_large_month(12)), "no cell under five"


@pytest.mark.parametrize("seed", range(40))
def test_an_ordinary_month_is_told_by_both_tables(seed: int) -> None:
    chance = Random(seed)
    sick: dict[str, int] = {}
    lived: dict[str, int] = {}
    for _ in range(400):
        age, home = chance.choice(facts.BANDS), chance.choice(COMMUNES)
        for counts, key in (
            (sick, f"{chance.choice(BLOCKS)}|{age}|{chance.choice(('male', 'female'))}"), (lived, f"{home}|{age}")
        ):  # fmt: skip
            counts[key] = counts.get(key, 0) + 1
    chapters: dict[str, int | None] = {}
    homes: dict[str, int | None] = {}
    for counts, sums, name_of in ((sick, chapters, icd_blocks.chapter), (lived, homes, str)):
        for key, count in counts.items():
            name = name_of(key.partition("|")[0])
            sums[name] = (sums.get(name) or 0) + count
    tables = [
        department_crosses.diseases(sick, chapters, is_running=False),
        department_crosses.communes(lived, homes, {}, is_running=False),
    ]
    assert not department_crosses.are_tied(tables)
