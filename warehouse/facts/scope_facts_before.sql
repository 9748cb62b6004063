-- The facts, until now, of the slots that are judged again.
-- grain: one row per fact_id
-- reads: changed_slots
create or replace temp table facts_before as
select
    f.rowid as fact_no,
    f.fact_id,
    f.answer,
    f.support,
    f.fact_hash,
    f.training_hash
from facts as f
semi join changed_slots as s on f.fact_id = s.fact_id
where f.recorded_to is null
