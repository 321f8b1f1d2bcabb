"""The figures' own tables, kept by reading the record behind its writers: nothing is done while a visit is written.

`catch_up` walks over the versions that were committed since the last time, in commit order, and brings the rows of what
they touched in line with the *current* resources. So it may be run twice, begun anew, or stopped anywhere: the place it
has reached is committed with the rows. A visit is counted wherever its resources came from: pages, FHIR API, import.

    await projection.catch_up(store, tenant)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import astuple
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from lienmach.base import jobs
from lienmach.care.resources import Resource
from lienmach.departments.leaders import drug_rows, facts, roll_up, visit_rows
from lienmach.record.transaction import Store

FOLLOW = "leaders.follow"
BEAT_SECONDS = 20  # figures are at most so far behind, and the time of one look
_VISIT, _PERSON, _DISEASE = "Encounter", "Patient", "Condition"
_LINE, _CHARGE, _INVOICE = "MedicationRequest", "ChargeItem", "Invoice"
_TYPES = (_VISIT, _PERSON, _DISEASE, _LINE, _CHARGE, _INVOICE)
_VERSIONS = 400  # of one step; others have a turn in between
_PAUSE_EVERY = 40  # resources that are read in one go
_decoder = msgspec.json.Decoder(float_hook=Decimal)

_LINE_SQL = """
insert into leaders_line (tenant, generation, request_id, encounter_id, drug_code, is_standing, is_antibiotic,
                          is_injected, cost_vnd, written_on)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant, request_id) do update set generation = excluded.generation,
    encounter_id = excluded.encounter_id, drug_code = excluded.drug_code, is_standing = excluded.is_standing,
    is_antibiotic = excluded.is_antibiotic, is_injected = excluded.is_injected, cost_vnd = excluded.cost_vnd,
    written_on = excluded.written_on
"""
_CHARGE_SQL = """
insert into leaders_charge (tenant, generation, charge_id, encounter_id, amount_vnd) values ($1, $2, $3, $4, $5)
on conflict (tenant, charge_id) do update set generation = excluded.generation, encounter_id = excluded.encounter_id,
    amount_vnd = excluded.amount_vnd
"""
_STATEMENT_SQL = """
insert into leaders_statement (tenant, generation, invoice_id, encounter_id, is_current, closed_at, total_vnd,
                               patient_vnd, fund_vnd)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant, invoice_id) do update set generation = excluded.generation, is_current = excluded.is_current,
    encounter_id = excluded.encounter_id, closed_at = excluded.closed_at, total_vnd = excluded.total_vnd,
    patient_vnd = excluded.patient_vnd, fund_vnd = excluded.fund_vnd
"""


class _Step:
    """One step on one connection, inside its transaction: some versions, and the rows of what they touched."""

    def __init__(self, store: Store, connection: asyncpg.Connection, tenant: int, generation: int) -> None:
        self.store = store
        self.connection = connection
        self.tenant = tenant
        self.generation = generation
        self.zone: ZoneInfo = store.tenants[tenant].time_zone
        self.numbers = {store.definitions.type_number(one): one for one in _TYPES}
        self.of_name = {name: number for number, name in self.numbers.items()}

    async def take(self, after: int, until: int) -> None:
        """Bring in line what the versions after `after`, up to `until`, have touched."""
        rows = await self.connection.fetch(
            """select type, array_agg(distinct id) as ids from version
               where tenant = $1 and seq > $2 and seq <= $3 and type = any($4::smallint[]) group by type""",
            self.tenant, after, until, list(self.numbers),
        )  # fmt: skip
        touched: dict[str, list[str]] = {self.numbers[row["type"]]: row["ids"] for row in rows}
        visits = set(touched.get(_VISIT, ()))
        visits |= await self._lines(touched.get(_LINE, []))
        visits |= await self._charges(touched.get(_CHARGE, []))
        visits |= await self._statements(touched.get(_INVOICE, []))
        visits |= await self._told_by(touched.get(_DISEASE, []), touched.get(_PERSON, []))
        await visit_rows.write(self, sorted(visits))

    async def current(self, kind: str, ids: Iterable[str]) -> tuple[dict[str, Resource], list[str]]:
        """(current resources by id, ids of those that are deleted)."""
        wanted = sorted(set(ids) - {""})
        if not wanted:
            return {}, []
        rows = await self.connection.fetch(
            """select r.id, r.deleted, v.body from resource r join version v on v.tenant = r.tenant and v.seq = r.seq
               where r.tenant = $1 and r.type = $2 and r.id = any($3::text[])""",
            self.tenant, self.of_name[kind], wanted,
        )  # fmt: skip
        found: dict[str, Resource] = {}
        for index, row in enumerate(rows):
            if index % _PAUSE_EVERY == _PAUSE_EVERY - 1:
                await asyncio.sleep(0)
            if not row["deleted"]:
                found[row["id"]] = _decoder.decode(row["body"])
        return found, [row["id"] for row in rows if row["deleted"]]

    async def _lines(self, ids: list[str]) -> set[str]:
        found, gone = await self.current(_LINE, ids)
        drugs = await drug_rows.read(self.connection, self.tenant, map(facts.drug_code_of, found.values()))
        lines = [facts.line_of(one, drugs, self.zone) for one in found.values()]
        await self._write(_LINE_SQL, [astuple(one) for one in lines if one.encounter_id])
        removed = await self.connection.fetch(
            "delete from leaders_line where tenant = $1 and request_id = any($2::text[]) returning encounter_id",
            self.tenant, gone,
        )  # fmt: skip
        return {one.encounter_id for one in lines} | {row["encounter_id"] for row in removed}

    async def _charges(self, ids: list[str]) -> set[str]:
        found, gone = await self.current(_CHARGE, ids)
        rows = [(own, facts.encounter_of(one), facts.charge_of(one, self.zone)) for own, one in found.items()]
        await self._write(_CHARGE_SQL, [one for one in rows if one[1]])
        removed = await self.connection.fetch(
            "delete from leaders_charge where tenant = $1 and charge_id = any($2::text[]) returning encounter_id",
            self.tenant, gone,
        )  # fmt: skip
        return {visit for _, visit, _ in rows} | {row["encounter_id"] for row in removed}

    async def _statements(self, ids: list[str]) -> set[str]:
        found, gone = await self.current(_INVOICE, ids)
        made = [one for one in map(facts.statement_of, found.values()) if one is not None]
        await self._write(_STATEMENT_SQL, [astuple(one) for one in made])
        removed = await self.connection.fetch(
            "delete from leaders_statement where tenant = $1 and invoice_id = any($2::text[]) returning encounter_id",
            self.tenant, gone,
        )  # fmt: skip
        return {one.encounter_id for one in made} | {row["encounter_id"] for row in removed}

    async def _told_by(self, conditions: list[str], patients: list[str]) -> set[str]:
        """Visits whose diagnosis or person was changed."""
        if not conditions and not patients:
            return set()
        rows = await self.connection.fetch(
            """select encounter_id from leaders_visit where tenant = $1 and condition_id = any($2::text[])
               union select encounter_id from leaders_visit where tenant = $1 and patient_id = any($3::text[])""",
            self.tenant, conditions, patients,
        )  # fmt: skip
        return {row["encounter_id"] for row in rows}

    async def _write(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            await self.connection.executemany(sql, [(self.tenant, self.generation, *one) for one in rows])


async def catch_up(store: Store, tenant: int) -> int:
    """Count everything that is committed by now; returns the number of versions that were looked at."""
    looked = 0
    while True:
        async with store.pool.acquire() as connection, connection.transaction():
            progress = await roll_up.hold(connection, tenant)
            seq, generation = progress["seq"], progress["generation"]
            head = await connection.fetchval("select seq from ledger where tenant = $1", tenant) or 0
            until = min(seq + _VERSIONS, head)
            if until > seq:
                await _Step(store, connection, tenant, generation).take(seq, until)
                looked += until - seq
            is_done = until == head
            await connection.execute(
                """update leaders_progress set seq = $2, followed_at = case when $3 then now() else followed_at end
                   where tenant = $1""",
                tenant, until, is_done,
            )  # fmt: skip
        if is_done:
            break
        await asyncio.sleep(0)
    await roll_up.finish(store, tenant)
    return looked


async def begin_anew(store: Store, tenant: int) -> None:
    """Count everything again from the first version; what is shown stays until it is replaced. Safe to call twice."""
    async with store.pool.acquire() as connection, connection.transaction():
        await roll_up.hold(connection, tenant)
        await connection.execute(
            "update leaders_progress set seq = 0, generation = generation + 1, is_rebuilt = false where tenant = $1",
            tenant,
        )
        await jobs.queue(connection, tenant, [jobs.JobRow(FOLLOW)])
