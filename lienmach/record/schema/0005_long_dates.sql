-- Date ranges longer than a day, which are few: stays in hospital, "in 2024". A search from a day on walks the main
-- date from that day; what began before and reaches into it is found here (record/walk.py, `_straddlers`).
create index dat_wide on dat (tenant, type, param, hi, lo, rid) where hi - lo > interval '1 day';
