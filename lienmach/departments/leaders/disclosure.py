"""Which cells of a table may leave the house: none under five, and none that the others and the total would give away.

Pure. A month that is over is told exactly, but for hidden cells; the month that runs is told in fives, rounded down, so
that two looks on the same day do not show who came in between. docs/explanation/monitor.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping
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
