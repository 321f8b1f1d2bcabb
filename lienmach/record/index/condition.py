"""What one search parameter asks of the index: the value between the types (index/*.py) and the plan.

`index/<type>.py` builds it from `param[:modifier]=v1,v2`; `record/plan.py` turns it into SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter
    from lienmach.standards.fhir.definitions import Definitions

Sql = Callable[[str, list[Any]], str]
"""(alias, args) -> a parenthesised boolean SQL text over columns of `alias`; bound values are appended to
args and written as `$n` with n = len(args) after the append."""


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What reading a search value needs from outside. tz: for dates without offset. now: for prefix `ap`.

    base_url: our own `https://host/fhir`, without trailing slash; absolute references under it are made relative.
    """

    tenant: int
    term_seed: int
    tz: tzinfo
    now: datetime
    definitions: Definitions | None = None
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """At least one row of a side table satisfies `sql`.

    table: 'str' | 'dat' | 'num'. params: the numbers whose rows count (a parameter may read those of others:
    `combo-value-quantity` reads two). The plan adds `alias.tenant = .. and alias.type = <type number> and
    alias.param = any(params)` and joins on (tenant, rid); `sql` says the rest.
    eager: the side index narrows well enough to drive a query (equality, prefix, bounded range);
    false for `:contains`, `ne`, open ranges, quantities without a unit: use it as a filter by rid.
    low: for 'dat', every matching row has low[0] <= lo < low[1] (None: open on that side). Where
    `parameter.date_leads`, ix.d1 of every match lies there too.
    """

    table: str
    params: tuple[int, ...]
    sql: Sql
    eager: bool = True
    low: tuple[datetime | None, datetime | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Condition:
    """What one `param[:modifier]=v1,v2` asks of a live index row of `parameter.type`.

    Exactly one of:
      side is not None  a row of a side table, see `Side`;
      else              any of `terms` is in ix.terms (no terms at all: nothing can match).
    hot: every one of these terms is in `post` too (driving and ordering by post is allowed).
    negate: the rows that do NOT match (`:not`, `:missing=true`); never together with hot driving.
      Negate without terms and side: every row matches (an element that cannot be absent, `:missing=false`).
    implies: a wider positive condition that every match satisfies also (a composite's `code` part);
      the plan may drive by it and then must still apply this one.
    """

    parameter: Parameter
    terms: tuple[int, ...] = ()
    hot: bool = False
    side: Side | None = None
    negate: bool = False
    implies: Condition | None = field(default=None)
