-- name: evaluation_clear
-- Clear what is known of a judged run, before it is recorded again.
-- grain: none left of the run
-- params: $run_key
delete from evaluations where run_key = $run_key

-- name: evaluation_record
-- Keep that a run was judged.
-- grain: one row
-- params: $run_key, $mode, $base, $snapshot_hash, $as_of, $passed, $measured_at
insert into evaluations by name
select
    $run_key as run_key,
    $mode as mode,
    $base as base,
    $snapshot_hash as snapshot_hash,
    cast($as_of as date) as as_of,
    $passed as passed,
    cast($measured_at as timestamp) as measured_at

-- name: export_evaluations
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

-- name: export_fact_recall
-- What one run recalls of each fact, as published. A fact's own phrasings are those that it may be
-- tuned on; held-out ones only measure. `is_memorized`: all of its own that were asked are exact.
-- Questions of an update about what it left alone are not counted: they are carried over as well.
-- grain: one row per fact_id
-- params: $run_key
select
    r.run_key,
    r.fact_id,
    any_value(s.subject) as subject,
    any_value(s.relation) as relation,
    any_value(r.answer) as answer,
    count(*) filter (where r.kind is distinct from 'heldout') as num_own,
    count(*) filter (where r.kind is distinct from 'heldout' and r.is_exact) as num_own_exact,
    count(*) filter (where r.kind = 'heldout') as num_heldout,
    count(*) filter (where r.kind = 'heldout' and r.is_exact) as num_heldout_exact,
    count(*) filter (where r.agrees) as num_agreeing,
    count(*) filter (where r.oracle_exact) as num_oracle_exact,
    bool_and(r.is_exact) filter (where r.kind is distinct from 'heldout') as is_memorized,
    bool_and(r.is_carried) as is_carried,
    min(r.said) filter (where not r.is_exact) as said
from recall as r
left join slots as s on r.fact_id = s.fact_id
where
    r.run_key = $run_key
    and r.fact_id is not null
    and r.kind is distinct from 'untouched'
group by r.run_key, r.fact_id
order by r.fact_id

-- name: recall_clear
-- Clear what a run measured, before it is recorded again.
-- grain: none left of the run
-- params: $run_key
delete from recall where run_key = $run_key

-- name: recall_record
-- Keep what a run measured; of an exact answer there is no need to keep what was said.
-- grain: one row per fact_id, template and kind of question
-- params: $run_key
-- reads: measured (fact_id, template, is_exact, agrees, oracle_exact, kind, answer, generated,
--   is_carried)
insert into recall by name
select
    $run_key as run_key,
    m.fact_id,
    m.template,
    m.is_exact,
    m.agrees,
    m.oracle_exact,
    m.kind,
    m.answer,
    case when not m.is_exact then m.generated end as said,
    coalesce(m.is_carried, false) as is_carried
from measured as m
where coalesce(m.kind, '') not in ('phrasing', 'surface')  -- of a sample of facts: no fact's own history
order by m.fact_id, m.template
