"""Code lists, prices and rules as dated data: find, get, put, close, approve.

A row says from when to when it holds and where it comes from. Everyone asks "as of a day": of a diagnosis the day on
which the visit ends, of a price the day of the order. What a visit used was copied into its resources, so nothing here
rewrites a closed visit.

    rows = await catalogues.find(tx, "icd10", "tang huyet ap", on=day)
    drug = await catalogues.get(tx, "drug", "PARA500", on=day)

The lists and the members of `data` stand in docs/reference/catalogues.md.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import catalogue_words
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json

USABLE = ("approved", "demo")


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

    Without diacritics and in any order; what comes first is told by catalogue_words.place. An empty text finds nothing.
    where: members of `data` that must be equal, for example {"has_finer": False}.
    """
    words = catalogue_words.of(text)[: catalogue_words.WORDS_MAX]
    if not words:
        return []
    phrase = catalogue_words.phrase(words)
    found = await tx.fetch(
        FIND, tx.tenant.number, list_name, words, [catalogue_words.after(word) for word in words],
        on, list(states), json.dumps(where or {}), phrase, catalogue_words.after(phrase),
    )  # fmt: skip
    ranked = sorted(found, key=lambda row: catalogue_words.place(row, words))
    return [_row(row) for row in ranked[:limit]]


#: hit: index entries under each word. whole: rows that have all of them. part, weak: how many of the words are only
#: beginnings of longer ones, or stand in lay names only. start: rows of which a code, name or lay name begins with the
#: whole text, so that those are ranked however many others there are. Limits bound the work of a very short text.
FIND = """
with hit as (
    select w.row_id, 1 << q.n::int - 1 as bit, w.word = q.low as is_whole, w.rank < 2 as is_strong
    from unnest($3::text[], $4::text[]) with ordinality q(low, high, n)
    cross join lateral (
        select row_id, word, rank from catalogue_word
        where tenant = $1 and list = $2 and word >= q.low and word < q.high offset 0) w),
whole as (
    select row_id, cardinality($3::text[]) - bit_count(bit_or(case when is_whole then bit else 0 end)::bit(8)) as part,
           cardinality($3::text[]) - bit_count(bit_or(case when is_strong then bit else 0 end)::bit(8)) as weak
    from hit group by row_id having bit_or(bit) = (1 << cardinality($3::text[])) - 1
    order by 2, 3, row_id desc limit 1000),
start as (
    select row_id, word = $8 as is_equal from catalogue_word
    where tenant = $1 and list = $2 and word >= $8 and word < $9 order by word limit 300),
best as (
    select row_id, max(part) as part, max(weak) as weak, bool_or(is_start) as is_start, bool_or(is_equal) as is_equal
    from (select row_id, part, weak, false as is_start, false as is_equal from whole
          union all select row_id, 0, 0, true, is_equal from start) either group by row_id)
select c.*, part, weak
from best cross join lateral (
    select * from catalogue own where own.tenant = $1 and own.row_id = best.row_id offset 0) c
where valid_from <= $5 and (valid_to is null or valid_to >= $5) and state = any($6) and data @> $7::jsonb
order by is_equal desc, is_start desc, part, weak, length(name), code limit 200"""


async def find_final_diagnoses(tx: Transaction, text: str, on: date, *, limit: int = 20) -> list[Row]:
    """ICD-10 codes that may stand as a diagnosis on a day: none that has finer ones."""
    return await find(tx, "icd10", text, on=on, limit=limit, where={"has_finer": False})


async def get(tx: Transaction, list_name: str, code: str, *, on: date, states: Sequence[str] = USABLE) -> Row | None:
    """The row of a code that holds on a day, or None."""
    return (await get_many(tx, list_name, [code], on=on, states=states)).get(code)


async def get_many(
    tx: Transaction, list_name: str, codes: Iterable[str], *, on: date, states: Sequence[str] = USABLE
) -> dict[str, Row]:
    """Rows by code that hold on a day; a code without one is left out."""
    rows = await tx.fetch(
        """select * from catalogue c where tenant = $1 and list = $2 and code = any($3)
            and valid_from <= $4 and (valid_to is null or valid_to >= $4) and state = any($5)""",
        tx.tenant.number, list_name, sorted(set(codes)), on, list(states),
    )  # fmt: skip
    return {row["code"]: _row(row) for row in rows}


async def all_of(
    tx: Transaction, list_name: str, *, on: date | None = None, states: Sequence[str] = USABLE, limit: int = 5000,
    offset: int = 0,
) -> list[Row]:  # fmt: skip
    """All rows of a (small) list by code; on: only those that hold that day, None: of every day."""
    rows = await tx.fetch(
        """select * from catalogue c where tenant = $1 and list = $2 and state = any($4)
            and ($3::date is null or valid_from <= $3 and (valid_to is null or valid_to >= $3))
            order by code, valid_from limit $5 offset $6""",
        tx.tenant.number, list_name, on, list(states), limit, offset,
    )  # fmt: skip
    return [_row(row) for row in rows]


def put(tx: Transaction, rows: Iterable[Row]) -> None:
    """Add rows when tx commits; the same (list, code, valid_from) again replaces it only while it is a draft or demo.

    A row in use that another one in use follows ends the day before it; a draft ends nothing until it is approved.
    Raises errors.Invalid for a row twice, and at the commit errors.Conflict for an approved row of the same first day
    or one that would lose days which have passed. Whether this actor may is asked by the page or command that calls.
    """
    gathered = list(rows)
    twice = [
        key for key, count in Counter((one.list, one.code, one.valid_from) for one in gathered).items() if count > 1
    ]
    if twice:
        raise errors.Invalid(f"The code {twice[0][1][:40]} of {twice[0][0]} stands twice with the same first day.")

    async def write(connection: asyncpg.Connection) -> None:
        own: list[int] = []
        for start in range(0, len(gathered), 1000):
            own += await _write(connection, tx, gathered[start : start + 1000])
        await _fit(connection, tx, own)

    tx.also(write)


def close(tx: Transaction, list_name: str, code: str, *, last_on: date) -> None:
    """Close the open row in use of a code with its last day, when tx commits. Raises as close_all."""
    close_all(tx, list_name, [code], last_on=last_on)


def close_all(tx: Transaction, list_name: str, codes: Sequence[str], *, last_on: date) -> None:
    """Close the open rows in use of these codes with their last day, when tx commits.

    Raises errors.Invalid for a day before yesterday (a day that passed keeps what it used), and at the commit
    errors.NotFound where no row of one of the codes is open on that day.
    """
    if last_on < yesterday(today(tx)):
        raise errors.Invalid("A row can end yesterday at the earliest: days that have passed keep what they used.")

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetch(
            """update catalogue set valid_to = $4 where tenant = $1 and list = $2 and code = any($3)
               and valid_from <= $4 and (valid_to is null or valid_to > $4) and state = any($5) returning code""",
            tx.tenant.number, list_name, list(codes), last_on, list(USABLE),
        )  # fmt: skip
        left = set(codes) - {one["code"] for one in done}
        if left:
            raise errors.NotFound(f"No row of {list_name} {min(left)[:40]} is open on that day.")

    tx.also(write)


def approve(tx: Transaction, row_ids: Sequence[int]) -> None:
    """Make drafts and demo rows the facility's own, in the actor's name, when tx commits.

    An earlier row in use of the same code ends the day before. Raises at the commit errors.Conflict where that would
    take away days that have passed.
    """

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetch(
            """update catalogue set state = 'approved', approved_by = $3, approved_at = $4
               where tenant = $1 and row_id = any($2) and state <> 'approved' returning row_id""",
            tx.tenant.number, list(row_ids), tx.actor.user, tx.now,
        )  # fmt: skip
        await _fit(connection, tx, [one["row_id"] for one in done])

    tx.also(write)


def approve_list(tx: Transaction, list_name: str, states: Sequence[str]) -> None:
    """Make every row of a list that stands in these states the facility's own, as approve does."""

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetch(
            """update catalogue set state = 'approved', approved_by = $4, approved_at = $5
               where tenant = $1 and list = $2 and state = any($3) and state <> 'approved' returning row_id""",
            tx.tenant.number, list_name, list(states), tx.actor.user, tx.now,
        )  # fmt: skip
        await _fit(connection, tx, [one["row_id"] for one in done])

    tx.also(write)


async def codes_of(tx: Transaction, list_name: str, row_ids: Sequence[int]) -> list[str]:
    """The codes of these rows of a list."""
    rows = await tx.fetch(
        "select distinct code from catalogue where tenant = $1 and list = $2 and row_id = any($3) order by code",
        tx.tenant.number, list_name, list(row_ids),
    )  # fmt: skip
    return [row["code"] for row in rows]


async def counts(tx: Transaction) -> dict[str, dict[str, int]]:
    """List -> state -> how many rows hold today or later."""
    rows = await tx.fetch(
        """select list, state, count(*)::int as rows from catalogue
           where tenant = $1 and (valid_to is null or valid_to >= $2) group by list, state""",
        tx.tenant.number, today(tx),
    )  # fmt: skip
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["list"], {})[row["state"]] = row["rows"]
    return found


async def _write(connection: asyncpg.Connection, tx: Transaction, rows: list[Row]) -> list[int]:
    tenant = tx.tenant.number
    keys = ([one.list for one in rows], [one.code for one in rows], [one.valid_from for one in rows])
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
                  source = excluded.source, approved_by = excluded.approved_by, approved_at = excluded.approved_at,
                  entered_by = excluded.entered_by, entered_at = excluded.entered_at
              where catalogue.state <> 'approved'
           returning row_id, list, code, name, data""",
        tenant, *keys, [one.valid_to for one in rows], [one.state for one in rows], [one.name for one in rows],
        [fhir_json.dump(one.data).decode() for one in rows], [one.source for one in rows],
        tx.actor.user, tx.now,
    )  # fmt: skip
    if len(stored) != len(rows):
        raise errors.Conflict("An approved row of the same code begins on that day; close it and begin a day later.")
    own = [one["row_id"] for one in stored]
    words = await asyncio.to_thread(_words, stored)
    await connection.execute("delete from catalogue_word where tenant = $1 and row_id = any($2)", tenant, own)
    await connection.execute(
        """insert into catalogue_word (tenant, list, word, row_id, rank)
           select $1, list, word, row_id, rank
           from unnest($2::bigint[], $3::text[], $4::text[], $5::smallint[]) t(row_id, list, word, rank)""",
        tenant, *([one[index] for one in words] for index in range(4)),
    )  # fmt: skip
    return own


def _words(stored: list[asyncpg.Record]) -> list[tuple[int, str, str, int]]:
    return [(one["row_id"], one["list"], word, rank) for one in stored for word, rank in catalogue_words.indexed(one)]


_FIT = """
with fit as (
    select c.row_id, lead(c.valid_from) over (partition by c.list, c.code order by c.valid_from) - 1 as last
    from catalogue c
    join (select distinct list, code from catalogue where tenant = $1 and row_id = any($2)) k using (list, code)
    where c.tenant = $1 and c.state = any($3))
update catalogue c set valid_to = fit.last from fit
where c.tenant = $1 and c.row_id = fit.row_id and (c.valid_to is null or c.valid_to > fit.last)
returning c.code, c.state = 'approved' and c.valid_to < $4 and c.row_id <> all($2) as is_wrong"""


async def _fit(connection: asyncpg.Connection, tx: Transaction, own: list[int]) -> None:
    """End each row in use before the next one of its code. own: the rows that are new or newly approved."""
    cut = await connection.fetch(_FIT, tx.tenant.number, own, list(USABLE), yesterday(today(tx)))
    wrong = [one["code"] for one in cut if one["is_wrong"]]
    if wrong:
        raise errors.Conflict(
            f"An approved row of {wrong[0][:40]} was in use on days that have passed; let the new one begin today."
        )


def _row(row: asyncpg.Record) -> Row:
    return Row(
        row["list"], row["code"], row["name"], row["valid_from"], row["valid_to"], row["state"],
        json.loads(row["data"], parse_float=Decimal), row["source"], row["row_id"], row["approved_by"],
    )  # fmt: skip


def yesterday(day: date) -> date:
    """The day before: the last day of a row that another one follows."""
    return day - timedelta(days=1)


def today(tx: Transaction) -> date:
    """The day of a unit of work at the tenant's place."""
    return tx.now.astimezone(tx.tenant.time_zone).date()
