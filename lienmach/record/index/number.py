"""Number parameters, and the ranges that number and quantity share (FHIR R4 search.html#number, #prefix).

A row of `num` is [lo, hi], both edges in; a single number is lo = hi. A query number stands for the range that
its digits leave open: 100 is [99.5, 100.5), 5.40 is [5.395, 5.405), 1e2 is [95, 105).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from lienmach.record.index import values
from lienmach.record.index.condition import Condition, SearchContext, Side
from lienmach.record.index.writing import Write, Writing

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

LOWEST, HIGHEST = Decimal("-Infinity"), Decimal("Infinity")
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_NUMBER = re.compile(r"[+-]?(\d{1,60})(\.\d{1,60})?([eE][+-]?\d{1,2})?", re.ASCII)


# Writing


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How a value of `datatype` is indexed for `parameter`; None if numbers have no such values."""
    number = parameter.number

    def write_number(value: Any, out: Writing) -> None:
        if (found := to_decimal(value)) is not None:
            out.num.append((number, 0, found, found, None, None, None))

    def write_range(value: Any, out: Writing) -> None:
        if isinstance(value, dict):
            low, high = (to_decimal((value.get(edge) or {}).get("value")) for edge in ("low", "high"))
            if low is not None or high is not None:
                out.num.append(
                    (number, 0, LOWEST if low is None else low, HIGHEST if high is None else high, None, None, None)
                )

    if datatype in ("integer", "decimal", "positiveInt", "unsignedInt"):
        return write_number
    return write_range if datatype == "Range" else None


def to_decimal(value: Any) -> Decimal | None:
    """A JSON number as a Decimal, or None if it is none."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter=found` asks. Prefixes: eq ne gt lt ge le sa eb ap. Modifiers: missing."""
    if modifier is not None:
        raise values.no_modifier(parameter, modifier)
    numbers = tuple(source.number for source in parameter.sources)
    read = [parse(parameter, value) for value in found]

    def sql(alias: str, args: list[Any]) -> str:
        parts = [sql_of(f"{alias}.lo", f"{alias}.hi", args, prefix, number) for prefix, number in read]
        return f"({alias}.unit = 0 and (" + " or ".join(parts) + "))"

    return Condition(parameter, side=Side("num", numbers, sql, eager=all(prefix in ("eq", "ap") for prefix, _ in read)))


def parse(parameter: Parameter, value: str) -> tuple[str, Decimal]:
    """(prefix, number) of a query value such as `gt5.40`. Raises errors.Invalid."""
    text = values.unescape(value).strip()
    prefix = text[:2] if text[:2] in PREFIXES else "eq"
    text = text[2:] if text[:2] in PREFIXES else text
    if not _NUMBER.fullmatch(text):
        raise values.bad(
            parameter, value, "is not a number such as 100, 5.40 or 1e-3, with a prefix of " + " ".join(PREFIXES) + "."
        )
    try:
        return prefix, Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern admits nothing that Decimal refuses
        raise values.bad(parameter, value, "is not a number.") from None


def implied(number: Decimal) -> tuple[Decimal, Decimal]:
    """The range [low, high) that the digits of a number leave open."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    half = Decimal((0, (5,), exponent - 1))
    return number - half, number + half


def sql_of(
    lo: str, hi: str, args: list[Any], prefix: str, number: Decimal, convert: Callable[[Decimal], Decimal] | None = None
) -> str:
    """SQL over the edges `lo`, `hi` of a row against a query number. convert: into the unit of the row.

    Factors such as 1/60 are not exact; an edge that is met counts as met within 12 digits (1 /min is not > 60 /h).
    """

    def bind(one: Decimal, rounding: str = "") -> str:
        if convert is not None:
            one = convert(one)
            one = Context(prec=12, rounding=rounding).plus(one) if rounding else one
        args.append(one)
        return f"${len(args)}::numeric"

    if prefix in ("eq", "ne"):
        low, high = implied(number)
        a, b = bind(low), bind(high)
        inside = f"({lo} >= {a} and {lo} < {b} and {hi} < {b})"
        return inside if prefix == "eq" else f"not {inside}"
    if prefix == "ap":
        margin = abs(number) / 10
        a, b = bind(number - margin), bind(number + margin)
        return f"({lo} <= {b} and {hi} >= {a})"
    exact = bind(number, ROUND_FLOOR if prefix in ("ge", "lt", "eb") else ROUND_CEILING)
    return {
        "gt": f"{hi} > {exact}",
        "lt": f"{lo} < {exact}",
        "ge": f"{hi} >= {exact}",
        "le": f"{lo} <= {exact}",
        "sa": f"{lo} > {exact}",
        "eb": f"({lo} < {exact} and {hi} < {exact})",
    }[prefix]
