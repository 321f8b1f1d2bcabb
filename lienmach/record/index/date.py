"""Date parameters: every value is a range of instants, low edge in, high edge out (FHIR R4 search.html#date).

A row of `dat` is [lo, hi). A missing edge of a Period is `dates.EARLIEST` or `LATEST`. Of a Timing only the outer
limits count. Times without offset are times of the tenant's zone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lienmach.record.index import values
from lienmach.record.index.condition import Condition, SearchContext, Side
from lienmach.record.index.writing import Write, Writing
from lienmach.standards.fhir import dates

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

Range = tuple[datetime, datetime]
Bounds = tuple[datetime | None, datetime | None]

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_date = lru_cache(maxsize=16384)(dates.parse_date)


# Writing


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How a value of `datatype` is indexed for `parameter`; None if dates have no such values."""
    read = _READERS.get(datatype)
    if read is None:
        return None
    number, rank = parameter.number, parameter.date_rank

    def write(value: Any, out: Writing) -> None:
        found = read(value, out.tz)
        if found is not None:
            out.dat.append((number, *found, None))
            if rank is not None:
                out.primary.append((rank, found[0]))

    return write


def range_of(datatype: str, value: Any, tz: tzinfo) -> Range | None:
    """[low, high) of a date-like value, or None if it has none."""
    read = _READERS.get(datatype)
    return read(value, tz) if read else None


def _of_text(value: Any, tz: tzinfo) -> Range | None:
    # `abatementString` may be reached by a date parameter; it says no date.
    return _date(value, tz) if isinstance(value, str) else None


def _of_period(value: Any, tz: tzinfo) -> Range | None:
    return dates.parse_period(value, tz) if isinstance(value, dict) else None


def _of_timing(value: Any, tz: tzinfo) -> Range | None:
    return dates.parse_timing(value, tz) if isinstance(value, dict) else None


_READERS: dict[str, Callable[[Any, tzinfo], Range | None]] = {
    **dict.fromkeys(("date", "dateTime", "instant", "string"), _of_text),
    "Period": _of_period,
    "Timing": _of_timing,
}


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter=found` asks. Prefixes: eq ne gt lt ge le sa eb ap. Modifiers: missing."""
    if modifier is not None:
        raise values.no_modifier(parameter, modifier)
    numbers = tuple(source.number for source in parameter.sources)
    read = [parse(parameter, value, context) for value in found]
    bounds = [_bounds(*one, context.now) for one in read]
    low = (_least([b[0] for b in bounds]), _most([b[1] for b in bounds]))

    def sql(alias: str, args: list[Any]) -> str:
        return "(" + " or ".join(sql_of(alias, args, *one, context.now) for one in read) + ")"

    return Condition(parameter, side=Side("dat", numbers, sql, eager=None not in low, low=low))


def parse(parameter: Parameter, value: str, context: SearchContext) -> tuple[str, datetime, datetime]:
    """(prefix, low, high) of a query value such as `ge2024-05`. Raises errors.Invalid."""
    text = values.unescape(value).strip()
    prefix = text[:2] if text[:2] in PREFIXES else "eq"
    text = text[2:] if text[:2] in PREFIXES else text
    # A `+` of the offset arrives as a space when the client did not encode it.
    text = text[:10] + text[10:].replace(" ", "+") if "T" in text else text
    try:
        return prefix, *dates.parse_range(text, context.tz)
    except dates.DateError:
        raise values.bad(
            parameter,
            value,
            "is not a date: [prefix]yyyy[-mm[-dd[Thh:mm[:ss[.sss]][zone]]]] "
            "was expected, with a prefix of " + " ".join(PREFIXES) + ".",
        ) from None


def sql_of(alias: str, args: list[Any], prefix: str, low: datetime, high: datetime, now: datetime) -> str:
    """SQL over a row of `dat`: its range against [low, high), as search.html#prefix says for each prefix."""
    if prefix == "ap":
        low, high = _about(low, high, now)
    args += [low, high]
    a, b, lo, hi = f"${len(args) - 1}", f"${len(args)}", f"{alias}.lo", f"{alias}.hi"
    # $::timestamptz keeps the type known where a bound is used on one side only.
    a, b = a + "::timestamptz", b + "::timestamptz"
    match prefix:
        case "eq":
            return f"({lo} >= {a} and {lo} < {b} and {hi} <= {b})"
        case "ne":
            return f"not ({lo} >= {a} and {hi} <= {b})"
        case "gt":
            return f"({hi} > {b} and {hi} > {a})"
        case "lt":
            return f"({lo} < {a} and {lo} < {b})"
        case "ge":
            return f"({hi} > {a} and ({hi} > {b} or {lo} >= {a}))"
        case "le":
            return f"({lo} < {b} and ({lo} < {a} or {hi} <= {b}))"
        case "sa":
            return f"({lo} >= {b} and {lo} >= {a})"
        case "eb":
            return f"({lo} < {a} and {hi} <= {a} and {hi} <= {b})"
        case _:
            return f"({lo} < {b} and {hi} > {a})"


def _bounds(prefix: str, low: datetime, high: datetime, now: datetime) -> Bounds:
    """Where `lo` of every matching row lies: [from, below)."""
    return {
        "eq": (low, high),
        "lt": (None, low),
        "le": (None, high),
        "sa": (high, None),
        "eb": (None, low),
        "ap": (None, _about(low, high, now)[1]),
    }.get(prefix, (None, None))


def _about(low: datetime, high: datetime, now: datetime) -> Range:
    """The range widened by a tenth of its distance from now, on both sides."""
    margin = abs(now - low) / 10
    return _shift(low, -margin), _shift(high, margin)


def _shift(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return dates.EARLIEST if by < timedelta() else dates.LATEST


def _least(edges: list[datetime | None]) -> datetime | None:
    return None if None in edges else min(edge for edge in edges if edge is not None)


def _most(edges: list[datetime | None]) -> datetime | None:
    return None if None in edges else max(edge for edge in edges if edge is not None)
