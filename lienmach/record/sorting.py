"""`_sort`: the keys that put rows in order, and the condition "after this row" for paging by key.

Rows of one search always have one total order: the asked keys, rows without a value last, and the row number as the
last word. Without `_sort`, or with the descending main date of a type, it is the natural order (d1 desc, rid desc)
that the indexes keep. Of several values the one counts that comes first in the asked direction
(FHIR R4 search.html#sort). Codes, references and uris sort by their text, read from the stored body.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lienmach.base import errors
from lienmach.record.index import contained
from lienmach.record.index.parameters import Parameter
from lienmach.record.sql import Text
from lienmach.standards.fhir.query_values import SortKey

TIME, TEXT, NUMBER = "time", "text", "number"
_TEXT_CHARS = 120  # longer texts are in order up to here, so that a page mark stays short
_CASTS = {TIME: "timestamptz", TEXT: "text", NUMBER: "numeric"}


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key. kind: how a page mark writes it. sql: (text, alias) -> expression. indexed: an index of `ix` has
    this order within a type."""

    kind: str
    descending: bool
    sql: Callable[[Text, str], str]
    nullable: bool = True
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """keys: empty for the natural order."""

    keys: tuple[Key, ...] = ()

    @property
    def natural(self) -> bool:
        return not self.keys

    def kinds(self) -> tuple[str, ...]:
        """The kinds of the values of a page mark, without the row number."""
        return (TIME,) if self.natural else tuple(key.kind for key in self.keys)

    def columns(self) -> tuple[str, ...]:
        return ("d1",) if self.natural else tuple(f"k{n}" for n in range(1, len(self.keys) + 1))

    def clause(self, alias: str) -> str:
        """The text behind `order by`."""
        if self.natural:
            return f"{alias}.d1 desc, {alias}.rid desc"
        parts = []
        for column, key in zip(self.columns(), self.keys, strict=True):
            way = "desc" if key.descending else "asc"
            parts.append(f"{alias}.{column} {way}" + (" nulls last" if key.nullable else ""))
        return ", ".join((*parts, f"{alias}.rid asc"))

    def after(self, text: Text, alias: str, mark: tuple[Any, ...]) -> str:
        """SQL that is true behind the row whose values and row number `mark` holds."""
        rid = text.bind(mark[-1], "bigint")
        if self.natural:
            return f"({alias}.d1, {alias}.rid) < ({text.bind(mark[0], 'timestamptz')}, {rid})"
        found = f"{alias}.rid > {rid}"
        for column, key, value in reversed(list(zip(self.columns(), self.keys, mark[:-1], strict=True))):
            name = f"{alias}.{column}"
            if value is None:
                found = f"({name} is null and {found})"
                continue
            bound = text.bind(value, _CASTS[key.kind])
            beyond = f"{name} {'<' if key.descending else '>'} {bound}"
            if key.nullable:
                beyond = f"{beyond} or {name} is null"
            found = f"({beyond} or ({name} = {bound} and {found}))"
        first, value = self.keys[0], mark[0]
        if first.indexed and value is not None:  # says nothing new, but an index can begin there
            found = (
                f"({alias}.k1 {'<=' if first.descending else '>='} {text.bind(value, _CASTS[first.kind])} and {found})"
            )
        return found


NATURAL = Order()


def order_of(sort: tuple[SortKey, ...], known: dict[str, Parameter] | None) -> Order:
    """The order that `_sort` asks of one type; known: its parameters, or None when several types are searched.

    Raises errors.UnknownParameter for a key that does not exist or has no order.
    """
    if not sort:
        return NATURAL
    keys = []
    for number, key in enumerate(sort):
        if key.code == "_id":
            keys.append(Key(TEXT, key.descending, _id, nullable=False))
        elif key.code == "_lastUpdated":
            keys.append(Key(TIME, key.descending, _updated, nullable=False, indexed=True))
        else:
            parameter = (known or {}).get(key.code)
            if parameter is None:
                raise errors.UnknownParameter(f"'_sort={key.code[:80]}': there is no such search parameter here.")
            if parameter.date_first and key.descending and number == 0 and len(sort) == 1:
                return NATURAL
            keys.append(_key(parameter, key.descending))
    return Order(tuple(keys))


def _id(text: Text, alias: str) -> str:
    return f"(select v.id from version v where v.tenant = $1 and v.seq = {alias}.seq)"


def _updated(text: Text, alias: str) -> str:
    return f"{alias}.updated"


_SIDES = {
    "date": ("dat", TIME, "lo"),
    "string": ("str", TEXT, "norm"),
    "number": ("num", NUMBER, "lo"),
    "quantity": ("num", NUMBER, "lo"),
}


def _key(parameter: Parameter, descending: bool) -> Key:
    if parameter.kind in _SIDES:
        table, kind, column = _SIDES[parameter.kind]
        pick = "max" if descending else "min"

        numbers = tuple(source.number for source in parameter.sources)
        named = "HumanName" in parameter.datatypes

        def first(text: Text, alias: str) -> str:
            value = f"left({pick}(s.{column}), {_TEXT_CHARS})" if kind == TEXT else f"{pick}(s.{column})"
            rows = (
                f"from {table} s where s.tenant = $1 and s.rid = {alias}.rid and "
                f"s.param = any({text.bind(numbers, 'int[]')})"
            )
            if named:  # the whole name, which is the longest of the tails that record/index/string.py writes
                return (
                    f"(select left(s.norm, {_TEXT_CHARS}) {rows} and s.exact = '' "
                    "order by length(s.norm) desc, s.norm limit 1)"
                )
            return f"(select {value} {rows})"

        return Key(kind, descending, first)
    paths = _body_paths(parameter)
    if not paths:
        raise errors.UnknownParameter(f"'_sort={parameter.code}': this search parameter has no order.")

    def read(text: Text, alias: str) -> str:
        pick = "max" if descending else "min"
        values = " union all ".join(
            f"select jsonb_path_query(b.body, {text.bind(path, 'jsonpath')}) j" for path in paths
        )
        return (
            f"(select left({pick}((x.j #>> '{{}}') collate \"C\"), {_TEXT_CHARS}) from (select case when {alias}.rid < 0 "
            f"then w.body -> 'contained' -> {contained.place_sql(alias)} else w.body end as body "
            f"from (select convert_from(v.body, 'UTF8')::jsonb body from version v "
            f"where v.tenant = $1 and v.seq = {alias}.seq offset 0) w) b cross join lateral ({values}) x "
            "where jsonb_typeof(x.j) not in ('object', 'array', 'null'))"
        )

    return Key(TEXT, descending, read)


_PLAIN = re.compile(r"[A-Z][A-Za-z]+((\.[a-z][A-Za-z0-9]*)+)\Z")
_LEAVES = ("", ".coding.code", ".code", ".value", ".reference", ".coding.display")


def _body_paths(parameter: Parameter) -> list[str]:
    """JSON paths to the texts of a token, reference or uri parameter whose expression is a plain path, else none."""
    paths = []
    for part in parameter.expression.split("|"):
        part = part.strip().strip("()")
        if " as " in part or ".as(" in part or ".where(resolve()" in part:
            part = re.sub(r"\.where\(resolve\(\).*\Z", "", part)
            found = re.match(r"\(?([A-Za-z.]+)(?: as |\.as\()([A-Za-z]+)\)?\Z", part)
            if found:
                part = found[1] + found[2][0].upper() + found[2][1:]
        matched = _PLAIN.match(part)
        if matched and part.split(".")[0] in (parameter.type, "Resource", "DomainResource"):
            paths += [f"lax ${matched[1]}{leaf}" for leaf in _LEAVES]
    return paths
