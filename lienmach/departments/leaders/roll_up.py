"""Sums of days and months, so that a page reads tens of rows: made anew for the days whose visits have changed."""

from __future__ import annotations

import asyncpg

from lienmach.record.transaction import Store

_DAYS_AT_ONCE = 31
_DAY = """
insert into leaders_day (tenant, day, visits, finished, cancelled, insured, booked, prescribed, items, antibiotic,
                         cost_vnd, total_vnd, patient_vnd, fund_vnd)
select $1, day, count(*) filter (where state <> 'cancelled'), count(*) filter (where state = 'finished'),
       count(*) filter (where state = 'cancelled'), count(*) filter (where state <> 'cancelled' and is_insured),
       count(*) filter (where state <> 'cancelled' and is_booked),
       count(*) filter (where state <> 'cancelled' and items > 0),
       coalesce(sum(items) filter (where state <> 'cancelled'), 0),
       count(*) filter (where state <> 'cancelled' and antibiotics > 0),
       coalesce(sum(cost_vnd) filter (where state <> 'cancelled'), 0), coalesce(sum(total_vnd), 0),
       coalesce(sum(patient_vnd), 0), coalesce(sum(fund_vnd), 0)
from leaders_visit where tenant = $1 and day = any($2::date[]) group by day
"""
_MONTH = """
with own as materialized (
    select day, facility, commune, chapter, block, age_band, sex, is_insured, items > 0 as is_prescribed
    from leaders_visit
    where tenant = $1 and day >= $2 and day < $2 + interval '1 month' and state <> 'cancelled')
insert into leaders_month (tenant, month, dimension, code, visits)
select $1, $2, 'day', day::text, count(*) from own group by day
union all select $1, $2, 'facility', facility, count(*) from own group by facility
union all select $1, $2, 'commune', commune, count(*) from own group by commune
union all select $1, $2, 'chapter', chapter, count(*) from own group by chapter
union all select $1, $2, 'insured', case when is_insured then 'yes' else 'no' end, count(*) from own group by is_insured
union all select $1, $2, 'prescribed', case when is_prescribed then 'yes' else 'no' end, count(*) from own
          group by is_prescribed
union all select $1, $2, 'block-age-sex', concat_ws('|', block, age_band, sex), count(*) from own
          group by block, age_band, sex
union all select $1, $2, 'commune-age', concat_ws('|', commune, age_band), count(*) from own group by commune, age_band
"""
_SWEEPS = (
    "delete from leaders_line where tenant = $1 and generation < $2",
    "delete from leaders_charge where tenant = $1 and generation < $2",
    "delete from leaders_statement where tenant = $1 and generation < $2",
)


async def finish(store: Store, tenant: int) -> None:
    """Sum the days that have changed and their months; after a recount, take away what the record does not hold."""
    await _sweep(store, tenant)
    while await _days(store, tenant):
        pass
    while await _month(store, tenant):
        pass


async def hold(connection: asyncpg.Connection, tenant: int) -> asyncpg.Record:
    """Enter the tenant and lock the place that is reached, so that nobody else counts in it; the row of progress."""
    await connection.execute("select set_config('lienmach.tenant', $1, true)", str(tenant))
    await connection.execute(
        "insert into leaders_progress (tenant) values ($1) on conflict (tenant) do nothing", tenant
    )
    return await connection.fetchrow(
        "select seq, generation, is_rebuilt from leaders_progress where tenant = $1 for update", tenant
    )


async def _days(store: Store, tenant: int) -> bool:
    """Sum some of the days that are marked; whether there were any."""
    async with store.pool.acquire() as connection, connection.transaction():
        await hold(connection, tenant)
        rows = await connection.fetch(
            """delete from leaders_stale_day where tenant = $1 and day in (
                   select day from leaders_stale_day where tenant = $1 order by day desc limit $2) returning day""",
            tenant, _DAYS_AT_ONCE,
        )  # fmt: skip
        days = [row["day"] for row in rows]
        if days:
            await connection.execute(
                "delete from leaders_day where tenant = $1 and day = any($2::date[])", tenant, days
            )
            await connection.execute(_DAY, tenant, days)
            await connection.execute(
                """insert into leaders_stale_month (tenant, month)
                   select distinct $1::int, date_trunc('month', day)::date from unnest($2::date[]) day
                   on conflict do nothing""",
                tenant, days,
            )  # fmt: skip
    return bool(days)


async def _month(store: Store, tenant: int) -> bool:
    """Sum one of the months that are marked; whether there was one."""
    async with store.pool.acquire() as connection, connection.transaction():
        await hold(connection, tenant)
        month = await connection.fetchval(
            """delete from leaders_stale_month where tenant = $1 and month = (
                   select max(month) from leaders_stale_month where tenant = $1) returning month""",
            tenant,
        )  # fmt: skip
        if month is not None:
            await connection.execute("delete from leaders_month where tenant = $1 and month = $2", tenant, month)
            await connection.execute(_MONTH, tenant, month)
    return month is not None


async def _sweep(store: Store, tenant: int) -> None:
    """At the end of a recount: rows that it did not meet are not in the record."""
    async with store.pool.acquire() as connection, connection.transaction():
        progress = await hold(connection, tenant)
        if progress["is_rebuilt"]:
            return
        for sql in _SWEEPS:
            await connection.execute(sql, tenant, progress["generation"])
        await connection.execute(
            """with gone as (delete from leaders_visit where tenant = $1 and generation < $2)
               insert into leaders_stale_day (tenant, day)
               select $1::int, day from leaders_day where tenant = $1
               union select $1::int, day from leaders_visit where tenant = $1 on conflict do nothing""",
            tenant, progress["generation"],
        )  # fmt: skip
        await connection.execute("update leaders_progress set is_rebuilt = true where tenant = $1", tenant)
