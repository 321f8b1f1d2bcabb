-- Bookings of the last hour by network address (care/booking_limits.py); older rows are deleted with the next booking.

create table booking_made (
    tenant  int  not null,
    address text not null collate "C",
    at      timestamptz not null
);
create index booking_made_address on booking_made (tenant, address, at);
alter table booking_made enable row level security;
create policy tenant_only on booking_made using (tenant = current_setting('lienmach.tenant')::int);
grant select, insert, delete on booking_made to lienmach_app;
