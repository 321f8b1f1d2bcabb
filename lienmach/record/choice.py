"""Which need drives a search: the one decision that PostgreSQL's planner is not asked to make.

Never one join over array predicates: the planner guesses the same half per cent for every term and then walks the
wrong index (measured, docs/explanation/store.md). So the driver is chosen here and fenced in SQL:

    ids      the directory of ids                      few rows, all of them tested
    patient  ix by (pat, type, d1 desc, rid desc)      walked in natural order, a few patients and types together
    post     post by (term, d1 desc, rid desc)         walked in natural order, one hot token or several
    either   a patient walk, and the few rows beside it that belong to a compartment in other ways
    set      a source of row numbers (terms, strings, dates, numbers), probed up to so many rows;
             if there are more, the same statement walks instead and the source becomes a test; within a few
             days all rows of these days are looked at first, and that is all if they are few
    type     ix by (type, d1 desc, rid desc)           walked in natural order, everything is a test

Under an asked order that no index keeps, every row that fits is found first and then sorted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from lienmach.record.need import Either, Ids, Need, Patients, Rows, Side, Terms, Updated
from lienmach.record.sorting import NATURAL, Order

PROBE_MAX = 5000  # where finding all and sorting costs what walking past others costs, at a million rows a type
PROBE_TEXTS_MAX = 1000  # the same for names, at tens of thousands of people
PROBE_NARROW_MAX = 300  # beside a walk that ends after NARROW: a room's visits of a day, not those of its years
NARROW = timedelta(days=3)
NEAR_MAX = 5000  # rows of a type in a few days: to read them costs less than to find all that ever had a frequent term
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
    are looked at; if they do not fill the page, ask again with `skips_glance`. narrow: the walk goes over a few days,
    which are looked at whole if they are NEAR_MAX rows at most; else the source is not probed far.
    """

    walk: str
    walker: Need | None = None
    source: Need | None = None
    whole: bool = False
    glance: bool = False
    narrow: bool = False


def choose(plan: Plan) -> Choice:
    """The driver of a plan; see the module."""
    chosen = _driver(plan)
    if chosen.walk == "type" and chosen.source is not None and not chosen.whole and _is_narrow(plan):
        return replace(chosen, narrow=True)
    return chosen


def _is_narrow(plan: Plan) -> bool:
    """Whether the needs bound ix.d1 of every match to a few days."""
    windows = [need.window for need in plan.needs if isinstance(need, Side)] if len(plan.types) == 1 else []
    floor = max((low for low, _ in windows if low is not None), default=None)
    below = min((high for _, high in windows if high is not None), default=None)
    return floor is not None and below is not None and below - floor <= NARROW


def _driver(plan: Plan) -> Choice:
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
        others = [one for one in plan.needs if isinstance(one, Terms) and one is not walker and not one.negate]
        if others and not plan.skips_glance:
            return Choice(walk, walker, glance=True)
        source = min(others, key=lambda one: (one.plain, len(one.terms)), default=None)
        return Choice(walk, walker, source=source)
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


def probe_max(chosen: Choice) -> int:
    """Up to how many rows the source of this choice is taken."""
    source = chosen.source
    if isinstance(source, Side) and source.condition.side is not None and source.condition.side.table == "str":
        return PROBE_TEXTS_MAX
    return PROBE_NARROW_MAX if chosen.narrow else PROBE_MAX
