"""Composite parameters: the parts must hold in one and the same place (FHIR R4 search.html#combining).

The first part is always a token (or, for `relationship`, one of a pair of terms). Paired with a token or reference
it becomes terms of kind p; paired with a quantity, date or string, a row of that side table whose `tok` is the token
(token.partner); with two numbers, one row of `num` with both. A composite with a token part implies the plain
condition on that part where the type has such a parameter, so that the plan may drive by a hot code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lienmach.record.index import date, quantity, reference, string, token, values
from lienmach.record.index import number as numbers
from lienmach.record.index.condition import Condition, SearchContext, Side, Sql
from lienmach.record.index.terms import term
from lienmach.record.index.writing import Write, Writing
from lienmach.standards.fhir.folding import compose
from lienmach.standards.fhir.path import Item, Key, Path

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

Find = Callable[[Any, dict], list[Item]]
_PAIRS = ("token", "reference")
_WORDS_MAX = 100  # on each side of a pair; thousands of codings in both would make millions of pairs


# Writing


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How an item of `datatype`, where all parts are looked for, is indexed."""
    paths = [component.paths.get(datatype) for component in parameter.components]
    if None in paths or any(not path.branches for path in paths if path):
        return None
    first, *rest = [path for path in paths if path is not None]
    kinds = tuple(component.kind for component in parameter.components)
    write = _pairs if kinds[1] in _PAIRS else _numbers if kinds[1:] == ("number", "number") else _sides
    keys = _first_keys(rest[0])
    find_first, find_rest = _finder(first), [_finder(path) for path in rest]

    def write_composite(value: Any, out: Writing) -> None:
        # Most items lack the second part; asking for its keys first saves the walk.
        if isinstance(value, dict) and (not keys or not keys.isdisjoint(value)):
            write(parameter, find_first, find_rest, value, out)

    return write_composite


def _finder(path: Path) -> Find:
    """`path.find`, shorter where the path is one key."""
    if len(path.branches) == 1 and len(path.branches[0].steps) == 1:
        (branch,) = path.branches
        (step,) = branch.steps
        if isinstance(step, Key) and not step.many:
            name, datatype = step.name, branch.datatype
            return lambda value, _: [] if (found := value.get(name)) is None else [(datatype, found)]
    return path.find


def _first_keys(path: Path) -> frozenset[str]:
    names = [getattr(branch.steps[0], "name", "") if branch.steps else "" for branch in path.branches]
    return frozenset(names) if all(names) else frozenset()


def _pairs(parameter: Parameter, first: Find, rest: list[Find], value: dict, out: Writing) -> None:
    prefix, root = f"{parameter.type}|{parameter.code}|p", out.resource
    others = [text for datatype, one in rest[0](value, root) for text in _words(datatype, one)][:_WORDS_MAX]
    if not others:
        return
    for datatype, one in first(value, root):
        for word in _words(datatype, one)[:_WORDS_MAX]:
            out.terms += [term(out.seed, f"{prefix}|{word}${other}") for other in others]


def _words(datatype: str, value: Any) -> list[str]:
    """The words that stand for a token or reference in a pair."""
    if datatype == "Reference":
        text = reference.literal(datatype, value)
        return [f"r|{reference.without_version(text)}"] if text else []
    return [word for system, code in token.codings(datatype, value) for word in (f"t|{system}|{code}", f"c|{code}")]


def _sides(parameter: Parameter, first: Find, rest: list[Find], value: dict, out: Writing) -> None:
    root, number, seed = out.resource, parameter.number, out.seed
    found = rest[0](value, root)
    if not found:
        return
    partners = [
        token.partner(seed, *coding)
        for datatype, one in first(value, root)
        for coding in token.codings(datatype, one)[:_WORDS_MAX]
    ]
    kind = parameter.components[1].kind
    for datatype, one in found:
        for tok in partners:
            if kind == "quantity":
                for unit, lo, hi, lo2, hi2 in quantity.rows_of(datatype, one, seed):
                    out.num.append((number, unit, lo, hi, tok, lo2, hi2))
            elif kind == "date" and (edges := date.range_of(datatype, one, out.tz)):
                out.dat.append((number, *edges, tok))
            elif kind == "string" and isinstance(one, str):
                out.str.append((number, string.index_text(one), compose(one), tok))


def _numbers(parameter: Parameter, first: Find, rest: list[Find], value: dict, out: Writing) -> None:
    root = out.resource
    amounts = [[n for _, one in find(value, root) if (n := numbers.to_decimal(one)) is not None] for find in rest]
    for datatype, one in first(value, root):
        for coding in token.codings(datatype, one):
            tok = token.partner(out.seed, *coding)
            out.num += [(parameter.number, 0, a, a, tok, b, b) for a in amounts[0] for b in amounts[1]]


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter=a$b[$c]` asks. Modifiers: none."""
    if modifier is not None:
        raise values.no_modifier(parameter, modifier)
    parts = [_parts(parameter, value) for value in found]
    implied = _implied(parameter, [part[0] for part in parts], context)
    if parameter.components[1].kind in _PAIRS:
        terms = tuple(
            dict.fromkeys(
                term(context.term_seed, f"{source.type}|{source.code}|p|{pair}")
                for source in parameter.sources
                for value, part in zip(found, parts, strict=True)
                for pair in _asked_pairs(parameter, value, part, context)
            )
        )
        return Condition(parameter, terms, implies=implied)
    table = {"quantity": "num", "number": "num", "date": "dat", "string": "str"}[parameter.components[1].kind]
    sqls = [_asked_side(parameter, value, part, context) for value, part in zip(found, parts, strict=True)]

    def sql(alias: str, args: list[Any]) -> str:
        return "(" + " or ".join(one(alias, args) for one in sqls) + ")"

    numbers_ = tuple(source.number for source in parameter.sources)
    return Condition(parameter, side=Side(table, numbers_, sql, eager=False), implies=implied)


def _parts(parameter: Parameter, value: str) -> list[str]:
    parts = values.split(value, "$")
    if len(parts) != len(parameter.components) or not all(parts):
        raise values.bad(
            parameter,
            value,
            "does not have the parts '" + "$".join(component.code for component in parameter.components) + "'.",
        )
    return parts


def _implied(parameter: Parameter, first: list[str], context: SearchContext) -> Condition | None:
    partner = parameter.components[0].parameter
    if partner is None or partner.kind != "token":
        return None
    return token.condition(partner, None, first, context)


def _token(parameter: Parameter, value: str, part: str) -> tuple[str, str, str]:
    kind, system, code = token.parse(parameter, part)
    if kind == "s":
        raise values.bad(parameter, value, "needs a code in its first part: 'code' or 'system|code'.")
    return kind, system, code


def _asked_pairs(parameter: Parameter, value: str, parts: list[str], context: SearchContext) -> list[str]:
    sides: list[list[str]] = []
    for component, part in zip(parameter.components, parts, strict=True):
        if component.kind == "reference":
            text = values.unescape(part)
            targets = component.targets or (context.definitions.types if context.definitions else ())
            sides.append([f"r|{text}"] if "/" in text else [f"r|{target}/{text}" for target in targets])
        else:
            kind, system, code = _token(parameter, value, part)
            sides.append([f"t|{system}|{code}"] if kind == "t" else [f"c|{code}"])
    return [f"{a}${b}" for a in sides[0] for b in sides[1]]


def _asked_side(parameter: Parameter, value: str, parts: list[str], context: SearchContext) -> Sql:
    low, high = token.partner_range(context.term_seed, *_token(parameter, value, parts[0]))
    inner = _inner(parameter, value, parts[1:], context)

    def sql(alias: str, args: list[Any]) -> str:
        args += [low, high]
        bound = f"{alias}.tok between ${len(args) - 1} and ${len(args)}"
        return f"({bound} and {inner(alias, args)})"

    return sql


def _inner(parameter: Parameter, value: str, parts: list[str], context: SearchContext) -> Sql:
    kind = parameter.components[1].kind
    if kind == "quantity":
        return quantity.one(parameter, parts[0], context)[0]
    if kind == "date":
        prefix, low, high = date.parse(parameter, parts[0], context)
        return lambda alias, args: date.sql_of(alias, args, prefix, low, high, context.now)
    if kind == "string":
        return string.sql_of([values.unescape(parts[0])], None)
    read = [numbers.parse(parameter, part) for part in parts]
    return lambda alias, args: (
        "("
        + " and ".join(
            numbers.sql_of(f"{alias}.lo{n}", f"{alias}.hi{n}", args, *one)
            for n, one in zip(("", "2"), read, strict=True)
        )
        + ")"
    )
