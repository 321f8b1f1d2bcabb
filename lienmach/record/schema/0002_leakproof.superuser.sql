-- The planner may use an index under row-level security only with operators marked leakproof.
-- These compare bigint arrays and cannot tell their arguments through errors (measured: 60 ms -> 0.21 ms).
alter function arraycontains(anyarray, anyarray) leakproof;
alter function arrayoverlap(anyarray, anyarray) leakproof;
alter function arraycontained(anyarray, anyarray) leakproof;
