-- Code lists, prices and rules as dated data (care/catalogues.py). A row is never rewritten once a visit may have used
-- it: it is closed (valid_to) and a new one is opened. What is not approved by the facility is a draft.

create table catalogue (
    row_id      bigint generated always as identity,
    tenant      int  not null,
    list        text not null collate "C",   -- icd10, drug, service, indicator, price, …
    code        text not null collate "C",
    valid_from  date not null,
    valid_to    date,                         -- last day, null: still open
    state       text not null check (state in ('draft', 'demo', 'approved')),
    name        text not null,
    data        jsonb not null default '{}',
    source      text not null default '',     -- decision, file, or "memory"
    approved_by text,
    approved_at timestamptz,
    entered_by  text not null default '',
    entered_at  timestamptz not null default now(),
    primary key (tenant, list, code, valid_from),
    check (valid_to is null or valid_to >= valid_from)
);
create unique index catalogue_row on catalogue (tenant, row_id);

create table catalogue_word (                 -- folded words of code, name and lay names, for search by their beginnings
    tenant int    not null,
    list   text   not null collate "C",
    word   text   not null collate "C",
    row_id bigint not null,
    rank   smallint not null                  -- 0 code, 1 name, 2 lay name or ingredient
);
create index catalogue_word_find on catalogue_word (tenant, list, word, row_id, rank);
create index catalogue_word_row on catalogue_word (tenant, row_id);

do $$
declare t text;
begin
    foreach t in array array['catalogue', 'catalogue_word'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update on catalogue to lienmach_app;
grant select, insert, update, delete on catalogue_word to lienmach_app;
