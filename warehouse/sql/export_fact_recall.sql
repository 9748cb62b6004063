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
