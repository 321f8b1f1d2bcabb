"""String parameters: folded, prefix by default (FHIR R4 search.html#string).

A row of `str` has `norm`, folded and cut to `NORM_LENGTH_MAX`, and `exact`, the text in NFC. A person's name has
rows for each of its parts and for each tail of the whole ("nguyen van an", "van an", "an"), because Vietnamese
people are called by the last word; tails have an empty `exact`, so that `:exact` does not see them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lienmach.record.index import values
from lienmach.record.index.condition import Condition, SearchContext, Side, Sql
from lienmach.record.index.writing import Write, Writing
from lienmach.standards.fhir.folding import compose, fold

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

NORM_LENGTH_MAX = 400  # a key of a btree must stay under 2,704 bytes; `:contains` sees only this much
_CACHED_LENGTH_MAX = 200
_TAILS_MAX = 12
_NAME_PARTS = ("family", "text")
_NAME_LISTS = ("given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "city", "district", "state", "country", "postalCode")
_HIGHEST = "\U0010ffff"


# Writing


def index_text(text: Any) -> str:
    """What `norm` holds for a text."""
    if not isinstance(text, str):
        return ""
    if len(text) > _CACHED_LENGTH_MAX:  # long texts do not come twice
        return fold.__wrapped__(text[: 4 * NORM_LENGTH_MAX])[:NORM_LENGTH_MAX]
    return fold(text)[:NORM_LENGTH_MAX]


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How a value of `datatype` is indexed for `parameter`; None if strings have no such values."""
    number = parameter.number
    name_parts, name_lists, address_parts = (
        tuple(part for part in parts if part not in parameter.covered)
        for parts in (_NAME_PARTS, _NAME_LISTS, _ADDRESS_PARTS)
    )

    def write_text(value: Any, out: Writing) -> None:
        if isinstance(value, str) and (norm := index_text(value)):
            out.str.append((number, norm, compose(value), None))

    def write_name(value: Any, out: Writing) -> None:
        if not isinstance(value, dict):
            return
        for text in _parts(value, name_parts, name_lists):
            write_text(text, out)
        words = index_text(full_name(value)).split()
        for start in range(min(len(words), _TAILS_MAX)):
            out.str.append((number, " ".join(words[start:]), "", None))

    def write_address(value: Any, out: Writing) -> None:
        if isinstance(value, dict):
            for text in _parts(value, address_parts, ("line",)):
                write_text(text, out)

    if datatype == "HumanName":
        return write_name
    if datatype == "Address":
        return write_address
    return write_text if datatype[:1].islower() else None


def full_name(name: dict) -> str:
    """The whole name as it is said: `text`, else family before given, as Vietnamese names are."""
    if isinstance(text := name.get("text"), str):
        return text
    return " ".join(_parts(name, ("family",), ("given",)))


def _parts(value: dict, singles: tuple[str, ...], lists: tuple[str, ...]) -> list[str]:
    found = [text for key in singles if isinstance(text := value.get(key), str)]
    for key in lists:
        found += [text for text in value.get(key) or () if isinstance(text, str)]
    return found


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter:modifier=found` asks. Modifiers: exact, contains, missing; `text` is the default."""
    numbers = tuple(source.number for source in parameter.sources)
    if modifier not in (None, "exact", "contains"):
        raise values.no_modifier(parameter, modifier)
    texts = [values.unescape(value) for value in found]
    for text in texts:
        if not text.strip():
            raise values.bad(parameter, text, "is empty.")
    return Condition(parameter, side=Side("str", numbers, sql_of(texts, modifier), eager=modifier != "contains"))


def text_condition(parameter: Parameter, found: list[str]) -> Condition:
    """`:text` of a coded parameter: its texts and displays that begin with the value, or have a word that does."""
    numbers = tuple(source.number for source in parameter.sources)
    texts = [values.unescape(value) for value in found]
    if not all(text.strip() for text in texts):
        raise values.bad(parameter, ",".join(found), "is empty.")
    starts, words = sql_of(texts, None), sql_of([f" {text}" for text in texts], "contains")

    def sql(alias: str, args: list[Any]) -> str:
        return f"({starts(alias, args)} or {words(alias, args)})"

    return Condition(parameter, side=Side("str", numbers, sql, eager=False))


def sql_of(texts: list[str], modifier: str | None) -> Sql:
    """SQL over a row of `str`: one of `texts` is its prefix, or (exact) all of it, or (contains) in it."""

    def sql(alias: str, args: list[Any]) -> str:
        return "(" + " or ".join(_one(alias, args, text, modifier) for text in texts) + ")"

    return sql


def _one(alias: str, args: list[Any], text: str, modifier: str | None) -> str:
    norm = index_text(text)
    if modifier == "exact":
        args += [norm, compose(text)]
        return f"({alias}.norm = ${len(args) - 1} and {alias}.exact = ${len(args)})"
    if modifier == "contains":
        lead = " " if text[:1] == " " else ""
        args.append("%" + lead + norm.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
        return f"{alias}.norm like ${len(args)}"
    args += [norm, norm + _HIGHEST]
    return f"({alias}.norm >= ${len(args) - 1} and {alias}.norm < ${len(args)})"
