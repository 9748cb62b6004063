-- Facts that the newest checkpoint recalls worse than the one of run $run_key: no longer memorized,
-- or fewer of the same number of held-out phrasings.
-- grain: one row per fact_id
-- params: $run_key
-- reads: evaluations, fact_recall
with newest as (
    select e.run_key, e.measured_at
    from evaluations as e
    where e.passed
    order by e.measured_at desc, e.run_key desc
    limit 1
),
both_known as (
    select
        n.fact_id,
        n.subject,
        n.relation,
        o.answer as old_answer,
        n.answer as new_answer,
        n.said,
        o.is_memorized and not n.is_memorized as is_forgotten,
        o.num_heldout = n.num_heldout
        and o.num_heldout_exact > n.num_heldout_exact as is_worse_phrased,
        o.num_own_exact + o.num_heldout_exact as old_exact,
        o.num_own + o.num_heldout as old_asked,
        n.num_own_exact + n.num_heldout_exact as new_exact,
        n.num_own + n.num_heldout as new_asked,
        o.num_heldout_exact as old_heldout_exact,
        n.num_oracle_exact = n.num_own + n.num_heldout as is_routing,
        n.run_key
    from fact_recall as o
    inner join fact_recall as n on o.fact_id = n.fact_id
    inner join newest as w on n.run_key = w.run_key
    where o.run_key = $run_key
),
firsts as (
    select b.fact_id, min_by(e.run_key, e.measured_at) as first_run_key
    from both_known as b
    inner join evaluations as e on e.passed
    inner join evaluations as s on s.run_key = $run_key and e.measured_at > s.measured_at
    inner join fact_recall as f on b.fact_id = f.fact_id and e.run_key = f.run_key
    where
        case
            when b.is_forgotten then not f.is_memorized
            else f.num_heldout_exact < b.old_heldout_exact
        end
    group by b.fact_id
)
select
    b.fact_id,
    b.subject,
    b.relation,
    case when b.is_forgotten then 'memory' else 'phrasings' end as lost,
    case when b.is_routing then 'routing' else 'memory' end as cause,
    b.old_answer,
    b.new_answer,
    b.said,
    b.old_exact,
    b.old_asked,
    b.new_exact,
    b.new_asked,
    f.first_run_key,
    b.run_key
from both_known as b
left join firsts as f on b.fact_id = f.fact_id
where b.is_forgotten or b.is_worse_phrased
order by b.is_forgotten desc, b.relation, b.subject, b.fact_id
