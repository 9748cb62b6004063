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
order by m.fact_id, m.template
