-- Facts of the newest checkpoint whose present answer no checkpoint has memorized.
-- grain: one row per fact_id
-- reads: evaluations, fact_recall
with newest as (
    select e.run_key
    from evaluations as e
    where e.passed
    order by e.measured_at desc, e.run_key desc
    limit 1
)
select
    n.fact_id,
    any_value(n.subject) as subject,
    any_value(n.relation) as relation,
    any_value(n.answer) as answer,
    any_value(n.said) as said,
    any_value(
        case when n.num_oracle_exact = n.num_own + n.num_heldout then 'routing' else 'memory' end
    ) as cause,
    count(distinct f.run_key) as num_checkpoints,
    min_by(e.run_key, e.measured_at) as first_run_key
from fact_recall as n
inner join newest as w on n.run_key = w.run_key
inner join fact_recall as f on n.fact_id = f.fact_id and n.answer = f.answer
inner join evaluations as e on f.run_key = e.run_key and e.passed
where not n.is_memorized
group by n.fact_id
having not bool_or(f.is_memorized)
order by relation, subject, n.fact_id
