-- Keys by which people and the facility sign (care/signing_keys.py). No private key stands here readable: a person's is
-- sealed under PIN and node secret, the facility's and the authority's under the node secret, a session's copy under the
-- cookie, which we do not keep. A key that is replaced keeps its certificate, so that old signatures stay verifiable.

create table signing_authority (
    tenant      int         primary key,
    certificate bytea       not null,             -- DER, self-signed
    sealed      bytea       not null,             -- AES-256-GCM of the PKCS #8 key
    created_at  timestamptz not null
);

create table signing_key (
    tenant       int         not null,
    key_id       text        not null collate "C", -- hexadecimal, of SHA-256 of the public key
    login        text        not null collate "C", -- '@' and an id: the key of that facility
    certificate  bytea       not null,             -- DER, issued by the tenant's authority
    sealed       bytea,                            -- null once withdrawn: it can never sign again
    salt         bytea       not null,             -- of argon2id over the PIN
    failures     int         not null default 0,   -- wrong PINs since the last right one
    locked_until timestamptz,
    state        text        not null check (state in ('active', 'withdrawn')),
    issued_at    timestamptz not null,
    withdrawn_at timestamptz,
    primary key (tenant, key_id),
    check ((state = 'active') = (sealed is not null))
);
create unique index signing_key_active on signing_key (tenant, login) where state = 'active';

create table signing_session (
    tenant       int         not null,
    session_hash bytea       not null,             -- SHA-256 of the cookie, as in `session`
    login        text        not null collate "C",
    key_id       text        not null collate "C",
    sealed       bytea       not null,
    expires_at   timestamptz not null,
    primary key (tenant, session_hash)
);

do $$
declare t text;
begin
    foreach t in array array['signing_authority', 'signing_key', 'signing_session'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert on signing_authority to lienmach_app;
grant select, insert, update on signing_key to lienmach_app;
grant select, insert, update, delete on signing_session to lienmach_app;

-- Who signs out, is signed out or locks the screen gives the PIN again, whichever way it happened.
create function signing_session_ends() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from public.signing_session where tenant = old.tenant and session_hash = old.token_hash;
    return null;
end $$;
create trigger signing_ends_with_session after delete on session
    for each row execute function signing_session_ends();
create trigger signing_ends_with_lock after update of is_locked on session
    for each row when (new.is_locked) execute function signing_session_ends();
