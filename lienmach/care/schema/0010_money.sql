-- The money of a visit (care/money/): its account, the double-entry ledger, receipts, the cashiers' shifts, and numbers
-- without gaps. Amounts are đồng. The ledger is only ever added to; an entry that does not balance is refused here.

create table visit_account (                    -- one row a visit; what is due stands in the ledger
    tenant          int  not null,
    encounter_id    text not null collate "C",
    patient_id      text not null collate "C",
    ma_lk           text not null collate "C",
    organization_id text not null default '' collate "C",
    is_insured      boolean not null default false,
    state           text not null check (state in ('running', 'finished', 'closed')),
    opened_at       timestamptz not null,
    finished_at     timestamptz,
    closed_at       timestamptz,
    settled_at      timestamptz,                -- NGAY_TTOAN: when nothing was due for the first time since closing
    invoice_id      text not null default '' collate "C",
    bill_number     text not null default '' collate "C",
    version         int  not null default 0,
    patient_total   bigint not null default 0 check (patient_total >= 0),
    t_bhtt          numeric(18, 2) not null default 0,
    is_stale        boolean not null default false,
    credit_reason   text not null default '',
    credit_by       text not null default '',
    expected_total  numeric(18, 2),             -- what a statement would say now (job claims.consider), until it is closed
    expected_fund   numeric(18, 2),
    expected_patient bigint,
    is_invoice_due  boolean not null default false,  -- money moved since its invoices were compared with what was paid
    primary key (tenant, encounter_id)
);
create index visit_account_day on visit_account (tenant, finished_at);
create index visit_account_open on visit_account (tenant, state, opened_at) where state <> 'closed';
create index visit_account_stale on visit_account (tenant, opened_at) where is_stale;
create index visit_account_invoice_due on visit_account (tenant) where is_invoice_due;
create index visit_account_visit on visit_account (tenant, ma_lk);
create index visit_account_bill on visit_account (tenant, bill_number) where bill_number <> '';
create index visit_account_patient on visit_account (tenant, patient_id);

create table ledger_entry (                     -- never rewritten
    tenant       int  not null,
    entry_id     bigint generated always as identity,
    at           timestamptz not null,
    kind         text not null collate "C",
    cause        text not null collate "C",     -- what happens once
    encounter_id text not null default '' collate "C",
    by           text not null,
    note         text not null default '',
    shift_id     text not null default '' collate "C",
    primary key (tenant, entry_id),
    unique (tenant, cause)
);
create index ledger_entry_at on ledger_entry (tenant, at, entry_id);
create index ledger_entry_visit on ledger_entry (tenant, encounter_id, entry_id) where encounter_id <> '';

create table ledger_posting (                   -- never rewritten; amount: + debit, - credit
    tenant   int  not null,
    entry_id bigint not null,
    line     smallint not null,
    account  text not null collate "C" check (account ~ '^[0-9]{4}$'),
    sub      text not null default '' collate "C",
    amount   numeric(18, 2) not null check (amount <> 0),
    primary key (tenant, entry_id, line),
    foreign key (tenant, entry_id) references ledger_entry (tenant, entry_id)
);
create index ledger_posting_account on ledger_posting (tenant, account, sub, entry_id);

create table ledger_balance (                   -- sums of ledger_posting; written by its trigger alone
    tenant  int  not null,
    account text not null collate "C",
    sub     text not null collate "C",
    amount  numeric(18, 2) not null,
    primary key (tenant, account, sub)
) with (fillfactor = 70);
create index ledger_balance_open on ledger_balance (tenant, account, sub, amount) where amount <> 0;
create index ledger_balance_sub on ledger_balance (tenant, sub) where sub <> '';

-- One statement inserts the postings of one entry: it must balance with all that the entry holds, and the balances move
-- with it. The function runs as the owner, so that nobody else can write a balance.
create function ledger_posting_counts() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if exists (select from public.ledger_posting p
               where (p.tenant, p.entry_id) in (select tenant, entry_id from added)
               group by p.tenant, p.entry_id having sum(p.amount) <> 0) then
        raise exception 'an entry of the ledger does not balance' using errcode = 'check_violation';
    end if;
    insert into public.ledger_balance as b (tenant, account, sub, amount)
    select tenant, account, sub, sum(amount) from added group by tenant, account, sub order by tenant, account, sub
    on conflict (tenant, account, sub) do update set amount = b.amount + excluded.amount;
    return null;
end $$;
create trigger ledger_posting_balances after insert on ledger_posting
    referencing new table as added for each statement execute function ledger_posting_counts();

create table cash_shift (
    tenant          int  not null,
    shift_id        text not null collate "C",
    login           text not null collate "C",
    name            text not null,
    place           text not null default '',
    organization_id text not null default '' collate "C",
    opened_at       timestamptz not null,
    opening_float   bigint not null check (opening_float >= 0),
    closed_at       timestamptz,
    closed_by       text not null default '' collate "C",  -- who counted it: the owner, or whoever closed it for them
    closed_by_name  text not null default '',
    counted         bigint check (counted >= 0),
    expected        bigint,
    difference      bigint,
    reason          text not null default '',
    primary key (tenant, shift_id)
);
create unique index cash_shift_open on cash_shift (tenant, login) where closed_at is null;
create index cash_shift_at on cash_shift (tenant, opened_at);

create table money_receipt (                    -- never rewritten
    tenant           int  not null,
    number           text not null collate "C",
    kind             text not null check (kind in ('payment', 'deposit', 'refund')),
    method           text not null check (method in ('cash', 'transfer')),
    amount           bigint not null check (amount > 0),
    encounter_id     text not null collate "C",
    patient_id       text not null collate "C",
    bill_number      text not null collate "C",
    at               timestamptz not null,
    login            text not null collate "C",
    by               text not null,
    shift_id         text not null default '' collate "C",
    bank_transaction text not null default '' collate "C",
    note             text not null default '',
    due_after        bigint not null,
    request_key      text not null collate "C",
    primary key (tenant, number),
    unique (tenant, request_key)
);
create index money_receipt_visit on money_receipt (tenant, encounter_id, at);
create index money_receipt_shift on money_receipt (tenant, shift_id, at) where shift_id <> '';
create index money_receipt_at on money_receipt (tenant, at);

create table money_number (                     -- the last number given out, by facility, year and series
    tenant   int  not null,
    facility text not null collate "C",
    year     int  not null,
    series   text not null collate "C",
    last     bigint not null,
    primary key (tenant, facility, year, series)
);

do $$
declare t text;
begin
    foreach t in array array['visit_account', 'ledger_entry', 'ledger_posting', 'ledger_balance', 'cash_shift',
                             'money_receipt', 'money_number'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update on visit_account, cash_shift, money_number to lienmach_app;
grant select, insert on ledger_entry, ledger_posting, money_receipt to lienmach_app;
grant select on ledger_balance to lienmach_app;
