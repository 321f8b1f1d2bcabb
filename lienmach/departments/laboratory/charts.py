"""Small server-made pictures: the trend of a test, and the Levey-Jennings chart of a lot. Values in, SVG text out.

Nothing in them comes from outside unescaped: numbers and dates only. Abnormal points have a form of their own, so
that no meaning hangs on colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup, escape

_WIDTH, _HEIGHT, _LEFT, _EDGE = 640, 200, 48, 14


def trend(
    points: Sequence[tuple[str, Decimal, bool]], *, low: Decimal | None, high: Decimal | None, title: str
) -> Markup:
    """Points (day, value, is it abnormal), oldest first, with the reference range as a band."""
    values = [value for _, value, _ in points] + [one for one in (low, high) if one is not None]
    bottom, top = _span(values)
    parts = [_open(title)]
    if low is not None or high is not None:
        upper, lower = (
            _y(high if high is not None else top, bottom, top),
            _y(low if low is not None else bottom, bottom, top),
        )
        parts.append(
            f'<rect x="{_LEFT}" y="{upper:.1f}" width="{_WIDTH - _LEFT - _EDGE}" height="{max(lower - upper, 1):.1f}" '
            'fill="#e2f4ea"/>'
        )
        for limit in (low, high):
            if limit is not None:
                parts.append(_label(limit, _y(limit, bottom, top)))
    parts.append(_line([value for _, value, _ in points], bottom, top))
    for index, (day, value, is_abnormal) in enumerate(points):
        parts.append(_mark(_x(index, len(points)), _y(value, bottom, top), is_abnormal, f"{day}: {_text(value)}"))
    if points:
        parts.append(_day(_LEFT, "start", points[0][0]))
    if len(points) > 1:
        parts.append(_day(_WIDTH - _EDGE, "end", points[-1][0]))
    return Markup("".join(parts) + "</svg>")


def levey_jennings(
    points: Sequence[tuple[str, Decimal, Sequence[str]]], *, mean: Decimal, sd: Decimal, title: str
) -> Markup:
    """Runs (day, value, rules broken), oldest first, over lines at the mean and ±1, 2, 3 standard deviations."""
    bottom, top = mean - 4 * sd, mean + 4 * sd
    parts = [_open(title)]
    for step in range(-3, 4):
        y = _y(mean + step * sd, bottom, top)
        colour = {0: "#0b5d3b", 1: "#7b8b98", 2: "#7a4b00", 3: "#a4161a"}[abs(step)]
        dash = "" if step == 0 else ' stroke-dasharray="4 3"'
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _EDGE}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"{dash}/>')
        name = "x̄" if step == 0 else f"{step:+d}s"
        parts.append(f'<text x="4" y="{y + 4:.1f}" font-size="12" fill="{colour}">{name}</text>')
    inside = [min(max(value, bottom), top) for _, value, _ in points]
    parts.append(_line(inside, bottom, top))
    for index, (day, value, rules) in enumerate(points):
        told = f"{day}: {_text(value)}" + (f" ({', '.join(rules)})" if rules else "")
        parts.append(_mark(_x(index, len(points)), _y(inside[index], bottom, top), bool(rules), told))
        if rules:
            x, y = _x(index, len(points)), _y(inside[index], bottom, top)
            parts.append(
                f'<text x="{x:.1f}" y="{max(y - 9, 11):.1f}" font-size="11" text-anchor="middle" fill="#a4161a">'
                f"{escape(rules[0])}</text>"
            )
    return Markup("".join(parts) + "</svg>")


def _open(title: str) -> str:
    said = escape(title)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}" width="{_WIDTH}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{said}</title>'
    )


def _line(values: Sequence[Decimal], bottom: Decimal, top: Decimal) -> str:
    spots = " ".join(f"{_x(index, len(values)):.1f},{_y(value, bottom, top):.1f}" for index, value in enumerate(values))
    return f'<polyline points="{spots}" fill="none" stroke="#00598c" stroke-width="2"/>'


def _mark(x: float, y: float, is_abnormal: bool, told: str) -> str:
    """A dot, or a diamond where the value is abnormal; its words for those who point at it."""
    said = f"<title>{escape(told)}</title>"
    if is_abnormal:
        return f'<path d="M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z" fill="#a4161a">{said}</path>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#00598c">{said}</circle>'


def _label(value: Decimal, y: float) -> str:
    return f'<text x="4" y="{y + 4:.1f}" font-size="12" fill="#0b5d3b">{_text(value)}</text>'


def _day(x: float, anchor: str, day: str) -> str:
    return f'<text x="{x}" y="{_HEIGHT - 2}" font-size="12" fill="#4a5b69" text-anchor="{anchor}">{escape(day)}</text>'


def _span(values: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    bottom, top = min(values, default=Decimal(0)), max(values, default=Decimal(1))
    room = (top - bottom) / 10 or Decimal(1)
    return bottom - room, top + room


def _x(index: int, count: int) -> float:
    inner = _WIDTH - _LEFT - 2 * _EDGE
    return _LEFT + _EDGE + (inner * index / (count - 1) if count > 1 else inner / 2)


def _y(value: Decimal, bottom: Decimal, top: Decimal) -> float:
    return float(_EDGE + (_HEIGHT - 2 * _EDGE - 12) * (top - value) / (top - bottom))


def _text(value: Decimal) -> str:
    return format(value, "f").replace(".", ",")
