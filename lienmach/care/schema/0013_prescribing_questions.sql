-- Reasons that one doctor is asked for at one point of a prescription (care/prescribing_questions.py): set by a leader in
-- their own name, from a day to a day. A row is never rewritten but to end it earlier.

create table prescribing_question (
    tenant        int  not null,
    question_id   text not null collate "C",
    doctor        text not null collate "C",      -- reference of the Practitioner who is asked
    atc           text not null collate "C",      -- beginning of the ATC code that is asked about, "" for any
    injected_only boolean not null,
    icd_from      text not null default '' collate "C",  -- main or other diagnosis within, "" for any
    icd_to        text not null default '' collate "C",
    why           text not null check (length(why) >= 5),
    cause         text not null default '' collate "C",  -- the case that led to it
    valid_from    date not null,
    valid_to      date not null,                  -- last day
    approved_by   text not null check (approved_by <> ''),
    approved_name text not null check (approved_name <> ''),
    approved_at   timestamptz not null,
    ended_on      date,                           -- last day, if it was ended earlier
    ended_by      text not null default '',
    primary key (tenant, question_id),
    check (valid_to >= valid_from)
);
create index prescribing_question_doctor on prescribing_question (tenant, doctor, valid_to);

alter table prescribing_question enable row level security;
create policy tenant_only on prescribing_question using (tenant = current_setting('lienmach.tenant')::int);
grant select, insert on prescribing_question to lienmach_app;
grant update (ended_on, ended_by) on prescribing_question to lienmach_app;
