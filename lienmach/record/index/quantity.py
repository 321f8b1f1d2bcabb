"""Quantity parameters (FHIR R4 search.html#quantity).

A row of `num` has in `lo`, `hi` the amount in the canonical unit and in `unit` the hash of that unit's key; in
`lo2`, `hi2` the amount as it was written, which a query without a unit compares. A quantity whose unit UCUM does
not know (or has no code for) has the hash of `system|code`, and one more row for its bare code and for its unit's
text, so that `5.4||mg` finds it. Both edges are in; a comparator `<` in the resource opens the lower edge.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lienmach.record.index import number as numbers
from lienmach.record.index import values
from lienmach.record.index.condition import Condition, SearchContext, Side, Sql
from lienmach.record.index.number import HIGHEST, LOWEST, to_decimal
from lienmach.record.index.terms import term
from lienmach.record.index.writing import Write, Writing
from lienmach.standards.fhir import units

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

Row = tuple[int, Decimal, Decimal, Decimal, Decimal]
"""(unit, lo, hi, lo2, hi2)"""

_CURRENCIES = "urn:iso:std:iso:4217"
_QUANTITIES = frozenset(("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"))


# Writing


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How a value of `datatype` is indexed for `parameter`; None if quantities have no such values."""
    number = parameter.number
    if datatype not in _QUANTITIES and datatype not in ("Money", "Range"):
        return None

    def write(value: Any, out: Writing) -> None:
        for unit, lo, hi, lo2, hi2 in rows_of(datatype, value, out.seed):
            out.num.append((number, unit, lo, hi, None, lo2, hi2))

    return write


def rows_of(datatype: str, value: Any, seed: int) -> tuple[Row, ...]:
    """The rows of one value, without parameter and partner."""
    if not isinstance(value, dict):
        return ()
    if datatype == "Range":
        low, high = value.get("low"), value.get("high")
        edge = low if isinstance(low, dict) else high if isinstance(high, dict) else {}
        return _rows(seed, *_unit(edge), _amount(low, LOWEST), _amount(high, HIGHEST))
    amount = value.get("value")
    if not isinstance(amount, Decimal) and (amount := to_decimal(amount)) is None:
        return ()
    if datatype == "Money":
        currency = value.get("currency") or ""
        return _rows(seed, _CURRENCIES if currency else "", currency, "", amount, amount)
    comparator = value.get("comparator")
    if comparator is None:
        return _rows(seed, *_unit(value), amount, amount)
    lo = LOWEST if comparator in ("<", "<=") else amount
    hi = HIGHEST if comparator in (">", ">=") else amount
    return _rows(seed, *_unit(value), lo, hi)


def _amount(edge: Any, otherwise: Decimal) -> Decimal:
    found = to_decimal(edge.get("value")) if isinstance(edge, dict) else None
    return otherwise if found is None else found


def _unit(value: dict) -> tuple[str, str, str]:
    return value.get("system") or "", value.get("code") or "", value.get("unit") or ""


@lru_cache(maxsize=8192)
def _rows(seed: int, system: str, code: str, text: str, lo: Decimal, hi: Decimal) -> tuple[Row, ...]:
    # Equal numbers share an entry whatever their digits (5.40, 5.4); to a comparison they are equal, too.
    if lo == LOWEST and hi == HIGHEST:
        return ()
    names, canonical = _names(seed, system, code, text)
    if canonical is None:
        return tuple((name, lo, hi, lo, hi) for name in names)
    convert = canonical.convert
    first = (names[0], convert(lo) if lo.is_finite() else lo, convert(hi) if hi.is_finite() else hi, lo, hi)
    return (first, *((name, lo, hi, lo, hi) for name in names[1:]))


@lru_cache(maxsize=2048)
def _names(seed: int, system: str, code: str, text: str) -> tuple[tuple[int, ...], units.Canonical | None]:
    """(hashes of the unit's names, canonical form); with a canonical form the first hash is that of its key."""
    canonical = units.canonical(code) if system == units.SYSTEM and code else None
    if canonical is not None:
        found = [unit_term(seed, "ucum", canonical.key)]
        found += [unit_term(seed, "", text)] if text and text != code else []
    else:
        found = [unit_term(seed, system, code)] if system else []
        found += [unit_term(seed, "", name) for name in dict.fromkeys((code, text)) if name]
    return tuple(found) or (unit_term(seed, "", ""),), canonical


def unit_term(seed: int, system: str, code: str) -> int:
    """The hash in `num.unit`; system "ucum" with the key of a canonical unit, "" for a bare code or text."""
    return term(seed, f"unit|{system}|{code}")


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter=[prefix]number|system|code` asks. Modifiers: missing."""
    if modifier is not None:
        raise values.no_modifier(parameter, modifier)
    sqls = [one(parameter, value, context) for value in found]

    def sql(alias: str, args: list[Any]) -> str:
        return "(" + " or ".join(part(alias, args) for part, _ in sqls) + ")"

    return Condition(
        parameter,
        side=Side(
            "num",
            tuple(source.number for source in parameter.sources),
            sql,
            eager=all(has_unit for _, has_unit in sqls),
        ),
    )


def one(parameter: Parameter, value: str, context: SearchContext) -> tuple[Sql, bool]:
    """(SQL over a row of `num` for one query value, whether it names a unit). Raises errors.Invalid."""
    parts = [values.unescape(part) for part in values.split(value, "|")]
    if len(parts) not in (1, 3):
        raise values.bad(parameter, value, "is not a quantity: 'number' or 'number|system|code' was expected.")
    prefix, amount = numbers.parse(parameter, parts[0])
    system, code = (parts[1], parts[2]) if len(parts) == 3 else ("", "")
    if not code:
        return (lambda alias, args: numbers.sql_of(f"{alias}.lo2", f"{alias}.hi2", args, prefix, amount)), False
    choices: list[tuple[int, units.Canonical | None]] = []
    canonical = units.canonical(code) if system in ("", units.SYSTEM) else None
    if canonical is not None:
        choices.append((unit_term(context.term_seed, "ucum", canonical.key), canonical))
    if canonical is None or not system:
        choices.append((unit_term(context.term_seed, system, code), None))

    def sql(alias: str, args: list[Any]) -> str:
        texts = []
        for unit, form in choices:
            args.append(unit)
            bound = f"{alias}.unit = ${len(args)}"
            converted = numbers.sql_of(
                f"{alias}.lo", f"{alias}.hi", args, prefix, amount, form.convert if form else None
            )
            texts.append(f"({bound} and {converted})")
        return "(" + " or ".join(texts) + ")"

    return sql, True
