"""What the facility's lists say of drugs: ATC group, route, prices by day; read straight from the catalogue's rows."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import asyncpg
import msgspec

from lienmach.departments.leaders import facts
from lienmach.departments.leaders.facts import Drug

_SQL = """
select list, code, valid_from, valid_to, data::text as data from catalogue
where tenant = $1 and state in ('approved', 'demo')
  and ((list = 'drug' and code = any($2::text[])) or (list = 'price' and code = any($3::text[])))
order by valid_from desc
"""


async def read(connection: asyncpg.Connection, tenant: int, codes: Iterable[str]) -> dict[str, Drug]:
    """Drugs by code; one that no list has is left out."""
    wanted = sorted({one for one in codes if one})
    if not wanted:
        return {}
    found = await connection.fetch(_SQL, tenant, wanted, [f"drug:{one}" for one in wanted])
    about: dict[str, tuple[str, bool]] = {}
    prices: dict[str, list[tuple]] = {}  # type: ignore[type-arg]
    for row in found:
        data = msgspec.json.decode(row["data"])
        if row["list"] == "drug":
            about.setdefault(row["code"], (str(data.get("atc", "")), facts.is_injected(data)))
        elif data.get("don_gia_bv") is not None or data.get("don_gia_bh") is not None:
            price = Decimal(str(data.get("don_gia_bh") or data.get("don_gia_bv")))
            own = row["code"].partition(":")[2]
            prices.setdefault(own, []).append((row["valid_from"], row["valid_to"], price))
    return {code: Drug(*about.get(code, ("", False)), tuple(prices.get(code, ()))) for code in wanted}
