-- Claims of insured visits (care/claims/): one row a visit, every version that was built, every answer that came, kept
-- for good, because the portal shows its own for 60 days only.

create table claim (
    tenant             int  not null,
    encounter_id       text not null collate "C",
    patient_id         text not null collate "C",
    ma_lk              text not null collate "C",   -- one key a visit; never changes, never reused
    organization_id    text not null collate "C",
    state              text not null check (state in ('waiting', 'findings', 'ready', 'sent', 'accepted', 'rejected',
                                                      'recalled', 'paid', 'none')),
    why                text not null default '',     -- of waiting: waits-statement, waits-drugs, stale; of paid: changed
    version            int  not null default 0,      -- newest one built
    sent_version       int  not null default 0,      -- newest one that the portal has received
    finished_at        timestamptz,                  -- when the doctor signed
    ended_at           timestamptz,                  -- NGAY_RA
    request_due_on     date,                         -- last day of the payment request
    settle_on          date,                         -- a day of the month of settlement (NAM_QT, THANG_QT); set by version 1
    queued_at          timestamptz,                  -- of the newest version
    sent_at            timestamptz,                  -- when the portal received the newest one it has
    transaction_number text not null default '',
    t_bhtt             numeric(15, 2) not null default 0,
    accepted_vnd       numeric(15, 2),               -- what the appraisal accepted; null: not appraised yet
    paid_vnd           numeric(15, 2) not null default 0,
    cut_vnd            numeric(15, 2) not null default 0,  -- what the fund took off; both as claim_payment has them
    asked_reason       text not null default '',     -- a person wants it sent again, for this
    asked_by           text not null default '',
    recall_reason      text not null default '',
    wanted_at          timestamptz,                  -- a look is queued since then and has not begun; null: none is
    primary key (tenant, encounter_id),
    unique (tenant, ma_lk)
);
create index claim_state on claim (tenant, state, finished_at);
create index claim_day on claim (tenant, finished_at) include (state, t_bhtt, accepted_vnd, paid_vnd, cut_vnd);
create index claim_open on claim (tenant, finished_at) where state in ('waiting', 'findings', 'ready', 'rejected');
create index claim_changed on claim (tenant, finished_at) where why = 'changed';
create index claim_awaited on claim (tenant, sent_at) where state in ('sent', 'recalled');
create index claim_unbuilt on claim (tenant, finished_at) where version = 0;
create index claim_sum on claim (tenant, state, why) include (t_bhtt);
create index claim_transaction on claim (tenant, transaction_number) where transaction_number <> '';
create index claim_patient on claim (tenant, patient_id);

create table claim_version (
    tenant             int  not null,
    encounter_id       text not null collate "C",
    version            int  not null,
    reason             text not null,                -- why it was built after an earlier one; '' for the first
    invoice_id         text not null collate "C",    -- the cost statement whose snapshot it says
    xml                bytea not null,               -- signed, exactly the bytes that are sent
    digest             text not null,                -- of what the tables say, without NGAYLAP and signature
    t_bhtt             numeric(15, 2) not null,
    built_at           timestamptz not null,
    built_by           text not null,
    message_id         text not null collate "C",
    state              text not null check (state in ('queued', 'sent', 'rejected', 'accepted', 'dropped')),
    sent_at            timestamptz,
    transaction_number text not null default '',
    answered_at        timestamptz,
    accepted_vnd       numeric(15, 2),
    dropped_reason     text not null default '',     -- of a recall that the portal refused and that was given up
    dropped_by         text not null default '',
    dropped_at         timestamptz,
    primary key (tenant, encounter_id, version)
);
create index claim_version_transaction on claim_version (tenant, transaction_number);

create table claim_answer (                          -- an answer about a version, when it differs from the one before
    tenant       int  not null,
    encounter_id text not null collate "C",
    version      int  not null,
    number       int  not null,
    at           timestamptz not null,
    body         bytea not null,
    primary key (tenant, encounter_id, version, number)
);

create table claim_finding (                         -- what the rules found when the claim was last considered
    tenant       int  not null,
    encounter_id text not null collate "C",
    number       int  not null,
    rule         text not null,
    table_name   text not null,
    field        text not null,
    row          int  not null,                      -- STT, 0: none
    level        text not null,
    text         text not null,
    "values"     jsonb not null default '[]',        -- (place, value) pairs of the text
    mender       text not null,
    found_at     timestamptz not null,
    primary key (tenant, encounter_id, number)
);

create table claim_rejection (
    tenant       int  not null,
    rejection_id text not null collate "C",          -- follows from version, kind, place and words: said twice it is one
    encounter_id text not null collate "C",
    version      int  not null,
    kind         text not null check (kind in ('structure', 'appraisal')),
    code         text not null,                      -- the portal's code of the fault
    table_name   text not null,
    field        text not null,
    row          int  not null,
    text         text not null,
    amount_vnd   numeric(15, 2),                     -- what the appraisal takes off
    said_at      timestamptz not null,
    due_on       date not null,
    state        text not null check (state in ('open', 'answered', 'sent', 'accepted', 'kept', 'mended', 'closed')),
    mended_in    int  not null default 0,            -- the version in which its place became another
    reply        text not null default '',
    replied_by   text not null default '',
    replied_at   timestamptz,
    replies      int  not null default 0,            -- how often it was answered: one the portal refused is written anew
    message_id   text not null default '' collate "C",  -- of the reply in the outbox
    received_at  timestamptz,                        -- when the portal took the reply
    receipt      text not null default '' collate "C",  -- the portal's number of the reply
    verdict      text not null default '',           -- its words about the reply
    primary key (tenant, rejection_id)
);
create index claim_rejection_visit on claim_rejection (tenant, encounter_id);
create index claim_rejection_state on claim_rejection (tenant, state, due_on);
create index claim_rejection_awaited on claim_rejection (tenant, received_at) where state = 'sent';

create table claim_payment (                         -- what the fund paid or cut, by its list
    tenant       int  not null,
    batch        text not null collate "C",          -- the fund's list, such as its number or month
    encounter_id text not null collate "C",
    paid_vnd     numeric(15, 2) not null,
    cut_vnd      numeric(15, 2) not null,
    reason       text not null default '',
    at           timestamptz not null,
    by           text not null,
    primary key (tenant, batch, encounter_id)
);
create index claim_payment_at on claim_payment (tenant, at);
create index claim_payment_visit on claim_payment (tenant, encounter_id);

do $$
declare t text;
begin
    foreach t in array array['claim', 'claim_version', 'claim_answer', 'claim_finding', 'claim_rejection',
                             'claim_payment'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update on claim, claim_rejection to lienmach_app;
grant select, insert on claim_version, claim_answer, claim_payment to lienmach_app;
-- What was built never changes; only where it has come to does.
grant update (state, sent_at, transaction_number, answered_at, accepted_vnd, dropped_reason, dropped_by, dropped_at)
    on claim_version to lienmach_app;
grant select, insert, update, delete on claim_finding to lienmach_app;

-- Whether the receiver may have a message of which we have no receipt: a try whose answer never came, was none, or could
-- not be taken in; unless the portal refused a later try by its own word (maKetQua), which says that nothing is there. A
-- 404 of a wrong address or of a wall before the portal says nothing of it.
create function message_is_unknown(one outbox_message) returns boolean language sql stable as $$
    select exists (
        select from generate_series(1, one.tries) n
        left join outbox_answer a on a.tenant = one.tenant and a.message_id = one.message_id and a.try = n
        where (a.try is null or a.problem = any(
                   '{timeout,no-connection,server-error,wrong-answer,too-large,not-taken-in}'::text[]))
          and not exists (select from outbox_answer l where l.tenant = one.tenant and l.message_id = one.message_id
                          and l.try > n and l.outcome = 'refused' and l.problem <> 'not-taken-in'
                            and position('"maKetQua"'::bytea in l.body) > 0))
$$;

create table catalogue_hand_in (                     -- one message with rows of our catalogues to the insurer's portal
    tenant             int  not null,
    hand_in_id         text not null collate "C",
    form               text not null,                -- 02, 03, 05, 06 (/DM)
    message_id         text not null collate "C",    -- in the outbox
    from_on            date not null,                -- the day from which acceptance is asked for
    handed_at          timestamptz not null,
    handed_by          text not null,
    sent_at            timestamptz,                  -- when the portal took it
    transaction_number text not null default '',
    answered_at        timestamptz,                  -- when it had told about the rows
    primary key (tenant, hand_in_id)
);
create index catalogue_hand_in_form on catalogue_hand_in (tenant, form, handed_at);

create table catalogue_hand_in_row (
    tenant        int  not null,
    hand_in_id    text not null collate "C",
    form          text not null,
    number        int  not null,
    code          text not null collate "C",         -- our own
    name          text not null,
    data          jsonb not null,                    -- members as the accepted list will hold them
    state         text not null default 'waiting' check (state in ('waiting', 'accepted', 'refused', 'dropped')),
    accepted_from date,
    reason        text not null default '',          -- the portal's, of a refusal
    primary key (tenant, hand_in_id, number)
);
create unique index catalogue_hand_in_row_waiting on catalogue_hand_in_row (tenant, form, code) where state = 'waiting';
create index catalogue_hand_in_row_code on catalogue_hand_in_row (tenant, form, code);

do $$
declare t text;
begin
    foreach t in array array['catalogue_hand_in', 'catalogue_hand_in_row'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert on catalogue_hand_in, catalogue_hand_in_row to lienmach_app;
grant update (sent_at, transaction_number, answered_at) on catalogue_hand_in to lienmach_app;
grant update (state, accepted_from, reason) on catalogue_hand_in_row to lienmach_app;
