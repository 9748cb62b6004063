-- Add the slots in which other claims are suspected than before, or for another reason.
-- grain: one row per fact_id added
-- reads: newly_suspected, watched_relations
insert into changed_slots
with before as (
    select s.*
    from suspected_claims as s
    semi join watched_relations as w on s.relation = w.relation
),
different as (
    select
        coalesce(n.fact_id, b.fact_id) as fact_id,
        coalesce(n.relation, b.relation) as relation
    from before as b
    full outer join newly_suspected as n on b.claim_id = n.claim_id
    where b.reason is distinct from n.reason
)
select distinct
    d.fact_id,
    d.relation,
    0 as round
from different as d
anti join changed_slots as x on d.fact_id = x.fact_id
