-- Messages to systems outside (care/outbox.py): written by the transaction that causes them, sent later, exactly these
-- bytes, and every answer kept as it came.

create table outbox_message (
    tenant       int  not null,
    message_id   text not null collate "C",   -- follows from channel and key; the receiver knows a message by it
    channel      text not null collate "C",   -- insurance, checkin, prescription, prescription-sale, sms
    key          text not null collate "C",   -- what happens once: a visit's check-in, a prescription
    subject      text not null collate "C",   -- reference of what it is about, such as Encounter/1
    content_type text not null,
    body         bytea not null,
    state        text not null check (state in ('waiting', 'sending', 'sent', 'refused', 'stopped')),
    problem      text not null default '',     -- why it waits or stopped: down, not-connected, refused, wrong-answer, …
    tries        int  not null default 0,
    next_at      timestamptz,                  -- of a waiting message; null: as soon as its channel works again
    queued_at    timestamptz not null,
    queued_by    text not null,
    done_at      timestamptz,                  -- when it was sent, refused or stopped
    primary key (tenant, message_id),
    unique (tenant, channel, key)
);
create index outbox_message_subject on outbox_message (tenant, subject, queued_at);
create index outbox_message_open on outbox_message (tenant, channel, queued_at) where state <> 'sent';
create index outbox_message_last on outbox_message (tenant, queued_at);

create table outbox_answer (
    tenant       int  not null,
    message_id   text not null collate "C",
    try          int  not null,
    asked_at     timestamptz not null,
    answered_at  timestamptz not null,
    outcome      text not null check (outcome in ('done', 'refused', 'down')),
    status       int,                          -- HTTP status; null: no answer at all
    content_type text not null default '',
    body         bytea not null default '',
    problem      text not null default '',
    primary key (tenant, message_id, try)
);

do $$
declare t text;
begin
    foreach t in array array['outbox_message', 'outbox_answer'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update on outbox_message to lienmach_app;
grant select, insert on outbox_answer to lienmach_app;
