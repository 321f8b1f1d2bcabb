-- Printed templates that a facility has made its own (care/paper_templates.py). A version is never rewritten; the
-- highest one counts, and one with an empty source says: back to the built-in template.

create table paper_template (
    tenant       int         not null,
    kind         text        not null collate "C",
    version      int         not null check (version > 0),
    source       text        not null,             -- '' returns to the built-in one
    prelude      text        not null,             -- the shared part as it was, so that an upgrade changes nothing
    built_in     text        not null collate "C", -- SHA-256 of the built-in template and shared part at that time
    note         text        not null default '',
    saved_by     text        not null,
    saved_at     timestamptz not null,
    primary key (tenant, kind, version)
);
alter table paper_template enable row level security;
create policy tenant_only on paper_template using (tenant = current_setting('lienmach.tenant')::int);
grant select, insert on paper_template to lienmach_app;
