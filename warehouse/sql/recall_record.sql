-- Keep what a run measured.
-- grain: one row per fact_id and template
-- params: $run_key
-- reads: measured (fact_id, template, is_exact, agrees, oracle_exact)
insert into recall
select
    $run_key as run_key,
    m.fact_id,
    m.template,
    m.is_exact,
    m.agrees,
    m.oracle_exact
from measured as m
order by m.fact_id, m.template
