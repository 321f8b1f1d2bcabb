"""Walks: rows in natural order along an index that keeps it, as SQL.

A walk stops as soon as the page is full, so what it costs depends on the page and on how many rows it must pass by,
not on how many there are. Where a search names the main date of its type, the walk is bounded by it; the few rows
that began long before and reach into that window (stays in hospital, "in 2024") are looked up beside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lienmach.record import access, sql
from lienmach.record.choice import GLANCE_MAX, NEAR_MAX, Choice, Plan
from lienmach.record.need import Either, Need, Patients, Side, Terms
from lienmach.record.sql import Text


def walk(tx: Any, text: Text, plan: Plan, chosen: Choice, only_if: str = "") -> str:
    """Rows in natural order along an index that keeps it, every other need a test."""
    limit = int(plan.limit)
    found = ""
    edges: list[tuple[str, Any]] = []
    if chosen.walk in ("post", "type"):
        floor, below, reaching = _window(plan)
        if reaching is not None:
            floor = floor or _day_before(reaching)
            long_ones = _straddlers(tx, text, plan, reaching, floor, only_if)
            found = f" union all (select rid, seq, d1, null::bigint as total from ({long_ones}) l)"
        edges = [(">=", floor), ("<", below)]
    along = {"post": _walk_post, "patient": _walk_patient, "either": _walk_either}.get(chosen.walk, _walk_type)
    when = f"{only_if} and " if only_if else ""
    walked = along(tx, text, plan, chosen, when, [one for one in edges if one[1] is not None])
    if not found:
        return walked
    return f"select rid, seq, d1, total from (({walked}){found}) ix order by {sql.NATURAL} limit {limit}"


def nearby(tx: Any, text: Text, plan: Plan) -> tuple[str, str]:
    """For a few days: (`n1`, the rows that fit among all of these days if those are few; SQL that is true if not)."""
    floor, below, _ = _window(plan)
    along = ["ix.tenant = $1", types_test(text, plan), *_edges(text, plan, "ix", [(">=", floor), ("<", below)])]
    needed = " and ".join(tests(tx, text, plan, "ix", skip=None))
    return (
        f"n0 as materialized (select * from ix where {' and '.join(along)} order by {sql.NATURAL} limit {NEAR_MAX + 1}), "
        f"n1 as materialized (select ix.rid, ix.seq, ix.d1, count(*) over () as total from n0 ix where "
        f"(select count(*) from n0) <= {NEAR_MAX} and {needed} order by {sql.NATURAL} limit {int(plan.limit)}), "
    ), f"(select count(*) from n0) > {NEAR_MAX} and "


def _edges(text: Text, plan: Plan, alias: str, edges: list[tuple[str, Any]]) -> list[str]:
    """Where on its index a walk begins and ends."""
    found = [f"{alias}.d1 {sign} {text.bind(moment, 'timestamptz')}" for sign, moment in edges]
    if plan.after is not None:
        found.append(plan.order.after(text, alias, plan.after))
    return found


def _walk_post(tx: Any, text: Text, plan: Plan, chosen: Choice, when: str, edges: list[tuple[str, Any]]) -> str:
    assert isinstance(chosen.walker, Terms)
    terms = chosen.walker.terms
    many = len(terms) > 1
    term = text.bind(list(terms) if many else terms[0], "bigint[]" if many else "bigint")
    along = " and ".join(
        [f"{when}p.tenant = $1", f"p.term = {'g.term' if many else term}", *_edges(text, plan, "p", edges)]
    )
    where = " and ".join([types_test(text, plan), *tests(tx, text, plan, "ix", skip=chosen.walker)])
    newest = "order by p.d1 desc, p.rid desc limit"
    if chosen.glance:
        rows = f"(select * from post p where {along} {newest} {GLANCE_MAX}) p {sql.index_row('p')} where {where}"
    else:
        rows = f"post p {sql.index_row('p')} where {along} and {where}"
    one = f"select ix.rid, ix.seq, p.d1 from {rows} {newest} {int(plan.limit)}"
    if many:
        return _merged(f"unnest({term}) g(term)", one, plan.limit)
    return f"select rid, seq, d1, null::bigint as total from ({one}) w"


def _walk_patient(tx: Any, text: Text, plan: Plan, chosen: Choice, when: str, edges: list[tuple[str, Any]]) -> str:
    assert isinstance(chosen.walker, Patients)
    return _along_patients(tx, text, plan, chosen.walker, when, skip=chosen.walker)


def _along_patients(tx: Any, text: Text, plan: Plan, need: Patients, when: str, skip: Need) -> str:
    types = [one for one in need.types if one in plan.types] if need.typed else list(plan.types)
    many = len(need.pats) > 1 or len(types) > 1
    pat = text.bind(list(need.pats) if many else need.pats[0], "bigint[]" if many else "bigint")
    kind = text.bind(types if many else types[0], "smallint[]" if many else "smallint")
    edges = _edges(text, plan, "ix", [])
    where = " and ".join(
        [
            "ix.pat = g.pat and ix.type = g.type" if many else f"ix.pat = {pat} and ix.type = {kind}",
            *edges,
            *tests(tx, text, plan, "ix", skip=skip),
        ]
    )
    one = (
        f"select ix.rid, ix.seq, ix.d1 from ix where {when}ix.tenant = $1 and {where} "
        f"order by {sql.NATURAL} limit {int(plan.limit)}"
    )
    if many:
        return _merged(f"(select * from unnest({pat}) a(pat) cross join unnest({kind}) b(type)) g", one, plan.limit)
    return f"select rid, seq, d1, null::bigint as total from ({one}) w"


def _walk_either(tx: Any, text: Text, plan: Plan, chosen: Choice, when: str, edges: list[tuple[str, Any]]) -> str:
    """A patient's own rows in order, and beside them the rows found by the other needs, each once."""
    assert isinstance(chosen.walker, Either)
    parts = []
    for need in chosen.walker.needs:
        if isinstance(need, Patients):
            parts.append(_along_patients(tx, text, plan, need, when, skip=chosen.walker))
            continue
        where = [
            types_test(text, plan),
            *tests(tx, text, plan, "ix", skip=chosen.walker),
            *_edges(text, plan, "ix", []),
        ]
        parts.append(
            f"select ix.rid, ix.seq, ix.d1, null::bigint as total from (select distinct rid from ({need.source(text)}) a) "
            f"p {sql.index_row('p')} where {when}{' and '.join(where)} order by {sql.NATURAL} limit {int(plan.limit)}"
        )
    union = " union ".join(f"({part})" for part in parts)
    return f"select rid, seq, d1, total from ({union}) ix order by {sql.NATURAL} limit {int(plan.limit)}"


def _walk_type(tx: Any, text: Text, plan: Plan, chosen: Choice, when: str, edges: list[tuple[str, Any]]) -> str:
    many = len(plan.types) > 1
    group = f"unnest({text.bind(plan.types, 'smallint[]')}) g(type)" if many else ""
    of_type = "ix.type = g.type" if many else f"ix.type = {text.bind(plan.types[0])}"
    along = " and ".join([f"{when}ix.tenant = $1", of_type, *_edges(text, plan, "ix", edges)])
    needed = " and ".join(tests(tx, text, plan, "ix", skip=chosen.walker))
    if chosen.glance:
        rows = f"(select * from ix where {along} order by {sql.NATURAL} limit {GLANCE_MAX}) ix where {needed}"
    else:
        rows = f"ix where {along} and {needed}"
    one = f"select ix.rid, ix.seq, ix.d1 from {rows} order by {sql.NATURAL} limit {int(plan.limit)}"
    if many:
        return _merged(group, one, plan.limit)
    return f"select rid, seq, d1, null::bigint as total from ({one}) w"


def _window(plan: Plan) -> tuple[datetime | None, datetime | None, Side | None]:
    """([from, below) for d1 of every match, the need with the latest `reach` if nothing else says where to stop)."""
    if len(plan.types) > 1:
        return None, None, None
    sides = [need for need in plan.needs if isinstance(need, Side)]
    floor = max((one.window[0] for one in sides if one.window[0] is not None), default=None)
    below = min((one.window[1] for one in sides if one.window[1] is not None), default=None)
    reaching = None
    for one in sides if floor is None else ():
        if one.reach is not None and (reaching is None or reaching.reach is None or one.reach > reaching.reach):
            reaching = one
    return floor, below, reaching


def _day_before(need: Side) -> datetime:
    assert need.reach is not None
    try:
        return need.reach - timedelta(days=1)
    except OverflowError:
        return need.reach


def _straddlers(tx: Any, text: Text, plan: Plan, need: Side, floor: datetime, only_if: str) -> str:
    """Rows that began before the window of a walk and reach into it."""
    where = [types_test(text, plan), *tests(tx, text, plan, "ix", skip=None), *_edges(text, plan, "ix", [("<", floor)])]
    if only_if:
        where.insert(0, only_if)
    return (
        f"select ix.rid, ix.seq, ix.d1 from (select distinct rid from ({need.straddlers(text, floor)}) a) p "
        f"{sql.index_row('p')} where {' and '.join(where)} order by {sql.NATURAL} limit {int(plan.limit)}"
    )


def _merged(group: str, one: str, limit: int) -> str:
    """The first rows of several ordered walks together; a row that two walks meet counts once."""
    return (
        f"select distinct on (ix.d1, ix.rid) ix.rid, ix.seq, ix.d1, null::bigint as total "
        f"from {group} cross join lateral ({one}) ix order by {sql.NATURAL} limit {limit}"
    )


def types_test(text: Text, plan: Plan) -> str:
    """The row is of a type that is searched."""
    if len(plan.types) == 1:
        return f"ix.type = {text.bind(plan.types[0])}"
    return f"ix.type = any({text.bind(plan.types, 'smallint[]')})"


def tests(tx: Any, text: Text, plan: Plan, alias: str, skip: Need | None) -> list[str]:
    """What a row must pass: the actor may see it, and every need but `skip`."""
    is_inside = plan.types[0] < 0
    found = [
        access.visible_inside(tx, alias, text.args)
        if is_inside
        else access.visible(tx, alias, text.args, types=plan.types)
    ]
    found += [need.test(text, alias) for need in plan.needs if need is not skip]
    return found
