-- The record: one append-only log of versions, a directory of ids, and a derived search index.
-- Every key holds `tenant` (the data controller) and, where it is unique, `bucket`, so that a larger
-- node may partition later without changing a key. Why it is so: docs/explanation/store.md.

create table tenant (
    tenant      int    primary key,
    slug        text   not null unique,
    name        text   not null,
    time_zone   text   not null default 'Asia/Ho_Chi_Minh',
    term_seed   bigint not null,               -- seed of the search terms' hash, secret of this node
    references_must_resolve boolean not null default false,
    created_at  timestamptz not null default now()
);

-- The head of each tenant's chain. Its row lock orders the commits of that tenant.
create table ledger (
    tenant int    primary key references tenant,
    seq    bigint not null,
    hash   bytea  not null
);

-- All versions of all resources, audit events included, in commit order without gaps.
create table version (
    tenant     int         not null,
    bucket     smallint    not null,
    seq        bigint      not null,
    rid        bigint      not null,           -- seq of the resource's first version: its number for life
    type       smallint    not null,
    version_id int         not null,
    op         "char"      not null,           -- C created, U updated, D deleted
    codec      smallint    not null default 0, -- 0: the body is stored as it is
    at         timestamptz not null,           -- meta.lastUpdated
    id         text        not null collate "C",
    patient    text        collate "C",        -- id of the one person it is about, if there is one
    salt       bytea       not null,
    hash       bytea       not null,           -- the chain up to and with this row (record/ledger.py)
    body       bytea       not null,           -- exact bytes; empty for D
    primary key (tenant, seq, bucket)
);
create index version_rid on version (tenant, rid, seq) where version_id > 1;
create index version_type on version (tenant, type, seq);
alter table version alter column body set storage external;

-- Which ids exist, and where their current version stands. Keeps (tenant, type, id) unique.
create table resource (
    tenant     int      not null,
    bucket     smallint not null,
    type       smallint not null,
    version_id int      not null,
    rid        bigint   not null,
    seq        bigint   not null,
    deleted    boolean  not null default false,
    id         text     not null collate "C",
    primary key (tenant, type, id)
) with (fillfactor = 90);

-- The search index: one row a live resource, and side tables for what one row cannot hold.
create table ix (
    tenant  int         not null,
    bucket  smallint    not null,
    type    smallint    not null,
    rid     bigint      not null,
    seq     bigint      not null,
    pat     bigint,                            -- term of the one patient, if there is one
    d1      timestamptz not null,              -- low edge of the main clinical date, else the epoch
    updated timestamptz not null,
    terms   bigint[]    not null,
    primary key (tenant, rid, bucket)
) with (fillfactor = 90);
create index ix_natural on ix (tenant, type, d1 desc, rid desc);
create index ix_patient on ix (tenant, pat, type, d1 desc, rid desc) where pat is not null;
create index ix_updated on ix (tenant, type, updated);
create index ix_terms on ix using gin (terms) with (fastupdate = on, gin_pending_list_limit = 1024);
alter table ix alter column terms set statistics 1000;

create table post (                            -- hot tokens, in natural order
    tenant int         not null,
    bucket smallint    not null,
    term   bigint      not null,
    d1     timestamptz not null,
    rid    bigint      not null
);
create index post_term on post (tenant, term, d1 desc, rid desc);
create index post_rid on post (tenant, rid);

create table str (
    tenant int      not null,
    bucket smallint not null,
    type   smallint not null,
    param  int      not null,
    rid    bigint   not null,
    tok    bigint,                             -- the token half of a composite, else null
    norm   text     not null collate "C",      -- folded (standards/fhir/folding.py)
    exact  text     not null collate "C"
);
create index str_norm on str (tenant, type, param, norm, rid);
create index str_rid on str (tenant, rid);

create table dat (
    tenant int         not null,
    bucket smallint    not null,
    type   smallint    not null,
    param  int         not null,
    rid    bigint      not null,
    tok    bigint,
    lo     timestamptz not null,
    hi     timestamptz not null
);
create index dat_lo on dat (tenant, type, param, lo, rid);
create index dat_rid on dat (tenant, rid);

create table frame (                           -- what many audit events share (record/frames.py)
    tenant int      not null,
    frame  bigint   not null,
    terms  bigint[] not null,
    primary key (tenant, frame)
);
create table frame_str (
    tenant int    not null,
    frame  bigint not null,
    param  int    not null,
    norm   text   not null collate "C",
    exact  text   not null collate "C"
);

create table num (
    tenant int      not null,
    bucket smallint not null,
    type   smallint not null,
    param  int      not null,
    rid    bigint   not null,
    unit   bigint,
    tok    bigint,
    lo     numeric  not null,
    hi     numeric  not null,
    lo2    numeric,
    hi2    numeric
);
create index num_lo on num (tenant, type, param, unit, lo, rid);
create index num_rid on num (tenant, rid);

-- Row-level security is the backstop: without the setting there is an error, not a row.
do $$
declare t text;
begin
    foreach t in array array['ledger', 'version', 'resource', 'ix', 'post', 'str', 'dat', 'num', 'frame',
                            'frame_str'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;

-- The current versions of some ids, in one round trip (record/points.py). It runs with the caller's rights: the
-- setting holds for its transaction only, and row-level security applies inside it.
create function points(which int, types smallint[], ids text[])
returns table (n bigint, rid bigint, seq bigint, bucket smallint, version_id int, deleted boolean, at timestamptz,
               patient text, body bytea)
language plpgsql as $$
begin
    perform set_config('lienmach.tenant', which::text, true);
    return query
        select k.n, r.rid, r.seq, r.bucket, r.version_id, r.deleted, v.at, v.patient, v.body
        from unnest(types, ids) with ordinality k(type, id, n)
        join resource r on r.tenant = which and r.type = k.type and r.id = k.id
        join version v on v.tenant = which and v.seq = r.seq;
end $$;

grant select on tenant to lienmach_app;
grant select, update on ledger to lienmach_app;
grant select, insert on version to lienmach_app;   -- nobody rewrites history, the program neither
grant select, insert, update on resource to lienmach_app;
grant select, insert on frame, frame_str to lienmach_app;
grant select, insert, update, delete on ix, post, str, dat, num to lienmach_app;
