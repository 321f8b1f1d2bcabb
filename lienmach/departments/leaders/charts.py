"""Geometry of the small charts: points and bars as numbers, drawn by the server into SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

WIDTH, HEIGHT = 360, 120
_LEFT, _BOTTOM, _TOP = 34, 18, 6


@dataclass(frozen=True)
class Bar:
    """One bar: left edge, upper edge, width and height in units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    value: int
    label: str


@dataclass(frozen=True)
class Bars:
    """A bar chart. top: the value of its upper line. marks: (y, value) of the lines behind the bars."""

    bars: tuple[Bar, ...]
    top: int
    marks: tuple[tuple[float, int], ...]
    base: float = HEIGHT - _BOTTOM
    left: float = _LEFT
    width: int = WIDTH
    height: int = HEIGHT


def bars(values: Sequence[tuple[str, int]]) -> Bars:
    """Bars of (label, value), values of 0 and more, side by side."""
    top = _round_up(max((value for _, value in values), default=0))
    room = HEIGHT - _BOTTOM - _TOP
    step = (WIDTH - _LEFT) / max(len(values), 1)
    made = tuple(
        Bar(
            round(_LEFT + at * step + step * 0.1, 1), round(HEIGHT - _BOTTOM - room * value / top, 1),
            round(step * 0.8, 1), round(room * value / top, 1), value, label,
        )
        for at, (label, value) in enumerate(values)
    )  # fmt: skip
    return Bars(made, top, tuple((round(HEIGHT - _BOTTOM - room * part, 1), int(top * part)) for part in (0.5, 1.0)))


@dataclass(frozen=True)
class Whisker:
    """An interval on a line from 0: left end, point and right end in units of the drawing; is_cut: it goes on."""

    low: float
    point: float
    high: float
    is_cut: bool


def whisker(ratio: float, low: float, high: float, *, most: float, width: int = 200) -> Whisker:
    """An interval of a ratio on a scale from 0 to `most`."""

    def at(value: float) -> float:
        return round(width * min(max(value, 0.0), most) / most, 1)

    return Whisker(at(low), at(ratio), at(high), high > most)


def _round_up(value: int) -> int:
    """The least of 2, 4, 10, 20, 40, 100 … that is not below the value; at least 2."""
    if value <= 2:
        return 2
    power = 10 ** int(log10(value))
    return next(power * part for part in (1, 2, 4, 10) if power * part >= value) if value > power else ceil(power)
