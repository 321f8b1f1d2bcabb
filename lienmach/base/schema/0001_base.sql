-- The job queue: a row is written by the transaction that causes the work (base/jobs.py).
--
-- A worker serves all tenants, so it claims with a function that the owner runs: row-level security
-- shows the application's role the rows of one tenant only, and the worker learns of a job nothing
-- but what it needs to take it up in its tenant's name.

create table job (
    job_id       bigint generated always as identity primary key,
    tenant       int not null,
    kind         text not null,
    payload      jsonb not null default '{}',
    run_at       timestamptz not null default now(),
    attempts     int not null default 0,
    attempts_max int not null default 10,
    leased_until timestamptz,
    lease        bigint,
    error        text,
    queued_at    timestamptz not null default now(),
    done_at      timestamptz,
    dead_at      timestamptz
);

create index job_due on job (run_at, job_id) where done_at is null and dead_at is null;
create index job_dead on job (tenant, dead_at) where dead_at is not null;
create index job_done on job (done_at) where done_at is not null;

alter table job enable row level security;
create policy job_of_tenant on job
    using (tenant = current_setting('lienmach.tenant')::int)
    with check (tenant = current_setting('lienmach.tenant')::int);
grant select, insert, update, delete on job to lienmach_app;

-- Claim up to `many` due jobs of the kinds given, or whose lease has run out, for `seconds`.
create function job_claim(kinds text[], many int, seconds int, mark bigint) returns setof job
language sql security definer set search_path = public, pg_temp as $$
    update job set attempts = attempts + 1, leased_until = now() + make_interval(secs => seconds), lease = mark
     where job_id in (
        select job_id from job
         where done_at is null and dead_at is null and kind = any (kinds) and attempts < attempts_max
           and run_at <= now() and (leased_until is null or leased_until < now())
         order by run_at, job_id
         limit many
         for update skip locked)
    returning *
$$;

-- End jobs that this worker still holds; a lease that another took over is left alone.
create function job_finish(ids bigint[], mark bigint) returns bigint
language sql security definer set search_path = public, pg_temp as $$
    with done as (
        update job set done_at = now(), leased_until = null, error = null
         where job_id = any (ids) and lease = mark and done_at is null returning 1)
    select count(*) from done
$$;

-- Put a failed job back for later, or aside for a person to look at when its attempts are used up.
create function job_fail(id bigint, mark bigint, words text, wait_seconds double precision) returns boolean
language sql security definer set search_path = public, pg_temp as $$
    update job set error = left(words, 2000), leased_until = null,
           run_at = now() + make_interval(secs => wait_seconds),
           dead_at = case when attempts >= attempts_max then now() end
     where job_id = id and lease = mark and done_at is null
    returning dead_at is not null
$$;

create function job_extend(ids bigint[], mark bigint, seconds int) returns void
language sql security definer set search_path = public, pg_temp as $$
    update job set leased_until = now() + make_interval(secs => seconds)
     where job_id = any (ids) and lease = mark and done_at is null
$$;

create function job_counts() returns table (kind text, waiting bigint, dead bigint, oldest_seconds double precision)
language sql security definer stable set search_path = public, pg_temp as $$
    select kind, count(*) filter (where dead_at is null), count(*) filter (where dead_at is not null),
           coalesce(extract(epoch from now() - min(run_at) filter (where dead_at is null)), 0)
      from job where done_at is null group by kind
$$;

-- Put aside what died with its worker on the last attempt; forget what was done long ago.
create function job_sweep(days int) returns bigint
language sql security definer set search_path = public, pg_temp as $$
    update job set dead_at = now(), leased_until = null, error = coalesce(error, 'its worker died')
     where done_at is null and dead_at is null and attempts >= attempts_max
       and (leased_until is null or leased_until < now());
    with gone as (delete from job where done_at < now() - make_interval(days => days) returning 1)
    select count(*) from gone
$$;

revoke all on function job_claim, job_finish, job_fail, job_extend, job_counts, job_sweep from public;
grant execute on function job_claim, job_finish, job_fail, job_extend, job_counts, job_sweep to lienmach_app;
