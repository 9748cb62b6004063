-- One fact at every checkpoint, the oldest first. A checkpoint that does not hold the fact is there
-- as well.
-- grain: one row per run_key
-- params: $fact_id
-- reads: evaluations, fact_recall
select
    e.measured_at,
    e.run_key,
    e.mode,
    e.as_of,
    e.passed,
    case
        when f.fact_id is null then 'not held'
        when f.is_memorized and f.num_heldout_exact = f.num_heldout then 'exact'
        when f.is_memorized then 'memorized, not in every phrasing'
        when f.num_oracle_exact = f.num_own + f.num_heldout then 'missed: routing'
        else 'missed: memory'
    end as state,
    f.answer,
    f.num_own,
    f.num_own_exact,
    f.num_heldout,
    f.num_heldout_exact,
    f.num_agreeing,
    f.num_oracle_exact,
    f.is_carried,
    f.said
from evaluations as e
left join fact_recall as f on e.run_key = f.run_key and f.fact_id = $fact_id
order by e.measured_at, e.run_key
