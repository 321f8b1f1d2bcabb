"""Tables by two words for the health department: diseases by age and sex, communes by age. No cell under five leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lienmach.departments.leaders import band_ties, disclosure, facts, icd_blocks
from lienmach.departments.leaders.band_ties import Told
from lienmach.departments.leaders.disclosure import Cross

BLOCKS, COMMUNES = "block-age-sex", "commune-age"
SEXES = {"male": "Nam", "female": "Nữ"}
#: Visits of a month from which both tables are told: in a small one the ages of one would tie down cells of the other.
BOTH_LEAST = 200
OTHER = "?"  # age or sex is not known
_DISEASE_COLUMNS = (*(f"{band}|{sex}" for band in facts.BANDS for sex in SEXES), OTHER)
_AGE_COLUMNS = (*facts.BANDS, OTHER)


@dataclass(frozen=True)
class CrossTable:
    """words: its title. span: columns an age. columns: keys, with OTHER last. lines: (code, name) of its rows."""

    name: str
    words: str
    columns: tuple[str, ...]
    span: int
    cross: Cross
    lines: tuple[tuple[str, str], ...]
    told: Told


def diseases(counts: Mapping[str, int], chapters: Mapping[str, int | None], *, is_running: bool) -> CrossTable:
    """Blocks of ICD-10 by age and sex. counts: by block|age|sex; chapters: what is told of each."""
    cells: dict[tuple[str, str], int] = {}
    for key, count in counts.items():
        block, band, sex = key.split("|")
        column = f"{band}|{sex}" if band in facts.BANDS and sex in SEXES else OTHER
        cells[block, column] = cells.get((block, column), 0) + count
    groups = {block: icd_blocks.chapter(block) for block, _ in cells}
    found = disclosure.cross(cells, groups, chapters, is_running=is_running)
    names = {block: icd_blocks.CHAPTERS[groups[block]][2] if groups[block] else "" for block in found.totals}
    return CrossTable(BLOCKS, "Theo nhóm bệnh ICD-10, tuổi và giới", _DISEASE_COLUMNS, len(SEXES), found,
                      _sorted(names.items()), _told(cells, groups, chapters, found))  # fmt: skip


def communes(
    counts: Mapping[str, int], told: Mapping[str, int | None], names: Mapping[str, str], *, is_running: bool
) -> CrossTable:
    """Communes by age. counts: by commune|age; told: what is told of each commune; names: of them."""
    cells: dict[tuple[str, str], int] = {}
    for key, count in counts.items():
        commune, _, band = key.rpartition("|")  # a code comes from whoever wrote the address, and may hold anything
        column = band if band in facts.BANDS else OTHER
        cells[commune, column] = cells.get((commune, column), 0) + count
    groups = {commune: commune for commune, _ in cells}
    found = disclosure.cross(cells, groups, told, is_running=is_running)
    listed = sorted(((one, names.get(one, one)) for one in found.totals), key=lambda one: one[1])
    return CrossTable(COMMUNES, "Theo xã, phường cư trú và tuổi", _AGE_COLUMNS, 1, found, tuple(listed),
                      _told(cells, groups, told, found))  # fmt: skip


def are_tied(tables: Sequence[CrossTable]) -> bool:
    """Whether the ages that these tables share would tell a cell under five of one of them."""
    return band_ties.are_tied([one.told for one in tables], facts.BANDS)


def _told(
    cells: Mapping[tuple[str, str], int], groups: Mapping[str, str], totals: Mapping[str, int | None], found: Cross
) -> Told:
    """What a reader has who knows the totals exactly, as they will be when the month is over."""
    exact: dict[str, int | None] = {}
    for (row, _), count in cells.items():
        group = groups[row]
        exact[group] = None if totals.get(group) is None else (exact.get(group) or 0) + count
    return Told(cells, groups, exact, frozenset(found.totals), _band_of, sum(cells.values()))


def _band_of(column: str) -> str:
    return "" if column == OTHER else column.partition("|")[0]


def _sorted(names: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(names))
