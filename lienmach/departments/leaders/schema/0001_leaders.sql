-- What leaders look at: facts of each visit, taken from the record behind it and never written by hand. Everything here
-- but thresholds and cases can be thrown away and counted again (job leaders.rebuild). docs/explanation/monitor.md.

create table leaders_progress (                -- how far the record has been read
    tenant      int    not null,
    seq         bigint not null default 0,      -- last version of the record that is counted
    followed_at timestamptz,                    -- everything committed before this moment is counted
    beat_at     timestamptz,                    -- when the next look is due
    generation  int    not null default 1,      -- goes up with each recount
    is_rebuilt  boolean not null default true,  -- false while a recount is on its way
    changes     bigint not null default 0,      -- goes up whenever rows of visits change
    primary key (tenant)
);

create table leaders_line (                    -- one line of a prescription
    tenant       int  not null,
    request_id   text not null collate "C",
    encounter_id text not null collate "C",
    drug_code    text not null collate "C",
    is_standing  boolean not null,              -- not stopped, replaced or entered in error
    is_antibiotic boolean not null,             -- ATC J01
    is_injected  boolean not null,
    cost_vnd     bigint,                        -- null: nobody knows its price
    written_on   date,
    generation   int  not null,
    primary key (tenant, request_id)
);
create index leaders_line_visit on leaders_line (tenant, encounter_id);

create table leaders_charge (                  -- one cost of a visit
    tenant       int  not null,
    charge_id    text not null collate "C",
    encounter_id text not null collate "C",
    amount_vnd   bigint not null,               -- at the facility's price, 0 if it does not count
    generation   int  not null,
    primary key (tenant, charge_id)
);
create index leaders_charge_visit on leaders_charge (tenant, encounter_id);

create table leaders_statement (               -- the cost statement of a visit that holds
    tenant       int  not null,
    invoice_id   text not null collate "C",
    encounter_id text not null collate "C",
    is_current   boolean not null,
    closed_at    timestamptz not null,
    total_vnd    bigint not null,
    patient_vnd  bigint not null,
    fund_vnd     bigint not null,
    generation   int  not null,
    primary key (tenant, invoice_id)
);
create index leaders_statement_visit on leaders_statement (tenant, encounter_id);

create table leaders_visit (                   -- one visit
    tenant       int  not null,
    encounter_id text not null collate "C",
    patient_id   text not null collate "C",
    condition_id text not null default '' collate "C",
    facility     text not null default '' collate "C",
    day          date not null,
    hour         smallint not null,
    begun_at     timestamptz not null,
    signed_at    timestamptz,
    state        text not null collate "C",     -- of the Encounter
    doctor       text not null default '' collate "C",
    doctor_name  text not null default '',
    specialty    text not null default '' collate "C",
    room         text not null default '' collate "C",
    room_name    text not null default '',
    icd          text not null default '' collate "C",
    block        text not null default '' collate "C",
    chapter      text not null default '' collate "C",
    age_band     text not null default '' collate "C",
    sex          text not null default '' collate "C",
    commune      text not null default '' collate "C",
    is_insured   boolean not null default false,
    is_booked    boolean not null default false,
    items        int  not null default 0,
    antibiotics  int  not null default 0,
    injections   int  not null default 0,       -- antibiotics that are injected
    rx_vnd       bigint not null default 0,
    unpriced     int  not null default 0,
    cost_vnd     bigint not null default 0,
    total_vnd    bigint,                        -- of the statement that holds; null: none
    patient_vnd  bigint,
    fund_vnd     bigint,
    closed_at    timestamptz,
    generation   int  not null,
    primary key (tenant, encounter_id)
);
create index leaders_visit_day on leaders_visit (tenant, day);
create index leaders_visit_doctor on leaders_visit (tenant, doctor, day);
create index leaders_visit_patient on leaders_visit (tenant, patient_id);
create index leaders_visit_condition on leaders_visit (tenant, condition_id) where condition_id <> '';
create index leaders_visit_open on leaders_visit (tenant, begun_at) where state in ('arrived', 'in-progress');
create index leaders_visit_closed on leaders_visit (tenant, closed_at) where closed_at is not null;

create table leaders_day (                     -- roll-up of a day, so that a trend reads thirty rows
    tenant      int  not null,
    day         date not null,
    visits      int  not null,
    finished    int  not null,
    cancelled   int  not null,
    insured     int  not null,
    booked      int  not null,
    prescribed  int  not null,                  -- visits with a prescription
    items       int  not null,
    antibiotic  int  not null,                  -- visits with an antibiotic
    cost_vnd    bigint not null,
    total_vnd   bigint not null,
    patient_vnd bigint not null,
    fund_vnd    bigint not null,
    primary key (tenant, day)
);

create table leaders_month (                   -- roll-up for the health department: visits by one word, or two and three with | between
    tenant    int  not null,
    month     date not null,                    -- its first day
    dimension text not null collate "C",        -- day, facility, commune, chapter, insured, prescribed, block-age-sex, commune-age
    code      text not null collate "C",
    visits    int  not null,
    primary key (tenant, month, dimension, code)
);

create table leaders_stale_day (               -- days and months whose sums are to be made again
    tenant int  not null,
    day    date not null,
    primary key (tenant, day)
);
create table leaders_stale_month (
    tenant int  not null,
    month  date not null,
    primary key (tenant, month)
);

create table leaders_threshold (               -- when the monitor marks a figure; never without a name
    tenant       int  not null,
    threshold_id bigint generated always as identity,
    valid_from   date not null,
    ratio        numeric not null check (ratio >= 1.1 and ratio <= 10),
    visits_min   int  not null check (visits_min >= 30),
    reason       text not null check (length(reason) >= 5),
    approved_by  text not null check (approved_by <> ''),
    approved_name text not null check (approved_name <> ''),
    approved_at  timestamptz not null,
    primary key (tenant, threshold_id)
);

create table leaders_case (                    -- a case about prescribing; its steps tell how it goes
    tenant      int  not null,
    case_id     text not null collate "C",
    doctor      text not null collate "C",      -- reference of the Practitioner
    doctor_name text not null,
    measure     text not null collate "C",
    from_on     date not null,
    to_on       date not null,
    answer_due_on date not null,
    figures     jsonb not null,                 -- the figures on which it was opened, frozen
    opened_at   timestamptz not null,
    primary key (tenant, case_id)
);
create index leaders_case_doctor on leaders_case (tenant, doctor, opened_at);

create table leaders_case_step (
    tenant  int  not null,
    case_id text not null collate "C",
    step    int  not null,
    kind    text not null check (kind in ('opened', 'answer', 'comment', 'decision', 'rule-ended')),
    said_at timestamptz not null,
    said_by text not null,                      -- login
    name    text not null,
    role    text not null,
    words   text not null,
    data    jsonb not null default '{}',        -- charts linked, outcome, rule
    digest  text not null,                      -- SHA-256 of all this; the same stands in a Task of the record
    primary key (tenant, case_id, step)
);

do $$
declare t text;
begin
    foreach t in array array['leaders_progress', 'leaders_line', 'leaders_charge', 'leaders_statement', 'leaders_visit',
                             'leaders_day', 'leaders_month', 'leaders_stale_day', 'leaders_stale_month',
                             'leaders_threshold', 'leaders_case', 'leaders_case_step'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update, delete on leaders_line, leaders_charge, leaders_statement, leaders_visit, leaders_day,
                                        leaders_month, leaders_stale_day, leaders_stale_month to lienmach_app;
grant select, insert, update on leaders_progress to lienmach_app;
grant select, insert on leaders_threshold, leaders_case, leaders_case_step to lienmach_app;  -- nothing of it is rewritten
