-- Of the figures of the last reconcile, what belongs to slots that are not judged again. A slot in
-- which a value was preferred to others is a conflict resolved.
-- grain: one row
-- reads: decisions_before, fetched_claims
with resolved as (
    select count(distinct c.fact_id) as num_conflicts
    from decisions_before as d
    inner join fetched_claims as c on d.claim_id = c.claim_id
    where d.status = 'used' and d.reason like 'preferred to %'
),
shared as (
    select coalesce(sum(a.num_prompts), 0)::bigint as num_prompts
    from ambiguous_prompts as a
    semi join changed_slots as s on a.fact_id = s.fact_id
)
select
    r.num_conflicts_resolved - c.num_conflicts as num_conflicts_elsewhere,
    r.num_ambiguous_prompts - p.num_prompts as num_ambiguous_elsewhere
from reconciled as r
cross join resolved as c
cross join shared as p
