-- Citizens who see their own record: requests for a code, and sessions (identity/citizen_sessions.py). No code and no
-- cookie is stored, only its hash. A request lives for an hour, because its row is also what the limits count.

create table citizen_request (
    tenant     int         not null references tenant,
    token_hash bytea       not null,                     -- SHA-256 of the cookie of the browser that asked
    request_id text        not null collate "C",         -- named by the job that sends the code
    phone      text        not null collate "C",
    birth      text        not null collate "C",         -- as FHIR writes it
    address    text        not null collate "C",
    asked_at   timestamptz not null,
    code_hash  text,                                     -- argon2id; null: no code was sent, because nobody fits
    patients   text[]      not null default '{}',        -- whose record it opens: several only of twins
    tries      int         not null default 0,
    proven_at  timestamptz,                              -- the code was right
    ended_at   timestamptz,                              -- used, or replaced by a newer request of this browser
    primary key (tenant, token_hash),
    unique (tenant, request_id)
);
create index citizen_request_phone on citizen_request (tenant, phone, asked_at);
create index citizen_request_address on citizen_request (tenant, address, asked_at);
create index citizen_request_asked on citizen_request (tenant, asked_at);

create table citizen_session (
    token_hash   bytea       primary key,                -- SHA-256 of the cookie
    tenant       int         not null references tenant,
    patient      text        not null collate "C",
    display      text        not null,
    csrf         bytea       not null,                   -- 32 random bytes, never sent unmasked
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at   timestamptz not null                    -- the absolute end
);
create index citizen_session_tenant on citizen_session (tenant, expires_at);
create index citizen_session_patient on citizen_session (tenant, patient);

do $$
declare t text;
begin
    foreach t in array array['citizen_request', 'citizen_session'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;

grant select, insert, update, delete on citizen_request, citizen_session to lienmach_app;

-- Before the tenant is known, as session_by_hash.
create function citizen_session_by_hash(wanted bytea)
    returns table (tenant int, facility text, patient text, display text, csrf bytea, created_at timestamptz,
                   last_seen_at timestamptz, expires_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select s.tenant, t.name, s.patient, s.display, s.csrf, s.created_at, s.last_seen_at, s.expires_at
    from public.citizen_session s join public.tenant t on t.tenant = s.tenant
    where s.token_hash = wanted
$$;

revoke all on function citizen_session_by_hash(bytea) from public;
grant execute on function citizen_session_by_hash(bytea) to lienmach_app;
