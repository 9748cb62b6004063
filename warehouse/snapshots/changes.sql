-- name: snapshot_changes
-- What changed between two snapshots, by prompts and answer only.
-- grain: one row per fact_id of either
-- reads: old_facts, new_facts (Arrow tables of facts.parquet)
select
    coalesce(n.fact_id, o.fact_id) as fact_id,
    case
        when o.fact_id is null then 'added'
        when n.fact_id is null then 'retired'
        when o.answer <> n.answer or o.prompts <> n.prompts then 'changed'
        else 'unchanged'
    end as op
from old_facts as o
full outer join new_facts as n on o.fact_id = n.fact_id
order by fact_id
