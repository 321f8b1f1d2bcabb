"""Which cells of a table may leave the house: none under five, and none that the others and the total would give away.

Pure. A month that is over is told exactly, but for hidden cells; the month that runs is told in fives, rounded down, so
that two looks on the same day do not show who came in between. A table by two words is told in fives always, and not
where the totals of the tables by one word would still pin a small cell down. docs/explanation/monitor.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST = 5


@dataclass(frozen=True)
class Cells:
    """cells: code -> count, None for a hidden one; a code that is not there had none. total: None if hidden too."""

    cells: Mapping[str, int | None]
    total: int | None
    is_rounded: bool = False

    @property
    def hidden(self) -> int:
        """How many cells are hidden."""
        return sum(one is None for one in self.cells.values())


def protect(counts: Mapping[str, int], *, is_running: bool = False) -> Cells:
    """Cells of one word (commune, chapter …) with their total. is_running: the month is not over."""
    held = {code: count for code, count in counts.items() if count > 0}
    total = sum(held.values())
    if total < LEAST:
        return Cells(dict.fromkeys(held), None, is_running)
    if is_running:
        return Cells({code: _in_fives(count) for code, count in held.items()}, _in_fives(total), True)
    hidden = {code for code, count in held.items() if count < LEAST}
    # The total less what is shown is the sum of what is hidden: it must not pin any of them down. One hidden cell is
    # that sum itself; if all of them are one, the sum says so; a sum under five is a cell under five.
    shown = sorted((count, code) for code, count in held.items() if code not in hidden)
    while hidden and shown and not _is_safe([held[code] for code in hidden]):
        hidden.add(shown.pop(0)[1])
    if hidden and not _is_safe([held[code] for code in hidden]):
        return Cells(dict.fromkeys(held), None)
    return Cells({code: None if code in hidden else count for code, count in held.items()}, total)


@dataclass(frozen=True)
class Cross:
    """A table by two words, in fives, rounded down. rows: row -> column -> count; what is not there had none to four
    visits, or is hidden. Rows with less than five are not there at all. totals: of rows."""

    rows: Mapping[str, Mapping[str, int]]
    totals: Mapping[str, int]


def cross(
    counts: Mapping[tuple[str, str], int],
    groups: Mapping[str, str],
    told: Mapping[str, int | None],
    *,
    is_running: bool = False,
) -> Cross:
    """The cells by (row, column) that may be told beside the totals of groups that stand in a table by one word.

    groups: row -> its group, told: group -> the total that is told, None if hidden. A group whose total is hidden tells
    nothing here, and neither does one whose totals would pin a cell under five down. Columns have no totals: they would
    tie the groups together.
    """
    by_group: dict[str, dict[str, list[int]]] = {}
    for (row, _), count in counts.items():
        by_group.setdefault(groups[row], {}).setdefault(row, []).append(count)
    silent = {
        group for group, held in by_group.items()
        if (total := told.get(group)) is None
        or _pins(list(held.values()), _Span(total, total + (LEAST - 1 if is_running else 0)))
    }  # fmt: skip
    rows: dict[str, dict[str, int]] = {}
    sums: dict[str, int] = {}
    for (row, column), count in counts.items():
        if groups[row] not in silent:
            sums[row] = sums.get(row, 0) + count
            if (shown := _in_fives(count)) is not None:
                rows.setdefault(row, {})[column] = shown
    totals = {row: shown for row, count in sums.items() if (shown := _in_fives(count)) is not None}
    return Cross({row: rows.get(row, {}) for row in totals}, totals)


@dataclass(frozen=True)
class _Span:
    """What a count may be for one who reads the table."""

    low: int
    high: int


def _pins(rows: Sequence[Sequence[int]], total: _Span) -> bool:
    """Whether the total of these rows, and theirs in fives, leave one value for a cell of one to four.

    Empty cells do not count: who knows the place knows that nobody of that kind was there.
    """
    spans = [[_told(count) for count in row if count] for row in rows]
    sums = [_within(_told(sum(row)), _sum(cells)) for row, cells in zip(rows, spans, strict=True)]
    whole = _sum(sums)
    for row, cells, own in zip(rows, spans, sums, strict=True):
        own = _within(own, _Span(total.low - (whole.high - own.high), total.high - (whole.low - own.low)))
        inside = _sum(cells)
        for count, cell in zip((one for one in row if one), cells, strict=True):
            rest = _Span(inside.low - cell.low, inside.high - cell.high)
            left = _within(cell, _Span(own.low - rest.high, own.high - rest.low))
            if count < LEAST and left.low == left.high:
                return True
    return False


def _told(count: int) -> _Span:
    """What a count in fives says: 5 of 5 to 9, nothing of 0 to 4."""
    low = count - count % LEAST
    return _Span(low, low + LEAST - 1)


def _sum(spans: Sequence[_Span]) -> _Span:
    return _Span(sum(one.low for one in spans), sum(one.high for one in spans))


def _within(one: _Span, other: _Span) -> _Span:
    return _Span(max(one.low, other.low), min(one.high, other.high))


def share(part: int, whole: int, *, is_running: bool = False) -> int | None:
    """A count within a total, such as insured visits; None if it or what is left of the total is under five."""
    if 0 < part < LEAST or 0 < whole - part < LEAST or whole < LEAST:
        return None
    return _in_fives(part) if is_running else part


def _is_safe(hidden: list[int]) -> bool:
    """Whether their sum pins none of them: more than all ones, and less than all fours where each is small."""
    if len(hidden) < 2 or sum(hidden) < LEAST or sum(hidden) <= len(hidden):
        return False
    return max(hidden) >= LEAST or sum(hidden) < (LEAST - 1) * len(hidden)


def _in_fives(count: int) -> int | None:
    return None if count < LEAST else count - count % LEAST
