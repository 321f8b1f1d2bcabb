"""Whose turn is it, and how long will it take: pure rules over the people who wait at one place.

A higher priority goes first, then the earlier number; but after two people of a priority group in a row an ordinary
one is called, so that nobody waits for ever. An emergency never waits for that rule. Who did not come when called
goes back a few places: others are called first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Protocol, TypeVar

EMERGENCY = 9
RUN_MAX = 2  # priority people called one after another while ordinary ones wait
MINUTES_USUAL = 7  # per person, until today has taught better
_MINUTES_LOW, _MINUTES_HIGH = 5, 10
_LEARNT_FROM = 3  # served people from which today's own pace counts


class Waiting(Protocol):
    """What the rules look at. priority: 0 ordinary, larger goes first. turn: order among equals.

    back_after: not before the place has made this many calls today, as long as others wait.
    """

    @property
    def priority(self) -> int: ...
    @property
    def turn(self) -> int: ...
    @property
    def back_after(self) -> int: ...


One = TypeVar("One", bound=Waiting)


@dataclass(frozen=True)
class Pace:
    """Minutes that a place needs for one person, today: a quarter is faster than low, a quarter slower than high."""

    low: float
    median: float
    high: float
    callers: int = 1  # people who call there at the moment

    def minutes(self, ahead: int) -> tuple[int, int]:
        """(from, to) whole minutes until somebody with `ahead` people before them is called."""
        return math.floor(ahead * self.low / self.callers), max(1, math.ceil((ahead + 1) * self.high / self.callers))

    def expected(self, waiting: int) -> float:
        """Minutes that a person who joins behind `waiting` others may expect to wait."""
        return waiting * self.median / self.callers


def priority_of(rank: int) -> int:
    """The priority of a group with this rank in the list `priority-group`: 1 is an emergency, 2 and 3 come before others.

    0 or less: no group.
    """
    return 0 if rank <= 0 else EMERGENCY if rank == 1 else max(1, EMERGENCY + 1 - rank)


def next_of(people: Sequence[One], *, calls: int, run: int) -> One | None:
    """Who is called next. calls: calls of the place today. run: priority people called one after another till now."""
    if not people:
        return None
    ready = [one for one in people if one.back_after <= calls]
    if not ready:
        nearest = min(one.back_after for one in people)
        ready = [one for one in people if one.back_after == nearest]
    first = min(ready, key=_key)
    if run >= RUN_MAX and 0 < first.priority < EMERGENCY:
        ordinary = [one for one in ready if one.priority == 0]
        return min(ordinary, key=_key) if ordinary else first
    return first


def run_after(run: int, called: Waiting) -> int:
    """The run of priority people once this one is called; an emergency changes nothing."""
    if called.priority >= EMERGENCY:
        return run
    return run + 1 if called.priority > 0 else 0


def in_order(people: Sequence[One], *, calls: int, run: int) -> list[One]:
    """Everybody in the order in which they will be called if nobody else comes."""
    left, ordered = list(people), []
    while (one := next_of(left, calls=calls, run=run)) is not None:
        left.remove(one)
        ordered.append(one)
        calls, run = calls + 1, run_after(run, one)
    return ordered


def pace_of(minutes: Sequence[float], *, callers: int = 1) -> Pace:
    """The pace that the served durations of today show; the usual one until there are three."""
    if len(minutes) < _LEARNT_FROM:
        return Pace(_MINUTES_LOW, MINUTES_USUAL, _MINUTES_HIGH, max(1, callers))
    low, median, high = quantiles(minutes, n=4, method="inclusive")
    return Pace(max(low, 0.5), max(median, 0.5), max(high, 1.0), max(1, callers))


def _key(one: Waiting) -> tuple[int, int]:
    return -one.priority, one.turn
