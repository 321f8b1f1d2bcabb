-- What a person has typed and not yet stored (care/drafts.py), and where they sit today (care/facility.py).

create table draft (
    tenant   int   not null,
    login    text  not null collate "C",
    form     text  not null collate "C",   -- note, orders, prescription, …
    key      text  not null collate "C",   -- what the form is about: the id of a visit
    data     jsonb not null,
    at       timestamptz not null,
    primary key (tenant, login, form, key)
);
create index draft_old on draft (tenant, at);

create table workplace (
    tenant      int  not null,
    login       text not null collate "C",
    location_id text not null collate "C",
    at          timestamptz not null,
    primary key (tenant, login)
);

do $$
declare t text;
begin
    foreach t in array array['draft', 'workplace'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update, delete on draft, workplace to lienmach_app;
