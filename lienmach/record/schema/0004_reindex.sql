-- Search parameters that a tenant has added, and how far their index is (record/reindex.py).

create table reindex (
    tenant      int         not null references tenant,
    id          text        not null collate "C",  -- of the SearchParameter resource
    url         text        not null,
    code        text        not null,
    definition  jsonb       not null,              -- what searching needs of the resource
    state       text        not null check (state in ('building', 'ready', 'failed', 'off')),
    done        bigint      not null default 0,
    total       bigint      not null default 0,
    error       text,
    changed_at  timestamptz not null default clock_timestamp(),
    primary key (tenant, id)
);
create index reindex_changed on reindex (changed_at);

alter table reindex enable row level security;
create policy tenant_only on reindex using (tenant = current_setting('lienmach.tenant')::int);
grant select, insert, update, delete on reindex to lienmach_app;

-- Which tenants' parameters have changed: all that a process needs to know of other tenants.
create function reindex_changes(since timestamptz) returns table (tenant int, changed_at timestamptz)
language sql security definer stable set search_path = public, pg_temp as $$
    select tenant, max(changed_at) from reindex where changed_at > since group by tenant
$$;
revoke all on function reindex_changes from public;
grant execute on function reindex_changes to lienmach_app;
