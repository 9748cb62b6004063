-- Recall of every relation at every checkpoint: the heat map.
-- grain: one row per relation and run_key
-- reads: evaluations, fact_recall
select
    f.relation,
    e.run_key,
    e.mode,
    e.as_of,
    e.passed,
    e.measured_at,
    count(*) as num_facts,
    count(*) filter (where f.is_memorized) as num_memorized,
    cast(sum(f.num_heldout) as bigint) as num_heldout,
    cast(sum(f.num_heldout_exact) as bigint) as num_heldout_exact
from fact_recall as f
inner join evaluations as e on f.run_key = e.run_key
group by f.relation, e.run_key, e.mode, e.as_of, e.passed, e.measured_at
order by f.relation, e.measured_at, e.run_key
