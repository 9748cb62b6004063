-- What training would have to do about the new facts: by prompts and answer only.
-- grain: one row per added, changed or retired fact_id
-- reads: old_facts, new_facts
create or replace temp table new_changes as
select
    coalesce(n.fact_id, o.fact_id) as fact_id,
    case
        when o.fact_id is null then 'added'
        when n.fact_id is null then 'retired'
        else 'changed'
    end as op,
    o.answer as old_answer,
    n.answer as new_answer
from old_facts as o
full outer join new_facts as n on o.fact_id = n.fact_id
where o.training_hash is distinct from n.training_hash
