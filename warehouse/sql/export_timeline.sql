-- What held when in the time-varying slots, the current values too.
-- grain: one row per (fact_id, held_from)
select
    t.fact_id,
    s.subject,
    s.relation,
    t.value,
    t.held_from,
    t.held_to
from timeline as t
inner join slots as s on t.fact_id = s.fact_id
order by t.fact_id, t.held_from
