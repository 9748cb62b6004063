-- name: history_flapping
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

-- name: history_never
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

-- name: history_of_fact
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

-- name: history_regressed
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

-- name: history_relations
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

-- name: history_since
-- Resolve a run, or a day, to the checkpoint that answered then: that very run, else the last one
-- that passed the gate by the end of the day.
-- grain: at most one row
-- params: $run_key, $day
-- reads: evaluations
select
    e.run_key,
    e.measured_at
from evaluations as e
where
    e.run_key = $run_key
    or ($run_key is null and e.passed and cast(e.measured_at as date) <= cast($day as date))
order by e.measured_at desc, e.run_key desc
limit 1

-- name: history_troubled
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
