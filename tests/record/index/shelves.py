"""A shelf: index rows in real tables, and conditions asked of them, without versions, commits or planner."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from lienmach.record import need
from lienmach.record.index import parameters as index_parameters
from lienmach.record.index import rows as index_rows
from lienmach.record.index.condition import Condition, SearchContext
from lienmach.record.index.parameters import Parameters
from lienmach.record.sql import Text
from lienmach.standards.fhir import definitions

SEED = 20260101
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 7, 1, tzinfo=UTC)
STANDARD = definitions.load()
PARAMETERS = Parameters.load(STANDARD)
CONTEXT = SearchContext(1, SEED, ZONE, NOW, STANDARD, "https://node.example/fhir")


def condition(resource_type: str, query: str, parameters: Parameters = PARAMETERS) -> Condition:
    """`code:modifier=a,b` as a condition; a comma in a value is written `\\,`."""
    name, _, value = query.partition("=")
    code, _, modifier = name.partition(":")
    parts = [one.replace("\0", ",") for one in value.replace("\\,", "\0").split(",")]
    return index_parameters.condition(parameters.of(resource_type)[code], modifier or None, parts, CONTEXT)


class Shelf:
    """put: index one resource. find: the ids of those that match a query."""

    def __init__(self, connection: asyncpg.Connection, parameters: Parameters = PARAMETERS) -> None:
        self.connection, self.parameters = connection, parameters
        self.ids: dict[int, str] = {}

    async def put(self, *resources: dict[str, Any]) -> None:
        for resource in resources:
            rid = len(self.ids) + 1
            self.ids[rid] = resource.get("id", str(rid))
            await self._insert(
                rid,
                STANDARD.type_number(resource["resourceType"]),
                index_rows.extract(self.parameters, resource, tenant=1, term_seed=SEED, tz=ZONE),
            )

    async def _insert(self, rid: int, number: int, found: index_rows.IndexRows) -> None:
        await self.connection.execute(
            "insert into ix (tenant, bucket, rid, type, seq, pat, d1, updated, terms) "
            "values (1, 0, $1, $2, $1, $3, $4, $5, $6)",
            rid,
            number,
            found.pat,
            found.d1,
            NOW,
            found.terms,
        )
        columns = {
            "str": "param, norm, exact, tok",
            "dat": "param, lo, hi, tok",
            "num": "param, unit, lo, hi, tok, lo2, hi2",
        }
        for table, names in columns.items():
            rows = getattr(found, table)
            marks = ", ".join(f"${n + 3}" for n in range(len(names.split(","))))
            if rows:
                await self.connection.executemany(
                    f"insert into {table} (tenant, bucket, type, rid, {names}) values (1, 0, $1, $2, {marks})",
                    [(number, rid, *row) for row in rows],
                )

    async def find(self, resource_type: str, query: str) -> set[str]:
        asked = condition(resource_type, query, self.parameters)
        return {self.ids[rid] for rid in await self.rids(resource_type, asked)}

    async def rids(self, resource_type: str, asked: Condition, among: list[int] | None = None) -> list[int]:
        """The numbers of the rows that match, by the test; it must agree with the source where there is one."""
        number = STANDARD.type_number(resource_type)
        wanted, text = need.of_condition(asked, number), Text(1)
        sql = f"select rid from ix where tenant = $1 and type = {text.bind(number)} and {wanted.test(text, 'ix')}"
        if among is not None:
            sql += f" and rid = any({text.bind(among, 'bigint[]')})"
        tested = [row["rid"] for row in await self.connection.fetch(sql, *text.args)]
        if among is None and not asked.hot and isinstance(wanted, need.Side) and wanted.source(Text(1)) is not None:
            text = Text(1)
            source = wanted.source(text)
            assert source is not None
            sourced = {row["rid"] for row in await self.connection.fetch(source, *text.args)}
            assert sourced == set(tested), "the source and the test of one need disagree"
        return tested
