-- What the laboratory keeps beside the record: tubes by number, analysers with their codes, every raw message,
-- the tray of what nobody could be found for, open critical values, and control material.

create table laboratory_tube (                -- barcode number -> Specimen; the primary key makes numbers unique
    tenant      int  not null,
    number      text not null collate "C",    -- yymmdd and a count of the day, digits only
    day         date not null,
    count       int  not null,
    specimen_id text not null collate "C",
    primary key (tenant, number)
);
create unique index laboratory_tube_count on laboratory_tube (tenant, day, count);

create table laboratory_analyser (
    tenant      int  not null,
    analyser_id text not null collate "C",
    code        text not null collate "C",    -- how it calls itself: MSH-3, or the fifth field of H
    name        text not null,
    dialect     text not null check (dialect in ('hl7', 'astm')),
    device_id   text not null collate "C",    -- Device of the record, for Observation.device
    is_active   boolean not null default true,
    seen_at     timestamptz,
    entered_by  text not null,
    entered_at  timestamptz not null,
    primary key (tenant, analyser_id)
);
create unique index laboratory_analyser_code on laboratory_analyser (tenant, code);

create table laboratory_code (                -- the analyser's test code -> our indicator
    tenant      int  not null,
    analyser_id text not null collate "C",
    code        text not null collate "C",
    indicator   text not null collate "C",
    unit        text not null default '',     -- the unit that the analyser sends, where it is not the indicator's
    factor      numeric not null default 1,   -- value in our unit = value sent * factor
    entered_by  text not null,
    entered_at  timestamptz not null,
    primary key (tenant, analyser_id, code)
);

create table laboratory_message (             -- every message as it came; the key makes a repeated one known
    tenant      int   not null,
    message_id  text  not null collate "C",
    sender      text  not null collate "C",
    control_id  text  not null collate "C",
    digest      bytea not null,
    dialect     text  not null,
    body        bytea not null,
    state       text  not null check (state in ('taken', 'tray', 'query', 'refused')),
    sentence    text  not null default '',    -- what was answered, where it was refused
    repeats     int   not null default 0,     -- how often the same came again
    received_at timestamptz not null,
    primary key (tenant, message_id)
);
create unique index laboratory_message_same on laboratory_message (tenant, sender, control_id, digest);
create index laboratory_message_time on laboratory_message (tenant, received_at);

create table laboratory_tray (                -- readings that no order could be found for
    tenant         int  not null,
    tray_id        text not null collate "C",
    message_id     text not null collate "C",
    analyser_id    text not null collate "C",
    tube           text not null collate "C",
    code           text not null collate "C",
    value          text not null,
    unit           text not null,
    flag           text not null,
    patient_number text not null default '',
    patient_name   text not null default '',
    reason         text not null check (reason in
                       ('tube', 'code', 'patient', 'order', 'rejected', 'unit', 'value', 'final', 'control')),
    state          text not null check (state in ('waiting', 'matched', 'dropped')),
    entered_at     timestamptz not null,
    resolved_by    text,
    resolved_at    timestamptz,
    resolution     text not null default '',
    primary key (tenant, tray_id)
);
create index laboratory_tray_waiting on laboratory_tray (tenant, state, entered_at);

create table laboratory_alert (               -- critical values that wait for a doctor; the Task is the record of it
    tenant        int  not null,
    task_id       text not null collate "C",
    owner         text not null collate "C",  -- Practitioner/… who ordered, "" if it is not known
    facility      text not null collate "C",  -- Organization/… of the visit
    what          text not null,              -- test, value, unit: no person
    raised_at     timestamptz not null,
    escalated_at  timestamptz,
    closed_at     timestamptz,
    primary key (tenant, task_id)
);
create index laboratory_alert_open on laboratory_alert (tenant, raised_at) where closed_at is null;

create table laboratory_lot (                 -- control material of one test on one analyser
    tenant      int  not null,
    lot_id      text not null collate "C",
    analyser_id text not null collate "C",
    indicator   text not null collate "C",
    level       text not null,
    lot         text not null,
    sample      text not null collate "C",    -- the number under which the analyser sends it
    mean        numeric not null,
    sd          numeric not null check (sd > 0),
    unit        text not null,
    expires_on  date not null,
    is_open     boolean not null default true,
    entered_by  text not null,
    entered_at  timestamptz not null,
    primary key (tenant, lot_id)
);
create index laboratory_lot_sample on laboratory_lot (tenant, analyser_id, sample, indicator);

create table laboratory_run (                 -- one measurement of control material
    tenant      int  not null,
    run_id      text not null collate "C",
    lot_id      text not null collate "C",
    value       numeric not null,
    rules       text[] not null default '{}', -- Westgard rules that it broke, with the runs before it
    note        text not null default '',     -- what was done about it
    entered_by  text not null,
    entered_at  timestamptz not null,
    primary key (tenant, run_id)
);
create index laboratory_run_lot on laboratory_run (tenant, lot_id, entered_at);

do $$
declare t text;
begin
    foreach t in array array['laboratory_tube', 'laboratory_analyser', 'laboratory_code', 'laboratory_message',
                             'laboratory_tray', 'laboratory_alert', 'laboratory_lot', 'laboratory_run'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
        execute format('grant select, insert, update on %I to lienmach_app', t);
    end loop;
end $$;
