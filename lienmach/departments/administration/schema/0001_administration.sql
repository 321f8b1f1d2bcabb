-- Files handed in for a code list, kept from the preview until they are taken or a day has passed.

create table administration_upload (
    tenant     int  not null,
    upload_id  text not null collate "C",
    list       text not null collate "C",
    file_name  text not null,
    content    bytea not null,
    options    jsonb not null,             -- first day, whole list or part, document
    entered_by text not null,
    entered_at timestamptz not null,
    primary key (tenant, upload_id)
);

alter table administration_upload enable row level security;
create policy tenant_only on administration_upload using (tenant = current_setting('lienmach.tenant')::int);
grant select, insert, delete on administration_upload to lienmach_app;
