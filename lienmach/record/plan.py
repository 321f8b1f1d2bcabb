"""Plans as SQL: one statement of a few known shapes for a page, for ids, for a count.

What drives a statement is decided in choice.py, how it walks in walk.py. The texts depend on the kind of question
and not on its values, so that PostgreSQL prepares each of them once for a connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lienmach.record import access, sql
from lienmach.record.choice import GLANCE_MAX, NEAR_MAX, Choice, Plan, choose, probe_max
from lienmach.record.need import Terms
from lienmach.record.sorting import NATURAL
from lienmach.record.sql import Text
from lienmach.record.walk import nearby, tests, types_test, walk


@dataclass(slots=True)
class Statement:
    """SQL with its values, and what was chosen. `total` stands in each row where the set is known whole."""

    sql: str
    args: list[Any]
    choice: Choice
    columns: tuple[str, ...] = field(default=())

    def explain(self) -> str:
        """One line on the stages, without values."""
        chosen = self.choice
        parts = [f"walk {chosen.walk}"]
        if chosen.source is not None:
            name = type(chosen.source).__name__.lower()
            parts = [f"set {name} whole"] if chosen.whole else [f"set {name} up to {probe_max(chosen)}", *parts]
        if chosen.glance:
            parts = [f"glance {GLANCE_MAX}", *parts]
        if chosen.narrow:
            parts = [f"all of the days up to {NEAR_MAX}", *parts]
        return ", else ".join(parts)


def page(tx: Any, plan: Plan) -> Statement:
    """One statement for one page: sort values, row number and current version of up to plan.limit rows."""
    text = Text(tx.tenant.number)
    chosen = choose(plan)
    columns = plan.order.columns()
    found = _rows(tx, text, plan, chosen)
    keys = ", ".join(f"m.{name}" for name in columns) + ", m.total, m.rid as place"
    return Statement(f"with {found} {sql.bodies(keys, plan.order.clause('m'))}", text.args, chosen, columns)


def ids(tx: Any, plan: Plan) -> Statement:
    """rid, seq, type, id, version_id of up to plan.limit rows, in no order that counts."""
    text = Text(tx.tenant.number)
    plan = replace(plan, order=NATURAL, after=None, skips_glance=True)
    chosen = choose(plan)
    return Statement(f"with {_rows(tx, text, plan, chosen)} {sql.ids()}", text.args, chosen)


def current(tx: Any, plan: Plan) -> Statement:
    """Current versions of up to plan.limit rows, in no order that counts."""
    text = Text(tx.tenant.number)
    plan = replace(plan, order=NATURAL, after=None, skips_glance=True)
    chosen = choose(plan)
    return Statement(
        f"with {_rows(tx, text, plan, chosen)} {sql.bodies('m.d1', 'm.d1 desc, m.rid desc')}", text.args, chosen
    )


def patients(tx: Any, plan: Plan) -> Statement:
    """Up to plan.limit different values of ix.pat among the rows that fit."""
    text = Text(tx.tenant.number)
    chosen = _any_order(choose(replace(plan, order=NATURAL)))
    body = _everything(tx, text, plan, chosen, "ix.pat")
    return Statement(
        f"select distinct pat from ({body}) c where pat is not null limit {int(plan.limit)}", text.args, chosen
    )


def count(tx: Any, plan: Plan, most: int | None) -> Statement:
    """`n`: how many rows fit, counted up to `most` (None: all of them)."""
    text = Text(tx.tenant.number)
    chosen = _any_order(choose(replace(plan, order=NATURAL)))
    body = _everything(tx, text, plan, chosen, "1")
    if most is not None:
        body += f" limit {int(most)}"
    return Statement(f"select count(*) as n from ({body}) c", text.args, chosen)


def _any_order(chosen: Choice) -> Choice:
    """The same driver where every row will be looked at anyway."""
    return replace(chosen, whole=chosen.source is not None, glance=False)


def _everything(tx: Any, text: Text, plan: Plan, chosen: Choice, columns: str) -> str:
    """`select columns` of all rows that fit, each once, in no order."""
    if isinstance(chosen.source, Terms) and not chosen.source.hot:
        # Fenced: beside the index of terms PostgreSQL would read one of all rows of the type, to meet its rows with.
        found = f"select * from ix where ix.tenant = $1 and ix.terms && {text.bind(chosen.source.terms, 'bigint[]')}"
        needed = [types_test(text, plan), *tests(tx, text, plan, "ix", skip=chosen.source)]
        return f"select {columns} from ({found} offset 0) ix where {' and '.join(needed)}"
    if chosen.source is not None:
        return _from_set(tx, text, plan, chosen, columns)
    if chosen.walk == "post" and isinstance(chosen.walker, Terms):
        return _from_set(tx, text, plan, replace(chosen, source=chosen.walker), columns)
    if chosen.walk in ("patient", "either"):
        assert chosen.walker is not None
        return _from_set(tx, text, plan, replace(chosen, source=chosen.walker), columns)
    needed = tests(tx, text, plan, "ix", skip=chosen.walker)
    return f"select {columns} from ix where ix.tenant = $1 and " + " and ".join([types_test(text, plan), *needed])


def _from_set(tx: Any, text: Text, plan: Plan, chosen: Choice, columns: str) -> str:
    assert chosen.source is not None
    source = chosen.source.source(text)
    needed = tests(tx, text, plan, "ix", skip=chosen.source if chosen.source.exact else None)
    return (
        f"select {columns} from (select distinct rid from ({source}) a) p {sql.index_row('p')} where "
        + " and ".join([types_test(text, plan), *needed])
    )


def _rows(tx: Any, text: Text, plan: Plan, chosen: Choice) -> str:
    """The common table expressions that end in `m` (rid, seq, sort columns, total)."""
    if not plan.order.natural:
        return "m as materialized (" + _sorted(tx, text, plan, chosen) + ")"
    if chosen.source is None:
        return "m as materialized (" + walk(tx, text, plan, chosen) + ")"
    source = chosen.source.source(text)
    most = probe_max(chosen)
    if not chosen.whole:
        source = f"({source}) limit {most + 1}"
    needed = tests(tx, text, plan, "ix", skip=chosen.source if chosen.source.exact else None)
    if plan.after is not None:
        needed.append(plan.order.after(text, "ix", plan.after))
    near, far = nearby(tx, text, plan) if chosen.narrow else ("", "")
    small = "" if chosen.whole else f"{far}(select count(*) from p0) <= {most} and "
    taken = (
        f"select ix.rid, ix.seq, ix.d1, count(*) over () as total from (select distinct rid from p0) p "
        f"{sql.index_row('p')} where {small}"
        + " and ".join([types_test(text, plan), *needed])
        + f" order by {sql.NATURAL} limit {int(plan.limit)}"
    )
    head = f"p0 as materialized ({source}), "
    if chosen.whole:
        return f"{head}m as materialized ({taken})"
    walked = walk(tx, text, plan, replace(chosen, source=None), only_if=f"{far}(select count(*) from p0) > {most}")
    return f"{head}{near}m as materialized ({'(select * from n1) union all ' if near else ''}({taken}) union all ({walked}))"


def _sorted(tx: Any, text: Text, plan: Plan, chosen: Choice) -> str:
    """All rows that fit, under an asked order: sort values first, then the page."""
    names = plan.order.columns()
    keys = ", ".join(f"{key.sql(text, 'ix')} as {name}" for key, name in zip(plan.order.keys, names, strict=True))
    inner = _everything(tx, text, plan, chosen, f"ix.rid, ix.seq, {keys}")
    if chosen.source is not None or chosen.walk != "type":
        inner += " offset 0"  # else the planner may walk a whole type by `updated` and filter
    where = f" where {plan.order.after(text, 's', plan.after)}" if plan.after is not None else ""
    listed = ", ".join(f"s.{name}" for name in names)
    return (
        f"select s.rid, s.seq, {listed}, null::bigint as total from ({inner}) s{where} "
        f"order by {plan.order.clause('s')} limit {int(plan.limit)}"
    )


def by_key(tx: Any, keys: list[tuple[str, str]], limit: int) -> Statement:
    """Current versions under these (type, id), those that are there and visible."""
    text = Text(tx.tenant.number)
    kinds = text.bind([tx.definitions.type_number(kind) for kind, _ in keys], "smallint[]")
    named = text.bind([one for _, one in keys], "text[]")
    visible = access.visible(tx, "ix", text.args)
    found = (
        f"m as materialized (select ix.rid, ix.seq, r.n from (select s.rid, k.n from unnest({kinds}, {named}) "
        "with ordinality k(type, id, n) join resource s on s.tenant = $1 and s.type = k.type and s.id = k.id "
        f"and not s.deleted) r {sql.index_row('r')} where {visible} order by r.n limit {int(limit)})"
    )
    return Statement(f"with {found} {sql.bodies('m.n', 'm.n')}", text.args, Choice("ids"))
