"""Westgard rules on the runs of one lot of control material: pure (Westgard et al., Clin Chem 1981;27:493).

    broken([Decimal("1.2"), Decimal("2.4")])  # z-scores, oldest first; the last one is judged -> ("1-2s",)

1-2s warns; 1-3s, 2-2s, R-4s, 4-1s and 10-x reject. R-4s asks for two levels of the same run in the first paper; here
the run before it in the same lot stands in, which is how a place with one level uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

RULES = ("1-3s", "2-2s", "R-4s", "4-1s", "10-x", "1-2s")
WARNING = "1-2s"


def broken(scores: Sequence[Decimal]) -> tuple[str, ...]:
    """The rules that the newest of these z-scores breaks, worst first; a score on a limit does not break it."""
    if not scores:
        return ()
    newest = scores[-1]
    found = {
        "1-3s": abs(newest) > 3,
        "2-2s": _all_beyond(scores, 2, 2),
        "R-4s": len(scores) > 1 and _spreads(scores[-2], newest),
        "4-1s": _all_beyond(scores, 4, 1),
        "10-x": _all_beyond(scores, 10, 0),
        "1-2s": abs(newest) > 2,
    }
    return tuple(rule for rule in RULES if found[rule])


def is_out(rules: Sequence[str]) -> bool:
    """Whether results may not be given out: any rule but the warning."""
    return any(rule != WARNING for rule in rules)


def score(value: Decimal, mean: Decimal, sd: Decimal) -> Decimal:
    """How many standard deviations from the mean."""
    return (value - mean) / sd


def _all_beyond(scores: Sequence[Decimal], count: int, limit: int) -> bool:
    """Whether the last `count` scores all lie beyond this limit on the same side."""
    last = scores[-count:]
    return len(last) == count and (all(one > limit for one in last) or all(one < -limit for one in last))


def _spreads(before: Decimal, newest: Decimal) -> bool:
    return max(before, newest) > 2 and min(before, newest) < -2
