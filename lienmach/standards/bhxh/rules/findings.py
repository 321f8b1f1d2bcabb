"""Values of checking a claim: what a rule's terms are on a day, what a rule hits, and the finding that is shown.

A rule says only where and what; how bad it is, when it is asked and who mends it are dated terms (list `claim-rule`),
so that a rule is switched off or changes its level without a change here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

ERROR, WARN, INFO = "error", "warn", "info"
LEVELS = (ERROR, WARN, INFO)
LIVE, CLOSE, BATCH, SEND = "live", "close", "batch", "send"
MOMENTS = frozenset({LIVE, CLOSE, SEND})


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a claim. table, field: where it is mended; row: its STT there, 0 for none.

    text: a Vietnamese sentence that says what to do, a key of the words with {places}; values: (place, value) pairs.
    mender: rec, doc, lab, img, pha, cas, ins or it.
    """

    rule: str
    table: str
    field: str
    row: int
    level: str
    text: str
    values: tuple[tuple[str, str], ...] = ()
    mender: str = ""

    def sentence(self) -> str:
        """The Vietnamese sentence with its values."""
        return self.text.format(**dict(self.values)) if self.values else self.text


@dataclass(frozen=True)
class Term:
    """What holds for a rule on some days, both included; None is open. moment: live, close, batch or send.

    is_off: the facility has switched it off. name: what the rule asks, in a sentence.
    """

    rule: str
    name: str
    level: str
    moment: str
    mender: str
    from_on: date | None = None
    to_on: date | None = None
    is_off: bool = False


@dataclass(frozen=True)
class Hit:
    """What a rule found, before its terms are known."""

    table: str
    field: str
    row: int
    text: str
    values: tuple[tuple[str, str], ...] = ()


def hit(table: str, field: str, row: int, text: str, /, **values: Any) -> Hit:
    """A hit; values are shown as they are written in the claim."""
    return Hit(table, field, row, text, tuple((name, str(one)) for name, one in values.items()))


Rule = Callable[[Any, Any], Iterable[Hit]]  # (reading.Claim, surroundings.Surroundings)
