-- Queue numbers by place and day (care/queue.py), and what a booking needs beside its resources (care/booking.py).
-- A ticket holds a name with its middle hidden and ids; why somebody comes stands in the record only.

create table ticket (
    tenant       int  not null,
    ticket_id    text not null collate "C",
    place_id     text not null collate "C",   -- Location id of the room that the person waits for
    place        text not null,                -- its name on the board
    place_code   text not null,                -- its short code, such as P101
    series       text not null collate "C",   -- the place that gave the number: paper stays true after a transfer
    day          date not null,                -- in the tenant's zone; numbers begin again each day
    number       int  not null,
    prefix       text not null default '',
    kind         text not null,                -- exam, collection, imaging, cashier, dispensary
    state        text not null check (state in ('waiting', 'called', 'serving', 'done', 'skipped', 'cancelled')),
    priority     smallint not null default 0,  -- 0 ordinary, larger goes first, 9 emergency
    turn         int  not null,                -- order among equals at this place
    back_after   int  not null default 0,      -- not before this many calls of the place (skipped people)
    skips        smallint not null default 0,
    calls        smallint not null default 0,
    name         text not null default '',
    patient_id   text not null default '' collate "C",
    encounter_id text not null default '' collate "C",
    secret       text not null collate "C",
    joined_at    timestamptz not null,
    called_at    timestamptz,
    called_by    text not null default '',
    ended_at     timestamptz,
    primary key (tenant, ticket_id),
    unique (tenant, secret),
    unique (tenant, series, day, number)
);
create index ticket_place on ticket (tenant, day, place_id, state);
create index ticket_visit on ticket (tenant, encounter_id) where encounter_id <> '';

create table ticket_counter (
    tenant      int  not null,
    place_id    text not null collate "C",
    day         date not null,
    last_number int  not null default 0,
    calls       int  not null default 0,
    run         int  not null default 0,       -- priority people called one after another until now
    primary key (tenant, place_id, day)
);

create table slip_use (                        -- appointment slips that opened a visit: each is good once
    tenant       int  not null,
    number       text not null collate "C",
    encounter_id text not null collate "C",
    used_at      timestamptz not null,
    primary key (tenant, number)
);

do $$
declare t text;
begin
    foreach t in array array['ticket', 'ticket_counter', 'slip_use'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update on ticket, ticket_counter to lienmach_app;
grant select, insert on slip_use to lienmach_app;
