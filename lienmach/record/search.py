"""Search: read what was asked, plan it, run it, page it (FHIR R4 search.html, http.html#search).

    page = await search.search(tx, "Observation", [("patient", "1"), ("code", "8480-6"), ("_sort", "-date")])

The stages are visible one by one: `query.parse` reads the text, `criteria` finds out what a row needs (refusing
what is unknown before any row is touched), `plan` chooses a driver and writes one statement, and this file cuts the
page. All statements of one search run in the one snapshot of `tx`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from lienmach.base import errors
from lienmach.base.errors import Issue
from lienmach.base.settings import Settings
from lienmach.record import access, compartments, contained, criteria, include, paging, plan, sorting
from lienmach.record.change import Stored
from lienmach.record.choice import Plan
from lienmach.record.criteria import Reading
from lienmach.record.need import Ids, Need, Terms
from lienmach.standards.fhir import query as fhir_query
from lienmach.standards.fhir import query_values
from lienmach.standards.fhir.query_values import Query

Params = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search.

    total: how many match in all, None if it is not known; total_is_floor: at least so many. next_cursor: value of
    `_page` for the next page, None on the last. self_params: what was really used, for the `self` link.
    query: as read; the door applies its `summary` and `elements` to the bodies. issues: for an outcome entry.
    """

    matches: list[Stored]
    included: list[Stored]
    total: int | None
    next_cursor: str | None
    self_params: Params
    query: Query
    total_is_floor: bool = False
    issues: list[Issue] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Match:
    """One match of `search_ids`."""

    type: str
    id: str
    rid: int
    seq: int
    version_id: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search as understood: the plans that answer it (one, or one a type), without order and limit."""

    query: Query
    read: Reading
    plans: tuple[Plan, ...]
    issues: list[Issue]


async def search(
    tx: Any,
    resource_type: str | None,
    params: Params,
    *,
    compartment: tuple[str, str] | None = None,
    handling: str = "strict",
) -> Page:
    """Find and show one page of current resources.

    resource_type: None searches all types (or those of `_type`). compartment: (type, id) to stay within.
    handling: `lenient` drops unknown parameters and says so in `issues`. Tells `tx.show` every resource of the page.
    Raises errors.UnknownParameter, Invalid, TooLarge, Refused, NotFound (a type that does not exist).
    """
    asked = await _understand(tx, resource_type, params, compartment, lenient=handling == "lenient")
    query, limits = asked.query, tx.store.limits
    count = limits.page_count_default if query.count is None else query.count
    if count == 0 or query.summary == "count":
        counted, floor = await _total(asked, "accurate" if query.total is None else query.total)
        return Page([], [], counted, None, _used(query, None), query, floor, asked.issues)
    order = sorting.order_of(query.sort, tx.parameters.of(resource_type) if resource_type else None)
    after = None if query.cursor is None else paging.read_mark(order.kinds(), query.cursor)
    rows, known = await _page_rows(asked, order, after, count)
    more = len(rows) > count
    rows = rows[:count]
    matches = [contained.stored_of(query, include.stored_of(tx, row), row) for row in rows]
    total: int | None = known if known is not None else len(rows) if after is None and not more else None
    floor = False
    if query.total == "none":
        total = None
    elif query.total is not None and total is None:
        total, floor = await _total(asked, query.total)
    issues = list(asked.issues)
    included: list[Stored] = []
    if query.includes and matches:
        found = await include.gather(
            asked.read, query.includes, matches, most=limits.include_max, rounds_max=limits.include_depth_max
        )
        included, issues = found.stored, issues + found.issues
    mark = None
    if more:
        last = rows[-1]
        mark = paging.write_mark(order.kinds(), (*(last[name] for name in order.columns()), last["place"]))
    for stored in (*matches, *included):
        tx.show(stored)
    return Page(matches, included, total, mark, _used(query, count), query, floor, issues)


async def search_ids(tx: Any, resource_type: str, params: Params, limit: int = 2) -> list[Match]:
    """Up to `limit` matches without their bodies, for conditional interactions; strict, and shows nothing.

    Raises as `search`, and errors.Invalid where nothing but result parameters or empty values are asked for.
    """
    asked = await _understand(tx, resource_type, params, None, lenient=False)
    query = asked.query
    if not (query.criteria or query.ids or query.updated or query.lists):
        raise errors.Invalid("A condition needs at least one search parameter with a value.")  # or it means everything
    if contained.is_asked(query):
        raise errors.UnknownParameter("'_contained' cannot be part of a condition.")
    found = []
    for one in asked.plans:
        statement = plan.ids(tx, replace(one, limit=limit))
        for row in await tx.fetch(statement.sql, *statement.args):
            found.append(Match(resource_type, row["id"], row["rid"], row["seq"], row["version_id"]))
    return found[:limit]


async def explain(
    tx: Any,
    resource_type: str | None,
    params: Params,
    *,
    compartment: tuple[str, str] | None = None,
    analyze: bool = False,
) -> str:
    """The stages of a search as text: the driver chosen, the SQL, and PostgreSQL's plan. For tests and docs."""
    asked = await _understand(tx, resource_type, params, compartment, lenient=False)
    order = sorting.order_of(asked.query.sort, tx.parameters.of(resource_type) if resource_type else None)
    lines = []
    for one in asked.plans:
        statement = plan.page(tx, replace(one, order=order, limit=(asked.query.count or 20) + 1))
        how = "explain (analyze, buffers off, costs off)" if analyze else "explain (costs off)"
        found = await tx.fetch(f"{how} {statement.sql}", *statement.args)
        lines += [statement.explain(), statement.sql, *(row[0] for row in found), ""]
    return "\n".join(lines)


# -------------------------------------------------------------------------------------------- understand


async def _understand(
    tx: Any, resource_type: str | None, params: Params, compartment: tuple[str, str] | None, *, lenient: bool
) -> _Asked:
    """Refuse early, then turn text into plans."""
    if resource_type is not None:
        if not tx.definitions.is_resource_type(resource_type):
            raise errors.NotFound(f"There is no resource type '{resource_type[:40]}'.")
        access.check(tx, "read", resource_type)
    query = _parse(params, tx.store.limits, lenient)
    issues = [Issue("warning", one.code, f"Not used: {one.message}") for one in query.unread]
    named = query.ids[0] if len(query.ids) == 1 and not contained.is_asked(query) else ()
    read = criteria.reading(tx, ids_max=tx.store.limits.chain_ids_max, ids=named)
    include.check(read, query.includes)
    names = _types(read, resource_type, query, compartment)
    query, refused = _possible(query, resource_type, compartment, lenient)
    issues += [Issue("warning", "not-supported", f"Not used: {text}") for text in refused]
    query, refused = _known(tx, query, names, lenient)
    issues += [Issue("warning", "not-supported", f"Not used: {text}") for text in refused]
    if not names:
        return _Asked(query, read, (), issues)
    common = await _common_needs(read, query, names, compartment)
    inside = contained.reading(read) if contained.is_asked(query) else None
    searched = [(name, criteria.need_of, read) for name in names if query.contained != "true"]
    searched += [(name, contained.need_of, inside) for name in names if inside is not None]
    own: list[list[Need]] = [[] for _ in searched]
    for one in query.criteria:
        try:
            found = [await need_of(where, name, one) for name, need_of, where in searched]
        except errors.UnknownParameter as error:
            if not lenient:
                raise
            issues.append(Issue("warning", "not-supported", f"Not used: {error.text}"))
            query = replace(query, used=tuple(pair for pair in query.used if pair[0] != one.name))
            continue
        for (name, _, where), needs, need in zip(searched, own, found, strict=True):
            needs.append(need)
            wider = criteria.implied(where, name, one) if len(names) == 1 else None
            if wider is not None:
                needs.append(wider if where is read else contained.turned(wider))
    numbers = [tx.definitions.type_number(name) for name in names]
    if inside is not None:
        standing = tuple(Plan((numbers[0],), (*common((names[0],)), *needs)) for needs in own[:-1])
        within = contained.plan_of(inside, query, names[0], own[-1], standing[0] if standing else None)
        return _Asked(query, read, (*standing, within), issues)
    merged = _merge(own) if len(names) > 1 else own[0]
    if merged is not None:
        return _Asked(query, read, (Plan(tuple(numbers), (*common(tuple(names)), *merged)),), issues)
    plans = tuple(
        Plan((number,), (*common((name,)), *needs)) for name, number, needs in zip(names, numbers, own, strict=True)
    )
    return _Asked(query, read, plans, issues)


def _parse(params: Params, limits: Settings, lenient: bool) -> Query:
    bounds = _bounds(limits.search_params_max, limits.or_values_max, limits.chain_depth_max, limits.page_count_max)
    try:
        return fhir_query.parse(params, bounds, lenient=lenient)
    except query_values.QueryError as error:
        kinds = {"not-supported": errors.UnknownParameter, "too-costly": errors.TooLarge}
        raise kinds.get(error.code, errors.Invalid)(error.message, code=error.code) from None


@lru_cache(maxsize=8)
def _bounds(params_max: int, or_values_max: int, chain_depth_max: int, count_max: int) -> query_values.Limits:
    return query_values.Limits(
        params_max=params_max, or_values_max=or_values_max, chain_depth_max=chain_depth_max, count_max=count_max
    )


def _types(read: Reading, resource_type: str | None, query: Query, compartment: tuple[str, str] | None) -> list[str]:
    """The types to search: the one of the URL, those of `_type`, or all that there are; only readable ones."""
    tx = read.tx
    for name in query.types:
        if not tx.definitions.is_resource_type(name):
            raise errors.UnknownParameter(f"'_type': there is no resource type '{name[:40]}'.")
    if resource_type is not None:
        if query.types and set(query.types) != {resource_type}:
            raise errors.Invalid(f"'_type' can only say {resource_type} in a search of {resource_type}.")
        return [resource_type]
    names: list[str] = list(dict.fromkeys(query.types))
    if not names:
        names = list(compartments.types_of(read, compartment[0]) if compartment else tx.definitions.types)
    return [name for name in names if tx.policy.may_read(tx.definitions.type_number(name))]


def _possible(
    query: Query, resource_type: str | None, compartment: tuple[str, str] | None, lenient: bool
) -> tuple[Query, list[str]]:
    """Without `_contained` where it cannot be served: refused, or with lenient left out and said so."""
    problem = contained.problem(query, resource_type, compartment) if contained.is_asked(query) else ""
    if not problem:
        return query, []
    if not lenient:
        raise errors.UnknownParameter(problem)
    used = tuple(pair for pair in query.used if not pair[0].startswith("_contained"))
    return replace(query, contained=None, contained_type=None, used=used), [problem]


def _known(tx: Any, query: Query, names: list[str], lenient: bool) -> tuple[Query, list[str]]:
    """Without the criteria that a type does not know: refused, or with lenient left out and returned as sentences."""
    kept, refused = [], []
    for one in query.criteria:
        code = one.hops[0].code if one.hops else one.code
        if one.hops and one.hops[0].reverse:
            kept.append(one)
            continue
        missing = next((name for name in names if code not in tx.parameters.of(name)), None)
        if missing is None:
            kept.append(one)
        elif not lenient:
            raise errors.UnknownParameter(f"{missing} has no search parameter '{one.name[:80]}'.")
        else:
            refused.append(f"{missing} has no search parameter '{one.name[:80]}'.")
    if not refused:
        return query, refused
    names_kept = {one.name for one in kept}
    dropped = {one.name for one in query.criteria} - names_kept
    used = tuple(pair for pair in query.used if pair[0] not in dropped)
    return replace(query, criteria=tuple(kept), used=used), refused


async def _common_needs(read: Reading, query: Query, names: list[str], compartment: tuple[str, str] | None) -> Any:
    """A function: types -> the needs that every type states in the same way."""
    lists: dict[tuple[str, ...], list[Need]] = {}
    if query.lists:
        for of in {tuple(names), *((name,) for name in names)}:
            lists[of] = [await criteria.members_of_list(read, of, one) for one in query.lists]

    def needs(of: tuple[str, ...]) -> list[Need]:
        numbers = tuple(read.tx.definitions.type_number(name) for name in of)
        found: list[Need] = [Ids(numbers, values) for values in query.ids]
        found += [criteria.updated(read, numbers, tuple(fhir_query.split(value, ","))) for value in query.updated]
        if query.lists:
            found += lists[of]
        if compartment is not None:
            found.append(compartments.need_of(read, *compartment, of))
        return found

    return needs


def _merge(own: list[list[Need]]) -> list[Need] | None:
    """The needs of several types as one list, or None: terms name their type, so those of all types go together."""
    merged: list[Need] = []
    for parts in zip(*own, strict=True):
        if not all(isinstance(one, Terms) and one.negate == parts[0].negate for one in parts):
            return None
        every = dict.fromkeys(term for one in parts for term in one.terms)
        merged.append(
            Terms(
                tuple(every),
                hot=all(one.hot for one in parts),
                plain=any(one.plain for one in parts),
                negate=parts[0].negate,
                identifying=all(one.identifying for one in parts),
            )
        )
    return merged


# --------------------------------------------------------------------------------------------------- run


async def _page_rows(
    asked: _Asked, order: sorting.Order, after: tuple[Any, ...] | None, count: int
) -> tuple[list[Any], int | None]:
    """Up to count + 1 rows in order, and the total if it is known anyway."""
    tx = asked.read.tx
    gathered: list[Any] = []
    known: int | None = 0 if after is None else None
    for one in asked.plans:
        ready = replace(one, order=order, after=after, limit=count + 1)
        statement = plan.page(tx, ready)
        rows = await tx.fetch(statement.sql, *statement.args)
        if statement.choice.glance and len(rows) <= count:
            statement = plan.page(tx, replace(ready, skips_glance=True))
            rows = await tx.fetch(statement.sql, *statement.args)
        total = rows[0]["total"] if rows else 0
        known = None if known is None or total is None else known + total
        gathered += rows
    if len(asked.plans) > 1:
        gathered.sort(key=lambda row: row["place"], reverse=order.natural)
        for column, descending in reversed(
            list(zip(order.columns(), [True] if order.natural else [key.descending for key in order.keys], strict=True))
        ):
            present = [row for row in gathered if row[column] is not None]
            present.sort(key=lambda row: row[column], reverse=descending)
            gathered = present + [row for row in gathered if row[column] is None]
    return gathered[: count + 1], known


async def _total(asked: _Asked, wanted: str) -> tuple[int | None, bool]:
    """(total, is it only a floor). wanted: none | estimate | accurate."""
    if wanted == "none":
        return None, False
    tx = asked.read.tx
    most = None if wanted == "accurate" else tx.store.limits.total_max + 1
    total = 0
    for one in asked.plans:
        statement = plan.count(tx, one, most)
        total += (await tx.fetch(statement.sql, *statement.args))[0]["n"]
        if most is not None and total >= most:
            return most - 1, True
    return total, False


def _used(query: Query, count: int | None) -> Params:
    """The parameters that counted, with the `_count` that was really used."""
    used = [(name, value) for name, value in query.used if name != "_count"]
    return used if count is None or query.count is None else [*used, ("_count", str(count))]
