"""Whether two tables that share their ages tie a small cell down together, where each for itself does not.

Pure. What one table says about all visits of an age is laid beside the cells of the other: if that leaves one value for
a cell of one to four, both may not be told. By bounds, not by every way of filling the tables: quick at any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lienmach.departments.leaders.disclosure import LEAST

Span = tuple[int, int]  # lowest and highest value


@dataclass(frozen=True)
class Told:
    """A table as it is told. counts: by (row, column). groups: row -> group. totals: of groups, None if hidden.

    rows: those that stand in the table. band_of: the age of a column, "" where it is none. whole: visits of the month.
    """

    counts: Mapping[tuple[str, str], int]
    groups: Mapping[str, str]
    totals: Mapping[str, int | None]
    rows: frozenset[str]
    band_of: Callable[[str], str]
    whole: int


@dataclass(frozen=True)
class _Read:
    """small: (age, what it may be) of cells under five that stand in the table. cells: what the cells of an age may be
    one by one, "" for any age. of_bands: what all visits of an age may be.
    """

    small: list[tuple[str, Span]]
    cells: dict[str, Span]
    of_bands: dict[str, Span]


def are_tied(tables: Sequence[Told], bands: Sequence[str]) -> bool:
    """Whether the ages of these tables leave one value for a cell under five. Totals are exact."""
    read = [_read(one, bands) for one in tables]
    for band in bands:
        low, high = max(one.of_bands[band][0] for one in read), min(one.of_bands[band][1] for one in read)
        for one in read:
            least, most = one.cells[band][0], one.cells[band][1] + one.cells[""][1]
            for own, span in one.small:
                if own == band and max(span[0], low - most + span[1]) == min(span[1], high - least + span[0]):
                    return True
    return False


def _read(table: Told, bands: Sequence[str]) -> _Read:
    """What a reader knows who knows, too, which cells are empty. A group without a row may be of any age."""
    by_group: dict[str, dict[str, list[tuple[str, int]]]] = {}
    for (row, column), count in table.counts.items():
        if count:
            by_group.setdefault(table.groups[row], {}).setdefault(row, []).append((table.band_of(column), count))
    found = _Read([], dict.fromkeys((*bands, ""), (0, 0)), dict.fromkeys(bands, (0, 0)))
    for group, rows in by_group.items():
        total = table.totals.get(group)
        if total is None or not table.rows & rows.keys():
            span = 0, table.whole if total is None else total
            _add(found.cells, [""], span)
            _add(found.of_bands, bands, span)  # from nothing on
            continue
        sums = {row: _in_fives(sum(count for _, count in held)) for row, held in rows.items()}
        low, high = _sum(sums.values())
        for row, held in rows.items():
            own = max(sums[row][0], total - high + sums[row][1]), min(sums[row][1], total - low + sums[row][0])
            _read_row(found, held, own)
    return found


def _read_row(found: _Read, held: Sequence[tuple[str, int]], own: Span) -> None:
    """Add a row. held: age and count of its cells; own: what their sum may be."""
    sums: dict[str, Span] = {}
    spans = [(band, count, _in_fives(count)) for band, count in held]
    for band, _, span in spans:
        known = sums.get(band, (0, 0))
        sums[band] = known[0] + span[0], known[1] + span[1]
    inside = _sum(sums.values())
    for band, count, span in spans:
        left = _left(span, inside, own)
        _add(found.cells, (band,), left)
        if count < LEAST and band:
            found.small.append((band, left))
    for band, span in sums.items():
        left = _left(span, inside, own)
        _add(found.of_bands, (band,) if band else tuple(found.of_bands), left if band else (0, left[1]))


def _left(part: Span, inside: Span, whole: Span) -> Span:
    """What a part may be beside the rest of what is inside, where all of it makes `whole`."""
    return max(part[0], whole[0] - inside[1] + part[1]), min(part[1], whole[1] - inside[0] + part[0])


def _add(sums: dict[str, Span], bands: Sequence[str], span: Span) -> None:
    for band in bands:
        sums[band] = sums[band][0] + span[0], sums[band][1] + span[1]


def _sum(spans: Iterable[Span]) -> Span:
    held = list(spans)
    return sum(one[0] for one in held), sum(one[1] for one in held)


def _in_fives(count: int) -> Span:
    low = count - count % LEAST
    return low, low + LEAST - 1
