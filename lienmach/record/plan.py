"""From needs to SQL: choose in Python what drives the query, then write one statement of a few known shapes.

Never one join over array predicates: the planner guesses the same half per cent for every term and then walks the
wrong index (measured, docs/explanation/store.md). So the driver is chosen here and fenced:

    ids      the directory of ids                      few rows, all of them tested
    patient  ix by (pat, type, d1 desc, rid desc)      walked in natural order, a few patients and types together
    post     post by (term, d1 desc, rid desc)         walked in natural order, one hot token or several
    either   a patient walk, and the few rows beside it that belong to a compartment in other ways
    set      a source of row numbers (terms, strings, dates, numbers), probed up to so many rows;
             if there are more, the same statement walks instead and the source becomes a test
    type     ix by (type, d1 desc, rid desc)           walked in natural order, everything is a test

Under an asked order that no index keeps, every row that fits is found first and then sorted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from lienmach.record import access, sql
from lienmach.record.need import Either, Ids, Need, Patients, Rows, Side, Terms, Updated
from lienmach.record.sorting import NATURAL, Order
from lienmach.record.sql import Text

PROBE_MAX = 5000  # where finding all and sorting costs what walking past others costs, at a million rows a type
PROBE_TEXTS_MAX = 1000  # the same for names, at tens of thousands of people
GLANCE_MAX = 2000
WALKS_MAX = 200  # patients times types


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
    """What drives. walk: patient | either | post | type. walker: the need that the walk meets. source: found first.

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
            name = type(chosen.source).__name__.lower()
            parts = [f"set {name} whole"] if chosen.whole else [f"set {name} up to {_probe_max(chosen)}", *parts]
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
        if isinstance(need, Patients) and (
            len(need.pats) == len(plan.types) == 1 or (natural and 0 < len(need.pats) * len(plan.types) <= WALKS_MAX)
        ):
            return Choice("patient", walker=need)
        if natural and isinstance(need, Either) and any(isinstance(one, Patients) for one in need.needs):
            return Choice("either", walker=need)
    hot = [one for one in plan.needs if isinstance(one, Terms) and one.hot and not one.negate and one.terms]
    for need in hot:
        if need.identifying and natural:
            return Choice("post", walker=need)
    if hot and natural:
        walk, walker = "post", min(hot, key=lambda one: len(one.terms))
    if not natural and plan.order.keys[0].indexed and not any(_rank(need, False, walk) < 70 for need in plan.needs):
        return Choice(walk)
    ranked = sorted((_rank(need, natural, walk), n) for n, need in enumerate(plan.needs))
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
            if natural and None not in need.window:
                return 99  # the walk itself goes no further than that window
            return 99 if walk == "post" else 35
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
    if chosen.walk in ("patient", "either"):
        assert chosen.walker is not None
        return _from_set(tx, text, plan, replace(chosen, source=chosen.walker), columns)
    tests = _tests(tx, text, plan, "ix", skip=chosen.walker)
    return f"select {columns} from ix where ix.tenant = $1 and " + " and ".join([_types(text, plan), *tests])


def _probe_max(chosen: Choice) -> int:
    source = chosen.source
    if isinstance(source, Side) and source.condition.side is not None and source.condition.side.table == "str":
        return PROBE_TEXTS_MAX
    return PROBE_MAX


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
    most = _probe_max(chosen)
    if not chosen.whole:
        source = f"({source}) limit {most + 1}"
    tests = _tests(tx, text, plan, "ix", skip=chosen.source if chosen.source.exact else None)
    if plan.after is not None:
        tests.append(plan.order.after(text, "ix", plan.after))
    small = "" if chosen.whole else f"(select count(*) from p0) <= {most} and "
    taken = (
        f"select ix.rid, ix.seq, ix.d1, count(*) over () as total from (select distinct rid from p0) p "
        f"{sql.index_row('p')} where {small}" + " and ".join([_types(text, plan), *tests])
        + f" order by {sql.NATURAL} limit {int(plan.limit)}"
    )
    head = f"p0 as materialized ({source}), "
    if chosen.whole:
        return f"{head}m as materialized ({taken})"
    walked = _walk(tx, text, plan, replace(chosen, source=None), only_if=f"(select count(*) from p0) > {most}")
    return f"{head}m as materialized (({taken}) union all ({walked}))"


def _walk(tx: Any, text: Text, plan: Plan, chosen: Choice, only_if: str = "") -> str:
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
    walk = {"post": _walk_post, "patient": _walk_patient, "either": _walk_either}.get(chosen.walk, _walk_type)
    when = f"{only_if} and " if only_if else ""
    walked = walk(tx, text, plan, chosen, when, [one for one in edges if one[1] is not None])
    if not found:
        return walked
    return f"select rid, seq, d1, total from (({walked}){found}) ix order by {sql.NATURAL} limit {limit}"


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
    where = [_types(text, plan), *_tests(tx, text, plan, "ix", skip=chosen.walker), *_edges(text, plan, "p", edges)]
    one = (
        f"select ix.rid, ix.seq, p.d1 from post p {sql.index_row('p')} where {when}p.tenant = $1 "
        f"and p.term = {'g.term' if many else term} and {' and '.join(where)} "
        f"order by p.d1 desc, p.rid desc limit {int(plan.limit)}"
    )
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
    where = " and ".join(["ix.pat = g.pat and ix.type = g.type" if many else f"ix.pat = {pat} and ix.type = {kind}",
                          *edges, *_tests(tx, text, plan, "ix", skip=skip)])
    one = (f"select ix.rid, ix.seq, ix.d1 from ix where {when}ix.tenant = $1 and {where} "
           f"order by {sql.NATURAL} limit {int(plan.limit)}")
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
        where = [_types(text, plan), *_tests(tx, text, plan, "ix", skip=chosen.walker), *_edges(text, plan, "ix", [])]
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
    tests = " and ".join(_tests(tx, text, plan, "ix", skip=chosen.walker))
    if chosen.glance:
        rows = f"(select * from ix where {along} order by {sql.NATURAL} limit {GLANCE_MAX}) ix where {tests}"
    else:
        rows = f"ix where {along} and {tests}"
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
    where = [_types(text, plan), *_tests(tx, text, plan, "ix", skip=None), *_edges(text, plan, "ix", [("<", floor)])]
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
