"""Rows of visits: read from the current Encounter, person and main diagnosis, summed over lines, costs and statements.

`put` is the way in for rows that somebody else has made (a bench, a test of the statistics).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import asyncpg

from lienmach.care import visit_facts
from lienmach.care.resources import Resource
from lienmach.departments.leaders import facts

_SET = """
insert into leaders_visit (tenant, generation, encounter_id, patient_id, condition_id, facility, day, hour, begun_at,
    signed_at, state, doctor, doctor_name, specialty, room, room_name, icd, block, chapter, age_band, sex, commune,
    is_insured, is_booked)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
on conflict (tenant, encounter_id) do update set generation = excluded.generation, patient_id = excluded.patient_id,
    condition_id = excluded.condition_id, facility = excluded.facility, day = excluded.day, hour = excluded.hour,
    begun_at = excluded.begun_at, signed_at = excluded.signed_at, state = excluded.state, doctor = excluded.doctor,
    doctor_name = excluded.doctor_name, specialty = excluded.specialty, room = excluded.room,
    room_name = excluded.room_name, icd = excluded.icd, block = excluded.block, chapter = excluded.chapter,
    age_band = excluded.age_band, sex = excluded.sex, commune = excluded.commune, is_insured = excluded.is_insured,
    is_booked = excluded.is_booked
"""
_SUM = """
update leaders_visit v set items = l.items, antibiotics = l.antibiotics, injections = l.injections, rx_vnd = l.rx_vnd,
    unpriced = l.unpriced, cost_vnd = c.cost_vnd, total_vnd = s.total_vnd, patient_vnd = s.patient_vnd,
    fund_vnd = s.fund_vnd, closed_at = s.closed_at
from unnest($2::text[]) as w (encounter_id)
cross join lateral (
    select count(*) as items, count(*) filter (where is_antibiotic) as antibiotics,
           count(*) filter (where is_antibiotic and is_injected) as injections,
           coalesce(sum(cost_vnd), 0) as rx_vnd, count(*) filter (where cost_vnd is null) as unpriced
    from leaders_line where tenant = $1 and encounter_id = w.encounter_id and is_standing) l
cross join lateral (
    select coalesce(sum(amount_vnd), 0) as cost_vnd from leaders_charge
    where tenant = $1 and encounter_id = w.encounter_id) c
left join lateral (
    select total_vnd, patient_vnd, fund_vnd, closed_at from leaders_statement
    where tenant = $1 and encounter_id = w.encounter_id and is_current order by closed_at desc limit 1) s on true
where v.tenant = $1 and v.encounter_id = w.encounter_id
"""
MEMBERS = (
    "encounter_id patient_id condition_id facility day hour begun_at signed_at state doctor doctor_name specialty room "
    "room_name icd block chapter age_band sex commune is_insured is_booked"
).split()

SUMS = ("items", "antibiotics", "injections", "rx_vnd")


class Step(Protocol):
    """What is needed of a step of the projection."""

    connection: asyncpg.Connection
    tenant: int
    generation: int
    zone: ZoneInfo

    async def current(self, kind: str, ids: Iterable[str]) -> tuple[dict[str, Resource], list[str]]:
        """(current resources by id, ids of those that are deleted)."""
        ...


async def write(step: Step, encounter_ids: Sequence[str]) -> None:
    """Bring the rows of these visits in line with the record, and mark their days to be summed again."""
    wanted = [one for one in encounter_ids if one]
    if not wanted:
        return
    before = await _days(step.connection, step.tenant, wanted)
    found, _ = await step.current("Encounter", wanted)
    people, _ = await step.current("Patient", map(visit_facts.patient_of, found.values()))
    diseases, _ = await step.current("Condition", map(facts.main_condition_of, found.values()))
    rows = []
    for one in found.values():
        person = people.get(visit_facts.patient_of(one), {})
        row = facts.visit_of(one, person, diseases.get(facts.main_condition_of(one), {}), step.zone)
        if row is not None:
            rows.append(row)
    kept = [row["encounter_id"] for row in rows]
    await step.connection.execute(
        "delete from leaders_visit where tenant = $1 and encounter_id = any($2::text[])",
        step.tenant, sorted(set(wanted) - set(kept)),
    )  # fmt: skip
    await put(step.connection, step.tenant, rows, generation=step.generation)
    await step.connection.execute(_SUM, step.tenant, kept)
    await mark(step.connection, step.tenant, before | {row["day"] for row in rows})


async def put(
    connection: asyncpg.Connection, tenant: int, rows: Sequence[Mapping[str, Any]], *, generation: int = 1
) -> None:
    """Store rows of visits. rows: MEMBERS each; sums over lines and costs are left as they are."""
    if rows:
        await connection.executemany(_SET, [(tenant, generation, *(row[name] for name in MEMBERS)) for row in rows])


async def put_sums(connection: asyncpg.Connection, tenant: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set what a prescription adds up to, for rows that were made without one. rows: encounter_id and SUMS each."""
    await connection.executemany(
        """update leaders_visit set items = $3, antibiotics = $4, injections = $5, rx_vnd = $6
           where tenant = $1 and encounter_id = $2""",
        [(tenant, row["encounter_id"], *(row[name] for name in SUMS)) for row in rows],
    )


async def mark(connection: asyncpg.Connection, tenant: int, days: Iterable[date]) -> None:
    """Remember that these days are to be summed again, and that what was computed from them is old."""
    await connection.execute("update leaders_progress set changes = changes + 1 where tenant = $1", tenant)
    await connection.execute(
        """insert into leaders_stale_day (tenant, day) select $1, day from unnest($2::date[]) day
           on conflict do nothing""",
        tenant, sorted(set(days)),
    )  # fmt: skip


async def _days(connection: asyncpg.Connection, tenant: int, wanted: Sequence[str]) -> set[date]:
    rows = await connection.fetch(
        "select distinct day from leaders_visit where tenant = $1 and encounter_id = any($2::text[])",
        tenant, list(wanted),
    )  # fmt: skip
    return {row["day"] for row in rows}
