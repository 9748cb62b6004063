-- The facts that were missed most, at every checkpoint: at most $num_facts of them.
-- grain: one row per fact_id and run_key
-- params: $num_facts
-- reads: evaluations, fact_recall
with troubled as (
    select
        f.fact_id,
        avg(
            (f.num_own_exact + f.num_heldout_exact) / greatest(1, f.num_own + f.num_heldout)
        ) as recall
    from fact_recall as f
    inner join evaluations as e on f.run_key = e.run_key
    group by f.fact_id
    having recall < 1
    order by recall, f.fact_id
    limit $num_facts
)
select
    f.fact_id,
    f.subject,
    f.relation,
    e.run_key,
    e.measured_at,
    (f.num_own_exact + f.num_heldout_exact) / greatest(1, f.num_own + f.num_heldout) as recall
from fact_recall as f
inner join troubled as t on f.fact_id = t.fact_id
inner join evaluations as e on f.run_key = e.run_key
order by t.recall, f.fact_id, e.measured_at, e.run_key
