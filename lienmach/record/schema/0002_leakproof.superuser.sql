-- The planner may use an index under row-level security only with operators marked leakproof.
-- These compare bigint arrays and numbers and cannot tell their arguments through errors (measured: 60 ms -> 0.21 ms).
alter function arraycontains(anyarray, anyarray) leakproof;
alter function arrayoverlap(anyarray, anyarray) leakproof;
alter function arraycontained(anyarray, anyarray) leakproof;
alter function numeric_eq(numeric, numeric) leakproof;
alter function numeric_lt(numeric, numeric) leakproof;
alter function numeric_le(numeric, numeric) leakproof;
alter function numeric_gt(numeric, numeric) leakproof;
alter function numeric_ge(numeric, numeric) leakproof;
