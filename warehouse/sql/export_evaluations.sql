-- The judged runs, as published.
-- grain: one row per run_key
select
    e.run_key,
    e.mode,
    e.base,
    e.snapshot_hash,
    e.as_of,
    e.passed,
    e.measured_at
from evaluations as e
order by e.measured_at, e.run_key
