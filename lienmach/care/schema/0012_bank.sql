-- Money by bank and the invoices about it (care/money/payment_requests.py, transfers.py, statement_polls.py,
-- unread_lines.py, einvoices.py). A transfer is stored once by bank and number, whoever tells of it; it is never rewritten but for what
-- became of it.

create table payment_request (                 -- a QR code that was shown: its number stands in the transfer's purpose
    tenant         int  not null,
    number         text not null collate "C",  -- LM + yymmdd + 6 letters
    encounter_id   text not null collate "C",
    kind           text not null check (kind in ('bill', 'deposit')),
    invoice_id     text not null default '' collate "C",  -- the statement whose bill it asks for; empty: a deposit
    amount         bigint not null check (amount > 0),
    bin            text not null collate "C",
    account        text not null collate "C",  -- the facility's own, as it was on that day
    holder         text not null,
    payload        text not null,              -- the text of the code
    state          text not null check (state in ('open', 'paid', 'replaced', 'expired')),
    asked_at       timestamptz not null,
    asked_by       text not null,
    closed_at      timestamptz,
    primary key (tenant, number),
    check ((state = 'open') = (closed_at is null))
);
create unique index payment_request_open on payment_request (tenant, encounter_id, kind) where state = 'open';
create index payment_request_open_at on payment_request (tenant, asked_at) where state = 'open';
create index payment_request_visit on payment_request (tenant, encounter_id, asked_at);

create table bank_transfer (
    tenant         int  not null,
    transfer_id    text not null collate "C",  -- BIN of our bank and its number of the transaction
    bin            text not null collate "C",
    account        text not null collate "C",  -- ours, into which it came
    amount         bigint not null check (amount > 0),
    purpose        text not null,              -- as the payer and the banks left it
    payer          text not null default '',
    paid_at        timestamptz not null,       -- what the bank says
    heard_at       timestamptz not null,
    via            text not null check (via in ('webhook', 'poll')),
    state          text not null check (state in ('matched', 'unmatched', 'assigned', 'returned')),
    why            text not null default '',   -- why it was unmatched at first
    request_number text not null default '' collate "C",  -- the request that the purpose names, if any
    encounter_id   text not null default '' collate "C",  -- the visit for which it was taken
    reason         text not null default '',   -- why it was sent back
    settled_at     timestamptz,                -- when it was matched, assigned or sent back
    settled_by     text not null default '',
    primary key (tenant, transfer_id),
    check ((state = 'unmatched') = (settled_at is null))
);
create index bank_transfer_open on bank_transfer (tenant, heard_at) where state = 'unmatched';
create index bank_transfer_visit on bank_transfer (tenant, encounter_id) where encounter_id <> '';
create index bank_transfer_heard on bank_transfer (tenant, heard_at);

create table bank_poll (                       -- one row: when the statement is read next
    tenant     int not null,
    turn       bigint not null,                -- a queued job of another turn does nothing
    since_at   timestamptz not null,           -- when money was last expected: gaps grow from there
    next_at    timestamptz,                    -- null: nothing is queued
    problem    text not null default '',       -- of the last try
    polled_at  timestamptz,
    primary key (tenant)
);

create table bank_cursor (                     -- how far the statement of an account has been read
    tenant  int  not null,
    bin     text not null collate "C",
    account text not null collate "C",
    cursor  text not null,                     -- the bank's word, handed back as it came
    primary key (tenant, bin, account)
);

create table bank_line_unread (                -- a line of the statement that could not be read; nothing of it is booked
    tenant     int  not null,
    line_id    text not null collate "C",      -- follows from account and words: read twice it is one
    bin        text not null collate "C",
    account    text not null collate "C",      -- ours, in whose statement it stood
    text       text not null,                  -- as the bank sent it, cut
    problem    text not null,
    heard_at   timestamptz not null,
    note       text not null default '',       -- what became of it
    settled_at timestamptz,
    settled_by text not null default '',
    primary key (tenant, line_id)
);
create index bank_line_unread_open on bank_line_unread (tenant, heard_at) where settled_at is null;

create table einvoice (                        -- never rewritten: a mistake is mended by an adjusting one
    tenant       int  not null,
    key          text not null collate "C",    -- also of its message in the outbox (channel einvoice)
    kind         text not null check (kind in ('bill', 'summary', 'adjustment')),
    day_on       date not null,
    organization_id text not null collate "C",
    encounter_id text not null default '' collate "C",   -- empty: a day's summary
    amount       bigint not null check (amount <> 0),     -- below 0: an adjustment
    adjusts      text not null default '' collate "C",    -- the key of the invoice that it adjusts
    reason       text not null default '',
    buyer        jsonb not null default '{}',
    asked_at     timestamptz not null,
    asked_by     text not null,
    primary key (tenant, key),
    check ((kind = 'adjustment') = (adjusts <> ''))
);
create index einvoice_day on einvoice (tenant, day_on);
create index einvoice_visit on einvoice (tenant, encounter_id) where encounter_id <> '';

create table einvoice_part (                   -- how much of each visit's bill an invoice holds
    tenant       int  not null,
    key          text not null collate "C",
    encounter_id text not null collate "C",
    bill_number  text not null collate "C",
    amount       bigint not null check (amount <> 0),
    primary key (tenant, key, encounter_id)
);
create index einvoice_part_visit on einvoice_part (tenant, encounter_id);

create table einvoice_day_queued (             -- days whose summary has its job
    tenant int  not null,
    day_on date not null,
    primary key (tenant, day_on)
);

do $$
declare t text;
begin
    foreach t in array array['payment_request', 'bank_transfer', 'bank_poll', 'bank_cursor',
                             'bank_line_unread', 'einvoice', 'einvoice_part', 'einvoice_day_queued'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update on payment_request, bank_transfer, bank_poll, bank_cursor, bank_line_unread to lienmach_app;
grant select, insert on einvoice, einvoice_part, einvoice_day_queued to lienmach_app;
