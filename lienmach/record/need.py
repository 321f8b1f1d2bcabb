"""What a search needs of a row: each kind says it as a test of one row and as a source of row numbers.

    test(text, "ix")   -> SQL boolean over columns of `ix`, to filter candidates
    source(text)       -> `select ... rid ...`, to find candidates, or None if no index leads there

A source may give a row twice and more rows than `test` admits; the plan always applies every test but that of an
exact source. Values are bound on `text`. Types, tenant and `access.visible` are the plan's to add.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from lienmach.record.index.condition import Condition
from lienmach.record.sql import Text


class Need(Protocol):
    """See the module. exact: every row of the source passes the test."""

    @property
    def exact(self) -> bool: ...

    def test(self, text: Text, alias: str) -> str: ...

    def source(self, text: Text) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """Any of `terms` is in ix.terms; none at all matches nothing. hot: `post` has all of them. plain: low selectivity."""

    terms: tuple[int, ...]
    hot: bool = False
    plain: bool = False
    negate: bool = False
    identifying: bool = False
    exact = True

    def test(self, text: Text, alias: str) -> str:
        found = f"arrayoverlap({alias}.terms, {text.bind(self.terms, 'bigint[]')})"
        return f"not {found}" if self.negate else found

    def source(self, text: Text) -> str | None:
        if self.negate:
            return None
        table, column = ("post", "s.term = any(") if self.hot else ("ix", "s.terms && (")
        return f"select s.rid from {table} s where s.tenant = $1 and {column}{text.bind(self.terms, 'bigint[]')})"


@dataclass(frozen=True, slots=True)
class Side:
    """A row of a side table, see record/index/condition.py `Side`. type: number of the resource type.

    reach: for the main date of a type with prefix ge or gt: every match ends after this instant.
    """

    condition: Condition
    type: int
    reach: datetime | None = None
    exact = True

    @property
    def window(self) -> tuple[datetime | None, datetime | None]:
        """[from, below) that holds ix.d1 of every match; None is open."""
        side = self.condition.side
        if side is None or self.condition.negate or not self.condition.parameter.date_leads:
            return None, None
        return side.low

    def test(self, text: Text, alias: str) -> str:
        side = self.condition.side
        assert side is not None
        found = (
            f"exists (select 1 from {side.table} s where s.tenant = $1 and s.rid = {alias}.rid and "
            f"{_params(text, side.params)} and {side.sql('s', text.args)} offset 0)"
        )
        return f"not {found}" if self.condition.negate else found

    def source(self, text: Text) -> str | None:
        side = self.condition.side
        if side is None or self.condition.negate or not side.eager:
            return None
        return (
            f"select s.rid from {side.table} s where s.tenant = $1 and s.type = {text.bind(self.type)} and "
            f"{_params(text, side.params)} and {side.sql('s', text.args)}"
        )

    def straddlers(self, text: Text, floor: datetime) -> str:
        """The rows of `reach` that began before `floor`, a day or more before it: long ones, few, indexed apart."""
        side = self.condition.side
        assert side is not None and self.reach is not None
        return (
            f"select s.rid from dat s where s.tenant = $1 and s.type = {text.bind(self.type)} and "
            f"{_params(text, side.params)} and s.hi - s.lo > interval '1 day' "
            f"and s.hi > {text.bind(self.reach, 'timestamptz')} and s.lo < {text.bind(floor, 'timestamptz')}"
        )


@dataclass(frozen=True, slots=True)
class Ids:
    """The resource has one of these ids. types: numbers of the types that are searched."""

    types: tuple[int, ...]
    ids: tuple[str, ...]
    exact = True

    def test(self, text: Text, alias: str) -> str:
        return f"{alias}.rid = any(array({self.source(text)}))"

    def source(self, text: Text) -> str:
        return (
            f"select s.rid from resource s where s.tenant = $1 and s.type = any({text.bind(self.types, 'smallint[]')}) "
            f"and s.id = any({text.bind(self.ids, 'text[]')}) and not s.deleted"
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """The resource has one of these row numbers."""

    rids: tuple[int, ...]
    exact = True

    def test(self, text: Text, alias: str) -> str:
        return f"{alias}.rid = any({text.bind(self.rids, 'bigint[]')})"

    def source(self, text: Text) -> str:
        return f"select s.rid from unnest({text.bind(self.rids, 'bigint[]')}) s(rid)"


@dataclass(frozen=True, slots=True)
class Patients:
    """The resource is about one of these patients (or is one): values of ix.pat.

    typed: only rows of these `types` count, of all that are searched.
    """

    pats: tuple[int, ...]
    types: tuple[int, ...]
    typed: bool = False
    exact = True

    def test(self, text: Text, alias: str) -> str:
        found = f"{alias}.pat = any({text.bind(self.pats, 'bigint[]')})"
        if self.typed:
            found = f"({found} and {alias}.type = any({text.bind(self.types, 'smallint[]')}))"
        return found

    def source(self, text: Text) -> str:
        return (
            f"select s.rid from ix s where s.tenant = $1 and s.pat = any({text.bind(self.pats, 'bigint[]')}) "
            f"and s.type = any({text.bind(self.types, 'smallint[]')})"
        )


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these needs is met."""

    needs: tuple[Need, ...]
    exact = True

    def test(self, text: Text, alias: str) -> str:
        return "(" + " or ".join(one.test(text, alias) for one in self.needs) + ")"

    def source(self, text: Text) -> str | None:
        parts = [one.source(text) for one in self.needs]
        if not parts or any(part is None for part in parts):
            return None
        return " union all ".join(f"({part})" for part in parts)


@dataclass(frozen=True, slots=True)
class Updated:
    """meta.lastUpdated lies in one of the spans [low, high); None is open. outside: in none of them."""

    spans: tuple[tuple[datetime | None, datetime | None], ...]
    outside: bool
    types: tuple[int, ...]
    exact = True

    def test(self, text: Text, alias: str) -> str:
        parts = []
        for low, high in self.spans:
            edges = []
            if low is not None:
                edges.append(f"{alias}.updated >= {text.bind(low, 'timestamptz')}")
            if high is not None:
                edges.append(f"{alias}.updated < {text.bind(high, 'timestamptz')}")
            parts.append("(" + (" and ".join(edges) or "true") + ")")
        found = "(" + " or ".join(parts) + ")"
        return f"not {found}" if self.outside else found

    def source(self, text: Text) -> str | None:
        if self.outside or len(self.spans) != 1 or self.spans[0][0] is None:
            return None
        types = text.bind(self.types, "smallint[]")
        return f"select s.rid from ix s where s.tenant = $1 and s.type = any({types}) and {self.test(text, 's')}"


def _params(text: Text, params: tuple[int, ...]) -> str:
    if len(params) == 1:
        return f"s.param = {text.bind(params[0])}"
    return f"s.param = any({text.bind(params, 'int[]')})"


def of_condition(condition: Condition, type_number: int) -> Need:
    """The need that a parameter's condition states."""
    if condition.side is not None:
        return Side(condition, type_number)
    parameter: Any = condition.parameter
    return Terms(
        condition.terms, condition.hot, parameter.low_selectivity, condition.negate, parameter.code == "identifier"
    )
