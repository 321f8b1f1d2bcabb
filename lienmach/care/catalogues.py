"""Code lists, prices and rules as dated data: find, get, put, close, approve.

A row says from when to when it holds and where it comes from. Everyone asks "as of a day": of a diagnosis the day on
which the visit ends, of a price the day of the order. What a visit used was copied into its resources, so nothing here
rewrites a closed visit.

    rows = await catalogues.find(tx, "icd10", "tang huyet ap", on=day)
    drug = await catalogues.get(tx, "drug", "PARA500", on=day)

The lists and the members of `data` stand in docs/reference/catalogues.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding

USABLE = ("approved", "demo")
_CANDIDATES = 400  # matches that are ranked; more words narrow a search
_WORDS_MAX = 8
_SPLIT = re.compile(r"[^\w.]+")


@dataclass(frozen=True)
class Row:
    """One row as it stands. data: members by list. state: draft (of no effect yet), demo, approved."""

    list: str
    code: str
    name: str
    valid_from: date
    valid_to: date | None = None
    state: str = "draft"
    data: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    row_id: int = 0
    approved_by: str | None = None


async def find(
    tx: Transaction,
    list_name: str,
    text: str,
    *,
    on: date,
    limit: int = 20,
    where: dict[str, Any] | None = None,
    states: Sequence[str] = USABLE,
) -> list[Row]:
    """Rows valid on a day whose code, name or lay names hold every word of `text` by its beginning, best first.

    Without diacritics and in any order; an exact code comes first, then names that begin so, then the rest.
    where: members of `data` that must be equal. An empty text finds nothing.
    """
    words = [word for word in _SPLIT.split(folding.fold(text)) if word][:_WORDS_MAX]
    if not words:
        return []
    found = await tx.fetch(_FIND, tx.tenant.number, list_name, words, [_after(word) for word in words],
                           on, list(states), json.dumps(where or {}), _CANDIDATES)  # fmt: skip
    folded = " ".join(words)
    ranked = sorted(found, key=lambda row: _rank(row, folded, words))
    return [_row(row) for row in ranked[:limit]]


_FIND = """
with hit as (
    select w.row_id, q.n, min(w.rank) as rank
    from unnest($3::text[], $4::text[]) with ordinality q(low, high, n)
    join catalogue_word w on w.tenant = $1 and w.list = $2 and w.word >= q.low and w.word < q.high
    group by w.row_id, q.n),
whole as (select row_id, max(rank) as rank from hit group by row_id having count(*) = cardinality($3::text[]))
select c.*, whole.rank
from whole join catalogue c on c.tenant = $1 and c.row_id = whole.row_id
where c.valid_from <= $5 and (c.valid_to is null or c.valid_to >= $5) and c.state = any($6) and c.data @> $7::jsonb
order by whole.rank, length(c.name), c.code limit $8"""


async def get(tx: Transaction, list_name: str, code: str, *, on: date, states: Sequence[str] = USABLE) -> Row | None:
    """The row of a code that holds on a day, or None."""
    return (await get_many(tx, list_name, [code], on=on, states=states)).get(code)


async def get_many(
    tx: Transaction, list_name: str, codes: Iterable[str], *, on: date, states: Sequence[str] = USABLE
) -> dict[str, Row]:
    """Rows by code that hold on a day; a code without one is left out."""
    rows = await tx.fetch(
        """select * from catalogue where tenant = $1 and list = $2 and code = any($3)
            and valid_from <= $4 and (valid_to is null or valid_to >= $4) and state = any($5)""",
        tx.tenant.number, list_name, sorted(set(codes)), on, list(states),
    )  # fmt: skip
    return {row["code"]: _row(row) for row in rows}


async def all_of(
    tx: Transaction, list_name: str, *, on: date | None = None, states: Sequence[str] = USABLE, limit: int = 5000
) -> list[Row]:
    """All rows of a (small) list by code; on: only those that hold that day, None: of every day."""
    rows = await tx.fetch(
        """select * from catalogue where tenant = $1 and list = $2 and state = any($4)
            and ($3::date is null or valid_from <= $3 and (valid_to is null or valid_to >= $3))
            order by code, valid_from limit $5""",
        tx.tenant.number, list_name, on, list(states), limit,
    )  # fmt: skip
    return [_row(row) for row in rows]


def put(tx: Transaction, rows: Iterable[Row]) -> None:
    """Add rows when tx commits; the same (list, code, valid_from) again replaces it only while it is a draft or demo.

    An open earlier row of the same code is closed the day before. Raises at the commit errors.Conflict for an
    approved row of the same first day. Whether this actor may is asked by the page or command that calls.
    """
    gathered = list(rows)

    async def write(connection: asyncpg.Connection) -> None:
        for start in range(0, len(gathered), 1000):
            await _write(connection, tx, gathered[start : start + 1000])

    tx.also(write)


def close(tx: Transaction, list_name: str, code: str, *, last_on: date) -> None:
    """Close the open row of a code with its last day, when tx commits. Raises at the commit errors.NotFound."""

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetchval(
            """update catalogue set valid_to = $4 where tenant = $1 and list = $2 and code = $3 and valid_from <= $4
               and (valid_to is null or valid_to > $4) returning true""",
            tx.tenant.number, list_name, code, last_on,
        )  # fmt: skip
        if not done:
            raise errors.NotFound(f"No row of {list_name} {code[:40]} is open on that day.")

    tx.also(write)


def approve(tx: Transaction, row_ids: Sequence[int]) -> None:
    """Make drafts and demo rows the facility's own, in the actor's name, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update catalogue set state = 'approved', approved_by = $3, approved_at = $4
               where tenant = $1 and row_id = any($2) and state <> 'approved'""",
            tx.tenant.number, list(row_ids), tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)


async def _write(connection: asyncpg.Connection, tx: Transaction, rows: list[Row]) -> None:
    tenant = tx.tenant.number
    keys = ([one.list for one in rows], [one.code for one in rows], [one.valid_from for one in rows])
    await connection.execute(
        """update catalogue c set valid_to = k.valid_from - 1
           from unnest($2::text[], $3::text[], $4::date[]) k(list, code, valid_from)
           where c.tenant = $1 and c.list = k.list and c.code = k.code and c.valid_from < k.valid_from
           and (c.valid_to is null or c.valid_to >= k.valid_from)""",
        tenant, *keys,
    )  # fmt: skip
    stored = await connection.fetch(
        """insert into catalogue (tenant, list, code, valid_from, valid_to, state, name, data, source, approved_by,
                                  approved_at, entered_by, entered_at)
           select $1, list, code, valid_from, valid_to, state, name, data, source,
                  case when state = 'approved' then $10 end, case when state = 'approved' then $11::timestamptz end,
                  $10, $11
           from unnest($2::text[], $3::text[], $4::date[], $5::date[], $6::text[], $7::text[], $8::jsonb[], $9::text[])
                t(list, code, valid_from, valid_to, state, name, data, source)
           on conflict (tenant, list, code, valid_from) do update
              set valid_to = excluded.valid_to, state = excluded.state, name = excluded.name, data = excluded.data,
                  source = excluded.source, entered_by = excluded.entered_by, entered_at = excluded.entered_at
              where catalogue.state <> 'approved'
           returning row_id, list, code, name, data""",
        tenant, *keys, [one.valid_to for one in rows], [one.state for one in rows], [one.name for one in rows],
        [json.dumps(one.data, ensure_ascii=False) for one in rows], [one.source for one in rows],
        tx.actor.user, tx.now,
    )  # fmt: skip
    if len(stored) != len(rows):
        raise errors.Conflict("An approved row of the same code begins on that day; close it and begin a day later.")
    words = [(one["row_id"], one["list"], word, rank) for one in stored for word, rank in _words(one)]
    await connection.execute(
        "delete from catalogue_word where tenant = $1 and row_id = any($2)", tenant, [one["row_id"] for one in stored]
    )
    await connection.execute(
        """insert into catalogue_word (tenant, list, word, row_id, rank)
           select $1, list, word, row_id, rank
           from unnest($2::bigint[], $3::text[], $4::text[], $5::smallint[]) t(row_id, list, word, rank)""",
        tenant, *([one[index] for one in words] for index in range(4)),
    )  # fmt: skip


def _words(row: asyncpg.Record) -> list[tuple[str, int]]:
    """(folded word, rank) of code, name and what `data` says under lay, en, ingredients."""
    data = json.loads(row["data"])
    texts = [(row["code"], 0), (row["code"].replace(".", ""), 0), (row["name"], 1)]
    texts += [(text, 2) for text in data.get("lay", ())]
    texts += [(text, 2) for text in (data.get("en", ""), data.get("brand", "")) if text]
    texts += [(one.get("name", ""), 1) for one in data.get("ingredients", ()) if isinstance(one, dict)]
    best: dict[str, int] = {}
    for text, rank in texts:
        for word in _SPLIT.split(folding.fold(text)):
            if word:
                best[word[:60]] = min(rank, best.get(word[:60], rank))
    return sorted(best.items())


def _after(word: str) -> str:
    """The least text that is greater than every word that begins so (collation C compares bytes)."""
    return word + "\U0010ffff"


def _rank(row: asyncpg.Record, folded: str, words: list[str]) -> tuple[Any, ...]:
    name, code = folding.fold(row["name"]), row["code"].casefold()
    lay = [folding.fold(text) for text in json.loads(row["data"]).get("lay", ())]
    if code == folded or code.replace(".", "") == folded:
        place = 0
    elif name == folded or folded in lay:
        place = 1
    elif code.startswith(folded):
        place = 2
    elif name.startswith(folded):
        place = 3
    elif any(text.startswith(folded) for text in lay):
        place = 4
    elif folded in name:
        place = 5
    elif any(folded in text for text in lay):
        place = 6
    else:
        place = 7 + row["rank"]
    return place, len(name), row["code"]


def _row(row: asyncpg.Record) -> Row:
    return Row(
        row["list"], row["code"], row["name"], row["valid_from"], row["valid_to"], row["state"],
        json.loads(row["data"]), row["source"], row["row_id"], row["approved_by"],
    )  # fmt: skip


def yesterday(day: date) -> date:
    """The day before: the last day of a row that another one follows."""
    return day - timedelta(days=1)
