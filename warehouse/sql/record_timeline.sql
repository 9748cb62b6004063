-- Keep what held when in the time-varying slots.
-- grain: one row per (fact_id, held_from)
-- reads: held_spans
insert into timeline
select
    h.fact_id,
    h.value,
    h.held_from,
    h.held_to
from held_spans as h
order by h.fact_id, h.held_from
