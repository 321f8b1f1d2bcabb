"""What a search asks for, as values: the criteria, chains, order, includes and form of the answer (FHIR R4 search.html)."""

from __future__ import annotations

from dataclasses import dataclass


class QueryError(ValueError):
    """What was asked cannot be read or is not there. parameter: its name as sent, cut at 80 characters.

    code: an IssueType: `not-supported` (no such thing here), `value` (unreadable), `too-costly` (over a limit).
    """

    def __init__(self, parameter: str, message: str, code: str = "not-supported") -> None:
        super().__init__(message)
        self.parameter = parameter[:80]
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one search may ask for. sort_keys and includes count comma parts; count_max cuts `_count`."""

    params_max: int = 100
    or_values_max: int = 200
    chain_depth_max: int = 6
    sort_keys_max: int = 8
    includes_max: int = 40
    count_max: int = 1000
    value_chars_max: int = 16384


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a path. Forward: `code[:type].`, follow the reference `code`, only to `type` if it is given.
    Reverse: `_has:type:code:`, go to the resources of `type` whose reference `code` points here."""

    code: str
    type: str | None
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Criterion:
    """`[path.]code[:modifier]=v1,v2`. name: as sent, for sentences. hops: the path, first step first.

    values: the OR parts, with `\\,` read as a comma; `\\|`, `\\$` and `\\\\` are left for the parameter's own type.
    """

    name: str
    hops: tuple[Hop, ...]
    code: str
    modifier: str | None
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`."""

    code: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` or `_revinclude` (reverse) of `source:code[:target]`; code or source `*` is every one."""

    name: str
    source: str
    code: str
    target: str | None
    iterate: bool
    reverse: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search as asked. None or empty where nothing was said. unread: dropped by lenient reading, with the reason.

    count: `_count`, already cut to the limit. cursor: text of `_page`, opaque here. used: (name, value) pairs that
    count, in the order sent, for the `self` link.
    """

    criteria: tuple[Criterion, ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()
    updated: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int | None = None
    total: str | None = None
    summary: str | None = None
    elements: tuple[str, ...] = ()
    includes: tuple[Include, ...] = ()
    contained: str | None = None
    contained_type: str | None = None
    cursor: str | None = None
    used: tuple[tuple[str, str], ...] = ()
    unread: tuple[QueryError, ...] = ()
