"""SQL texts of searches, joined from fragments of the code with bound values; nothing of a request becomes text.

Two habits keep plans from tipping over as tables grow (docs/explanation/store.md, measured in the store's spike):
an inner query that must run row by row is fenced with `offset 0`, which PostgreSQL may not flatten; and array
predicates that must only filter use the function `arrayoverlap`, which has no index, instead of the operator `&&`.
"""

from __future__ import annotations

from typing import Any

NATURAL = "ix.d1 desc, ix.rid desc"


class Text:
    """One statement in the making. args: the bound values; $1 is the tenant of everything."""

    __slots__ = ("args",)

    def __init__(self, tenant: int) -> None:
        self.args: list[Any] = [tenant]

    def bind(self, value: Any, cast: str = "") -> str:
        """Append a value and return its placeholder."""
        self.args.append(value)
        return f"${len(self.args)}::{cast}" if cast else f"${len(self.args)}"


def index_row(outer: str) -> str:
    """The row of `ix` that belongs to `outer.rid`, by its primary key and in no other way."""
    return f"cross join lateral (select * from ix where ix.tenant = $1 and ix.rid = {outer}.rid offset 0) ix"


def bodies(keys: str, order: str) -> str:
    """From the chosen rows `m` (rid, seq and `keys`) to their current versions, in `order`."""
    return (
        f"select {keys}, v.* from m cross join lateral (select v.rid, v.seq, v.type, v.id, v.version_id, v.at, v.op, "
        "v.patient, v.body, v.codec from version v where v.tenant = $1 and v.seq = m.seq offset 0) v "
        f"order by {order}"
    )


def ids() -> str:
    """From the chosen rows `m` to type, id and version."""
    return (
        "select v.rid, v.seq, v.type, v.id, v.version_id from m cross join lateral (select v.rid, v.seq, v.type, v.id, "
        "v.version_id from version v where v.tenant = $1 and v.seq = m.seq offset 0) v"
    )
