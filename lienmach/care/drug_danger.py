"""What a check finds, as a value: how grave, which line, in words of both languages, and by which rule.

block: it is not written. reason: it is written with a reason of the prescriber. inform: it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from lienmach.base import errors

BLOCK, REASON, INFORM = "block", "reason", "inform"
REASON_CHARACTERS_MIN = 5


@dataclass(frozen=True)
class Danger:
    """kind: allergy, interaction, duplicate, dose, age, kidney, pregnancy, law. line: index of the line it concerns.

    rule: its name in docs/reference/drug-safety.md. key: names the danger in an override reason; the same whichever
    of the two lines is looked at. others: indices of further lines that it concerns.
    """

    level: str
    kind: str
    line: int
    text: str
    text_en: str
    rule: str
    key: str
    others: tuple[int, ...] = ()


class Dangerous(errors.Unprocessable):
    """A prescription is not written. dangers: those that stop it, and those that still want a reason."""

    def __init__(self, dangers: list[Danger], issues: list[errors.Issue]) -> None:
        super().__init__(issues=issues)
        self.dangers = dangers


def gravest_first(dangers: list[Danger]) -> list[Danger]:
    """Each danger once, the gravest of its key and line, blocks before reasons before what is only told."""
    order = {BLOCK: 0, REASON: 1, INFORM: 2}
    best: dict[tuple[str, int], Danger] = {}
    for one in dangers:
        known = best.get((one.key, one.line))
        if known is None or order[one.level] < order[known.level]:
            best[one.key, one.line] = one
    return sorted(best.values(), key=lambda one: (order[one.level], one.line, one.key))


def is_reason(text: str) -> bool:
    """Whether a text may stand as the reason of an override: at least five characters."""
    return len(text.strip()) >= REASON_CHARACTERS_MIN
