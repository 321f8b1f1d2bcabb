-- Stock of a dispensary by lot and expiry (care/stock.py). Quantities are in the drug's unit. What is on hand and what
-- is reserved never goes below zero: the database itself refuses it.

create table stock_lot (
    tenant     int  not null,
    place_id   text not null collate "C",      -- Location of the dispensary
    drug_code  text not null collate "C",
    lot        text not null collate "C",
    expires_on date not null,
    on_hand    numeric not null check (on_hand >= 0),
    price_vnd  bigint,                          -- what a unit was bought at
    entered_at timestamptz not null default now(),
    primary key (tenant, place_id, drug_code, lot)
);

create table stock_reservation (                -- what signed lines wait for
    tenant     int  not null,
    cause      text not null collate "C",       -- MedicationRequest/…
    place_id   text not null collate "C",
    drug_code  text not null collate "C",
    quantity   numeric not null check (quantity >= 0),
    reserved_at timestamptz not null,
    primary key (tenant, cause)
);
create index stock_reservation_drug on stock_reservation (tenant, place_id, drug_code);

create table stock_move (                       -- every change of on_hand, never rewritten
    tenant     int  not null,
    move_id    bigint generated always as identity,
    place_id   text not null collate "C",
    drug_code  text not null collate "C",
    lot        text not null collate "C",
    kind       text not null check (kind in ('receipt', 'issue', 'return', 'count', 'transfer', 'write-off')),
    quantity   numeric not null,                -- signed: negative leaves the shelf
    balance    numeric not null,                -- of the drug at the place after the move
    cause      text not null default '' collate "C",
    note       text not null default '',
    moved_by   text not null,
    moved_at   timestamptz not null,
    primary key (tenant, move_id)
);
create index stock_move_drug on stock_move (tenant, place_id, drug_code, move_id);
create index stock_move_cause on stock_move (tenant, cause) where cause <> '';

do $$
declare t text;
begin
    foreach t in array array['stock_lot', 'stock_reservation', 'stock_move'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant_only on %I using (tenant = current_setting(''lienmach.tenant'')::int)', t);
    end loop;
end $$;
grant select, insert, update on stock_lot to lienmach_app;
grant select, insert, update, delete on stock_reservation to lienmach_app;
grant select, insert on stock_move to lienmach_app;
