-- Messages whose words are good for minutes, such as a code: when one is sent or over, `kept` stands in the place of its
-- body (care/outbox.py, Fleeting).

alter table outbox_message
    add column good_until timestamptz,         -- from then on it is not sent; null: it has no end
    add column kept       bytea,               -- what may stand there for ever
    add check ((good_until is null) = (kept is null));

-- What is over before it leaves is stopped and stays: what is open is found without walking through that.
create index outbox_message_pending on outbox_message (tenant, channel, queued_at)
    where state in ('waiting', 'sending', 'refused');
create index outbox_message_stopped on outbox_message (tenant, queued_at) where state = 'stopped';
