-- What an import has taken: under which name of which source, with which bytes, and as which resource.
-- A second import finds its marks and adds nothing; a changed body becomes the next version of the same resource.

create table import_mark (
    tenant int      not null,
    bucket smallint not null,
    type   smallint not null,
    name   bytea    not null,      -- the first half of SHA-256 of source and fullUrl
    body   bytea    not null,      -- the first half of SHA-256 of the bytes as they stand in the source
    id     text     not null collate "C",
    primary key (tenant, name)
);

alter table import_mark enable row level security;
create policy tenant_only on import_mark using (tenant = current_setting('lienmach.tenant')::int);
grant select, insert, update on import_mark to lienmach_app;
