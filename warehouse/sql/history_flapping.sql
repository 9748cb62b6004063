-- Facts that were memorized and lost by turns: at least $min_turns times the other way round than at
-- the checkpoint before.
-- grain: one row per fact_id
-- params: $min_turns
-- reads: evaluations, fact_recall
with states as (
    select
        f.fact_id,
        f.subject,
        f.relation,
        f.answer,
        f.is_memorized,
        e.measured_at,
        e.run_key,
        lag(f.is_memorized) over (
            partition by f.fact_id
            order by e.measured_at, e.run_key
        ) as was_memorized
    from fact_recall as f
    inner join evaluations as e on f.run_key = e.run_key and e.passed
)
select
    s.fact_id,
    max_by(s.subject, s.measured_at) as subject,
    max_by(s.relation, s.measured_at) as relation,
    max_by(s.answer, s.measured_at) as answer,
    count(*) filter (
        where s.was_memorized is not null and s.is_memorized <> s.was_memorized
    ) as num_turns,
    count(*) as num_checkpoints,
    max_by(s.is_memorized, s.measured_at) as is_memorized,
    string_agg(case when s.is_memorized then '+' else '-' end, '' order by s.measured_at, s.run_key)
        as states
from states as s
group by s.fact_id
having num_turns >= $min_turns
order by num_turns desc, relation, subject, s.fact_id
