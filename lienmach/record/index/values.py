"""Search values: splitting and unescaping (FHIR R4 search.html#escaping), the sentences of refusal, presence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lienmach.base import errors
from lienmach.record.index.condition import Condition, Side
from lienmach.record.index.terms import term_of

if TYPE_CHECKING:
    from lienmach.record.index.condition import SearchContext
    from lienmach.record.index.parameter import Parameter

SIDE_OF_KIND = {"string": "str", "date": "dat", "number": "num", "quantity": "num", "special": "num"}


def split(value: str, sign: str) -> list[str]:
    """Split at each `sign` that has no backslash before it; the parts stay escaped."""
    if "\\" not in value:
        return value.split(sign)
    parts, start, at = [], 0, 0
    while at < len(value):
        if value[at] == "\\":
            at += 2
            continue
        if value[at] == sign:
            parts.append(value[start:at])
            start = at + 1
        at += 1
    parts.append(value[start:])
    return parts


def unescape(value: str) -> str:
    """Take the backslash off `\\,` `\\$` `\\|` and `\\\\`; any other backslash stands for itself."""
    if "\\" not in value:
        return value
    out, at = [], 0
    while at < len(value):
        if value[at] == "\\" and value[at + 1 : at + 2] in (",", "$", "|", "\\"):
            at += 1
        out.append(value[at])
        at += 1
    return "".join(out)


def bad(parameter: Parameter, value: str, why: str) -> errors.Invalid:
    """The refusal of one value; the caller raises it."""
    return errors.Invalid(f"Search parameter '{parameter.code}': '{value[:80]}' {why}", code="value")


def no_modifier(parameter: Parameter, modifier: str | None) -> errors.UnknownParameter:
    """The refusal of a modifier; the caller raises it."""
    return errors.UnknownParameter(
        f"The modifier ':{(modifier or '')[:40]}' is not supported for the search parameter "
        f"'{parameter.code}' of {parameter.type}, which is of type {parameter.kind}."
    )


def missing(parameter: Parameter, values: list[str], context: SearchContext) -> Condition:
    """`:missing=true|false`. Side tables answer for their kinds, presence terms for the others."""
    wanted = {"true": True, "false": False}.get(values[0]) if len(values) == 1 else None
    if wanted is None:
        raise bad(parameter, ",".join(values), "is not 'true' or 'false', which ':missing' needs.")
    if parameter.required:
        return Condition(parameter, negate=not wanted)
    table = SIDE_OF_KIND.get(parameter.kind)
    if table:
        numbers = tuple(source.number for source in parameter.sources)
        return Condition(parameter, side=Side(table, numbers, lambda alias, args: "true", eager=False), negate=wanted)
    owners = parameter.present_in
    terms = tuple(term_of(context.term_seed, o.type, o.code, "m", "") for o in owners)
    return Condition(parameter, terms=terms, negate=wanted)
