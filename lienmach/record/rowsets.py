"""Rows on their way in: the columns that one commit gathers, and the one statement that inserts them.

A commit inserts into up to seven tables. One statement with a common table expression for each table that has
rows costs one round trip instead of seven; the texts are few (which tables have rows), so PostgreSQL's prepared
statements are used again. Columns travel as arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from lienmach.record.frames import Frame

_COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "version": (
        ("bucket", "smallint"),
        ("seq", "bigint"),
        ("rid", "bigint"),
        ("type", "smallint"),
        ("version_id", "int"),
        ("op", "text"),
        ("at", "timestamptz"),
        ("id", "text"),
        ("patient", "text"),
        ("salt", "bytea"),
        ("hash", "bytea"),
        ("body", "bytea"),
    ),
    "resource": (
        ("bucket", "smallint"),
        ("type", "smallint"),
        ("version_id", "int"),
        ("rid", "bigint"),
        ("seq", "bigint"),
        ("deleted", "boolean"),
        ("id", "text"),
    ),
    "ix": (
        ("bucket", "smallint"),
        ("type", "smallint"),
        ("rid", "bigint"),
        ("seq", "bigint"),
        ("pat", "bigint"),
        ("d1", "timestamptz"),
        ("updated", "timestamptz"),
        ("terms", "bigint[]"),
    ),
    "post": (("bucket", "smallint"), ("term", "bigint"), ("d1", "timestamptz"), ("rid", "bigint")),
    "str": (
        ("bucket", "smallint"),
        ("type", "smallint"),
        ("rid", "bigint"),
        ("param", "int"),
        ("norm", "text"),
        ("exact", "text"),
        ("tok", "bigint"),
    ),
    "dat": (
        ("bucket", "smallint"),
        ("type", "smallint"),
        ("rid", "bigint"),
        ("param", "int"),
        ("lo", "timestamptz"),
        ("hi", "timestamptz"),
        ("tok", "bigint"),
    ),
    "num": (
        ("bucket", "smallint"),
        ("type", "smallint"),
        ("rid", "bigint"),
        ("param", "int"),
        ("unit", "bigint"),
        ("lo", "numeric"),
        ("hi", "numeric"),
        ("tok", "bigint"),
        ("lo2", "numeric"),
        ("hi2", "numeric"),
    ),
    "frame": (("frame", "bigint"), ("terms", "bigint[]")),
    "frame_str": (("frame", "bigint"), ("param", "int"), ("norm", "text"), ("exact", "text")),
    "import_mark": (("bucket", "smallint"), ("type", "smallint"), ("name", "bytea"), ("body", "bytea"), ("id", "text")),
    "job": (("kind", "text"), ("payload", "jsonb"), ("run_at", "timestamptz"), ("attempts_max", "int")),
}
# The driver asks of each element of an array whether it is itself an array, which costs more than to write it:
# columns of numbers go as one text that PostgreSQL reads.
_AS_LITERAL = frozenset(["smallint", "int", "bigint", "boolean", "numeric"])
_IX_UPSERT = (
    " on conflict (tenant, rid, bucket) do update set seq = excluded.seq, pat = excluded.pat, "
    "d1 = excluded.d1, updated = excluded.updated, terms = excluded.terms"
)
_CONFLICTS = {
    "import_mark": " on conflict (tenant, name) do update set bucket = excluded.bucket, type = excluded.type, "
    "body = excluded.body, id = excluded.id",
    "frame": " on conflict do nothing",
}

CHANGE_DIRECTORY = """
with u as (
    select * from unnest($2::smallint[], $3::text[], $4::bigint[], $5::bigint[], $6::int[], $7::boolean[])
        as u(type, id, expected, seq, version_id, deleted)
), r as (
    update resource r set seq = u.seq, version_id = u.version_id, deleted = u.deleted
    from u where r.tenant = $1 and r.type = u.type and r.id = u.id and r.seq = u.expected returning 1
), i as (delete from ix where tenant = $1 and rid = any($9::bigint[])),
   p as (delete from post where tenant = $1 and rid = any($8::bigint[])),
   s as (delete from str where tenant = $1 and rid = any($8::bigint[])),
   d as (delete from dat where tenant = $1 and rid = any($8::bigint[])),
   n as (delete from num where tenant = $1 and rid = any($8::bigint[]))
select count(*) from r
"""


class Rows:
    """The rows of one commit, table by table, as tuples in the order of `_COLUMNS`."""

    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _COLUMNS}

    def add_index(self, bucket: int, type_number: int, rid: int, seq: int, updated: datetime, rows: Any) -> None:
        """Take the index rows of one live resource (record/index/rows.py `IndexRows`)."""
        tables = self.tables
        d1 = rows.d1
        tables["ix"].append((bucket, type_number, rid, seq, rows.pat, d1, updated, _literal(rows.terms)))
        if rows.post:
            tables["post"].extend([(bucket, term, d1, rid) for term in rows.post])
        if rows.str:
            tables["str"].extend([(bucket, type_number, rid, *row) for row in rows.str])
        if rows.dat:
            tables["dat"].extend([(bucket, type_number, rid, *row) for row in rows.dat])
        if rows.num:
            tables["num"].extend([(bucket, type_number, rid, *row) for row in rows.num])

    def add_frame(self, frame: Frame) -> None:
        """Take a frame that may not be there yet."""
        self.tables["frame"].append((frame.number, _literal(frame.terms)))
        self.tables["frame_str"].extend([(frame.number, *row) for row in frame.strings])

    def statement(self, tenant: int, seq: int, chain: bytes, *, upsert: bool) -> tuple[str, list[Any]]:
        """(SQL, arguments) that insert all rows and move the head of the chain to `seq`, `chain`.

        upsert: some index rows stand already (updates), so that `ix` replaces them.
        """
        names = tuple(name for name, rows in self.tables.items() if rows)
        args: list[Any] = [tenant, seq, chain]
        for name in names:
            for (_, kind), column in zip(_COLUMNS[name], zip(*self.tables[name], strict=True), strict=True):
                args.append(_literal(column) if kind in _AS_LITERAL else column)
        return _insert_text(names, upsert), args


def _literal(column: Iterable[Any]) -> str:
    """An array of numbers as PostgreSQL's text for it."""
    text = ",".join(map(str, column))
    return "{" + (text.replace("None", "NULL") if "N" in text else text) + "}"


@lru_cache(maxsize=256)
def _insert_text(names: tuple[str, ...], upsert: bool) -> str:
    parts, number = [], 3
    for name in names:
        columns = _COLUMNS[name]
        arrays, chosen = [], []
        for column, kind in columns:
            number += 1
            arrays.append(
                f"${number}::text::{kind}[]"
                if kind in _AS_LITERAL
                else f"${number}::text[]"
                if kind.endswith("[]")
                else f"${number}::{kind}[]"
            )
            chosen.append(f"{column}::{kind}" if kind.endswith("[]") else column)
        listed = ", ".join(column for column, _ in columns)
        parts.append(
            f"x_{name} as (insert into {name} (tenant, {listed}) select $1, {', '.join(chosen)} "
            f"from unnest({', '.join(arrays)}) as u({listed})"
            + (_IX_UPSERT if name == "ix" and upsert else _CONFLICTS.get(name, ""))
            + ")"
        )
    return "with " + ", ".join(parts) + " update ledger set seq = $2, hash = $3 where tenant = $1"
