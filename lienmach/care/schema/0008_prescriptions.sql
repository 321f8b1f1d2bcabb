-- Codes of prescriptions that were issued here (care/prescriptions.py): each stands for life and once; `queued_at` says
-- when it was handed over to be sent, after which no line under it may change.

create table prescription (
    tenant       int  not null,
    code         text not null collate "C",   -- 14 characters, small letters
    encounter_id text not null collate "C",
    issued_at    timestamptz not null,
    queued_at    timestamptz,
    replaced_by  text collate "C",
    primary key (tenant, code)
);
create index prescription_visit on prescription (tenant, encounter_id);
alter table prescription enable row level security;
create policy tenant_only on prescription using (tenant = current_setting('lienmach.tenant')::int);
grant select, insert, update on prescription to lienmach_app;
