"""From needs to SQL: choose in Python what drives the query, then write one statement of a few known shapes.

Never one join over array predicates: the planner guesses the same half per cent for every term and then walks the
wrong index (measured, docs/explanation/store.md). So the driver is chosen here and fenced:

    ids      the directory of ids                      few rows, all of them tested
    patient  ix by (pat, type, d1 desc, rid desc)      walked in natural order
    post     post by (term, d1 desc, rid desc)         walked in natural order, one hot token or several
    set      a source of row numbers (terms, strings, dates, numbers), probed up to PROBE_MAX rows;
             if there are more, the same statement walks instead and the source becomes a test
    type     ix by (type, d1 desc, rid desc)           walked in natural order, everything is a test

Under an asked order that no index keeps, every row that fits is found first and then sorted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lienmach.record import access, sql
from lienmach.record.need import Either, Ids, Need, Patients, Rows, Side, Terms, Updated
from lienmach.record.sorting import NATURAL, Order
from lienmach.record.sql import Text

PROBE_MAX = 2000
GLANCE_MAX = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to find. types: numbers of the types, at least one. needs: all must be met. limit: rows wanted.

    after: values of a page mark, see sorting.Order.after. skips_glance: the quick look at the newest rows is done.
    """

    types: tuple[int, ...]
    needs: tuple[Need, ...]
    order: Order = NATURAL
    after: tuple[Any, ...] | None = None
    limit: int = 21
    skips_glance: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What drives. walk: patient | post | type. walker: the need that the walk meets. source: found first, if any.

    whole: the source is known to be small enough to take without a probe. glance: only the newest GLANCE_MAX rows
    are looked at; if they do not fill the page, ask again with `skips_glance`.
    """

    walk: str
    walker: Need | None = None
    source: Need | None = None
    whole: bool = False
    glance: bool = False


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
            taken = "whole" if chosen.whole else f"up to {PROBE_MAX}"
            parts.insert(0, f"set {type(chosen.source).__name__.lower()} {taken}")
        if chosen.glance:
            parts.append(f"glance {GLANCE_MAX}")
        return ", else ".join(parts)


def choose(plan: Plan) -> Choice:
    """The driver of a plan; see the module."""
    natural = plan.order.natural
    walk, walker = "type", None
    for need in plan.needs:
        if isinstance(need, (Ids, Rows)):
            return Choice("type", source=need, whole=True)
    for need in plan.needs:
        if isinstance(need, Patients) and len(need.pats) == 1 and len(plan.types) == 1:
            return Choice("patient", walker=need)
    hot = [one for one in plan.needs if isinstance(one, Terms) and one.hot and not one.negate and one.terms]
    for need in hot:
        if need.identifying and natural:
            return Choice("post", walker=need)
    if hot and natural:
        walk, walker = "post", min(hot, key=lambda one: len(one.terms))
    ranked = sorted(((_rank(need, natural, walk), n) for n, need in enumerate(plan.needs)), key=lambda one: one)
    if ranked and ranked[0][0] < 90:
        return Choice(walk, walker, source=plan.needs[ranked[0][1]], whole=not natural)
    if walk == "post":
        return Choice(walk, walker)
    plain = [one for one in plan.needs if isinstance(one, Terms) and one.plain and not one.negate]
    if plain:
        source = min(plain, key=lambda one: len(one.terms))
        if natural and not plan.skips_glance:
            return Choice(walk, walker, glance=True)
        return Choice(walk, walker, source=source, whole=not natural)  # a rare one of few values, or nearly so
    return Choice(walk, walker)


def _rank(need: Need, natural: bool, walk: str) -> int:
    """How well a need serves as a source, less is better; 90 and more: not at all."""
    if isinstance(need, Patients):
        return 10
    if isinstance(need, Either):
        return 20
    if isinstance(need, Terms):
        if need.negate or need.plain:
            return 99
        if need.hot:
            return 99 if natural else 25 if need.identifying else 45
        return 30
    if isinstance(need, Side):
        side = need.condition.side
        if side is None or need.condition.negate or not side.eager:
            return 99
        if side.table == "dat":
            return 99 if walk == "post" else 60
        return 40 if side.table == "str" else 50
    if isinstance(need, Updated):
        return 99 if need.outside or len(need.spans) != 1 or need.spans[0][0] is None else 70
    return 99


# ------------------------------------------------------------------------------------------------ statements


def page(tx: Any, plan: Plan) -> Statement:
    """One statement for one page: sort values, row number and current version of up to plan.limit rows."""
    text = Text(tx.tenant.number)
    chosen = choose(plan)
    columns = plan.order.columns()
    found = _rows(tx, text, plan, chosen)
    keys = ", ".join(f"m.{name}" for name in columns) + ", m.total"
    return Statement(f"with {found} {sql.bodies(keys, plan.order.clause('m'))}", text.args, chosen, columns)


def ids(tx: Any, plan: Plan) -> Statement:
    """rid, seq, type, id, version_id of up to plan.limit rows, in no order that counts."""
    text = Text(tx.tenant.number)
    plan = replace(plan, order=NATURAL, after=None)
    chosen = _any_order(choose(plan))
    return Statement(f"with {_rows(tx, text, plan, chosen)} {sql.ids()}", text.args, chosen)


def current(tx: Any, plan: Plan) -> Statement:
    """Current versions of up to plan.limit rows, in no order that counts."""
    text = Text(tx.tenant.number)
    plan = replace(plan, order=NATURAL, after=None)
    chosen = _any_order(choose(plan))
    return Statement(f"with {_rows(tx, text, plan, chosen)} {sql.bodies('m.d1', 'm.d1 desc, m.rid desc')}", text.args,
                     chosen)


def patients(tx: Any, plan: Plan) -> Statement:
    """Up to plan.limit different values of ix.pat among the rows that fit."""
    text = Text(tx.tenant.number)
    chosen = _any_order(choose(replace(plan, order=NATURAL)))
    body = _everything(tx, text, plan, chosen, "ix.pat")
    return Statement(f"select distinct pat from ({body}) c where pat is not null limit {int(plan.limit)}", text.args,
                     chosen)


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
        found = f"ix.terms && {text.bind(chosen.source.terms, 'bigint[]')}"
        tests = _tests(tx, text, plan, "ix", skip=chosen.source)
        return f"select {columns} from ix where ix.tenant = $1 and " + " and ".join([_types(text, plan), found, *tests])
    if chosen.source is not None:
        return _from_set(tx, text, plan, chosen, columns)
    if chosen.walk == "post" and isinstance(chosen.walker, Terms):
        return _from_set(tx, text, plan, replace(chosen, source=chosen.walker), columns)
    tests = _tests(tx, text, plan, "ix", skip=chosen.walker)
    if chosen.walk == "patient":
        assert isinstance(chosen.walker, Patients)
        tests.insert(0, f"ix.pat = {text.bind(chosen.walker.pats[0])}")
    return f"select {columns} from ix where ix.tenant = $1 and " + " and ".join([_types(text, plan), *tests])


def _from_set(tx: Any, text: Text, plan: Plan, chosen: Choice, columns: str) -> str:
    assert chosen.source is not None
    source = chosen.source.source(text)
    tests = _tests(tx, text, plan, "ix", skip=chosen.source if chosen.source.exact else None)
    return (
        f"select {columns} from (select distinct rid from ({source}) a) p {sql.index_row('p')} where "
        + " and ".join([_types(text, plan), *tests])
    )


def _rows(tx: Any, text: Text, plan: Plan, chosen: Choice) -> str:
    """The common table expressions that end in `m` (rid, seq, sort columns, total)."""
    if not plan.order.natural:
        return "m as materialized (" + _sorted(tx, text, plan, chosen) + ")"
    if chosen.source is None:
        return "m as materialized (" + _walk(tx, text, plan, chosen) + ")"
    source = chosen.source.source(text)
    if not chosen.whole:
        source = f"({source}) limit {PROBE_MAX + 1}"
    tests = _tests(tx, text, plan, "ix", skip=chosen.source if chosen.source.exact else None)
    if plan.after is not None:
        tests.append(plan.order.after(text, "ix", plan.after))
    small = "" if chosen.whole else f"(select count(*) from p0) <= {PROBE_MAX} and "
    taken = (
        f"select ix.rid, ix.seq, ix.d1, count(*) over () as total from (select distinct rid from p0) p "
        f"{sql.index_row('p')} where {small}" + " and ".join([_types(text, plan), *tests])
        + f" order by {sql.NATURAL} limit {int(plan.limit)}"
    )
    head = f"p0 as materialized ({source}), "
    if chosen.whole:
        return f"{head}m as materialized ({taken})"
    walked = _walk(tx, text, plan, replace(chosen, source=None), only_if=f"(select count(*) from p0) > {PROBE_MAX}")
    return f"{head}m as materialized (({taken}) union all ({walked}))"


def _walk(tx: Any, text: Text, plan: Plan, chosen: Choice, only_if: str = "") -> str:
    """Rows in natural order along an index that keeps it, every other need a test."""
    tests = _tests(tx, text, plan, "ix", skip=chosen.walker)
    limit = int(plan.limit)
    when = f"{only_if} and " if only_if else ""
    after = "" if plan.after is None else plan.order.after(text, "{a}", plan.after)
    if chosen.walk == "post":
        assert isinstance(chosen.walker, Terms)
        terms = chosen.walker.terms
        term = text.bind(terms[0] if len(terms) == 1 else list(terms), "bigint" if len(terms) == 1 else "bigint[]")
        where = [_types(text, plan), *tests] + ([after.format(a="p")] if after else [])
        one = (
            "select ix.rid, ix.seq, p.d1 from post p {row} where {when}p.tenant = $1 and p.term = {term} and {where} "
            "order by p.d1 desc, p.rid desc limit {limit}"
        )
        filled = {"row": sql.index_row("p"), "when": when, "where": " and ".join(where), "limit": limit}
        if len(terms) == 1:
            return f"select rid, seq, d1, null::bigint as total from ({one.format(term=term, **filled)}) w"
        return _merged(f"unnest({term}) g(term)", one.format(term="g.term", **filled), limit)
    edge = [after.format(a="ix")] if after else []
    if chosen.walk == "patient":
        assert isinstance(chosen.walker, Patients)
        edge.insert(0, f"ix.pat = {text.bind(chosen.walker.pats[0])}")
    newest = "ix"
    if len(plan.types) > 1:
        of_type, group = "ix.type = g.type", f"unnest({text.bind(plan.types, 'smallint[]')}) g(type)"
    else:
        of_type, group = f"ix.type = {text.bind(plan.types[0])}", ""
    where = [of_type, *edge]
    if chosen.glance:
        newest = (f"(select * from ix where {when}ix.tenant = $1 and " + " and ".join(where)
                  + f" order by {sql.NATURAL} limit {GLANCE_MAX}) ix")
        where = ["true"]
    one = (
        f"select ix.rid, ix.seq, ix.d1 from {newest} where {when}ix.tenant = $1 and " + " and ".join([*where, *tests])
        + f" order by {sql.NATURAL} limit {limit}"
    )
    if group:
        return _merged(group, one, limit)
    return f"select rid, seq, d1, null::bigint as total from ({one}) w"


def _merged(group: str, one: str, limit: int) -> str:
    """The first rows of several ordered walks together; a row that two walks meet counts once."""
    return (
        f"select distinct on (ix.d1, ix.rid) ix.rid, ix.seq, ix.d1, null::bigint as total "
        f"from {group} cross join lateral ({one}) ix order by {sql.NATURAL} limit {limit}"
    )


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


def _types(text: Text, plan: Plan) -> str:
    if len(plan.types) == 1:
        return f"ix.type = {text.bind(plan.types[0])}"
    return f"ix.type = any({text.bind(plan.types, 'smallint[]')})"


def _tests(tx: Any, text: Text, plan: Plan, alias: str, skip: Need | None) -> list[str]:
    found = [access.visible(tx, alias, text.args)]
    found += [need.test(text, alias) for need in plan.needs if need is not skip]
    return found


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
