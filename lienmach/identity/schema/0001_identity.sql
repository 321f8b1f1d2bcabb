-- Who is there: accounts, sessions, bearer tokens, set-up links, failed attempts.
-- No password, cookie or token is stored, only its hash. Rows belong to a tenant, and row-level
-- security keeps them there; the three look-ups that must run before the tenant is known are the
-- functions at the end, which run as the owner with a fixed search path.

create table account (
    tenant        int         not null references tenant,
    login         text        not null collate "C",
    display       text        not null,
    password_hash text,                              -- argon2id; null until a set-up link is used
    roles         text[]      not null,
    practitioner  text        not null default '',   -- FHIR reference such as Practitioner/123
    state         text        not null default 'active' check (state in ('active', 'closed')),
    is_demo       boolean     not null default false, -- signs in from loopback only
    must_change   boolean     not null default false,
    comfort       boolean     not null default false, -- 18 px letters
    language      text        not null default 'vi' check (language in ('vi', 'en')),
    created_at    timestamptz not null,
    primary key (tenant, login)
);

create table session (
    token_hash   bytea       primary key,            -- SHA-256 of the cookie
    tenant       int         not null,
    login        text        not null collate "C",
    csrf         bytea       not null,               -- 32 random bytes, never sent unmasked
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at   timestamptz not null,               -- the absolute end
    is_locked    boolean     not null default false,
    foreign key (tenant, login) references account on delete cascade
);
create index session_login on session (tenant, login);

create table token (
    token_hash bytea       primary key,              -- SHA-256 of the bearer token
    tenant     int         not null references tenant,
    login      text        not null collate "C",
    display    text        not null,
    roles      text[]      not null,
    purpose    text        not null,                 -- v3 PurposeOfUse
    created_at timestamptz not null,
    expires_at timestamptz not null
);

create table setup_link (
    token_hash bytea       primary key,
    tenant     int         not null,
    login      text        not null collate "C",
    expires_at timestamptz not null,
    foreign key (tenant, login) references account on delete cascade
);

-- Failures since the last success, for every login that was tried, existing or not:
-- an unknown name is locked exactly like a known one, so the lock tells nothing.
create table lockout (
    tenant       int         not null references tenant,
    login        text        not null collate "C",
    failures     int         not null,
    failed_at    timestamptz not null,
    locked_until timestamptz,
    primary key (tenant, login)
);

-- Failed attempts by network address, of all tenants together.
create table attempt (
    address text        not null,
    at      timestamptz not null
);
create index attempt_address on attempt (address, at);

do $$
declare t text;
begin
    foreach t in array array['account', 'session', 'token', 'setup_link', 'lockout'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;

grant select, insert, update on account to lienmach_app;
grant select, insert, update, delete on session, token, setup_link, lockout to lienmach_app;
grant insert on attempt to lienmach_app;

create function session_by_hash(wanted bytea)
    returns table (tenant int, slug text, facility text, login text, display text, roles text[], practitioner text,
                   comfort boolean, language text, must_change boolean, is_demo boolean, csrf bytea,
                   created_at timestamptz, last_seen_at timestamptz, expires_at timestamptz, is_locked boolean)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select s.tenant, t.slug, t.name, s.login, a.display, a.roles, a.practitioner, a.comfort, a.language, a.must_change,
           a.is_demo, s.csrf, s.created_at, s.last_seen_at, s.expires_at, s.is_locked
    from public.session s join public.account a on a.tenant = s.tenant and a.login = s.login and a.state = 'active'
         join public.tenant t on t.tenant = s.tenant
    where s.token_hash = wanted
$$;

create function token_by_hash(wanted bytea)
    returns table (tenant int, login text, display text, roles text[], purpose text, expires_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select t.tenant, t.login, t.display, t.roles, t.purpose, t.expires_at from public.token t where t.token_hash = wanted
$$;

create function setup_link_by_hash(wanted bytea)
    returns table (tenant int, login text, display text, expires_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select l.tenant, l.login, a.display, l.expires_at
    from public.setup_link l join public.account a on a.tenant = l.tenant and a.login = l.login and a.state = 'active'
    where l.token_hash = wanted
$$;

-- Counts the failures of one address since a moment and forgets what is older.
create function attempts_since(wanted text, since timestamptz) returns bigint
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
    delete from public.attempt where address = wanted and at < since;
    select count(*) from public.attempt where address = wanted
$$;

revoke all on function session_by_hash(bytea), token_by_hash(bytea), setup_link_by_hash(bytea),
    attempts_since(text, timestamptz) from public;
grant execute on function session_by_hash(bytea), token_by_hash(bytea), setup_link_by_hash(bytea),
    attempts_since(text, timestamptz) to lienmach_app;
