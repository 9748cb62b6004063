-- How many conflicts the last reconcile resolved in slots that are not judged again: those in which a
-- value was preferred to others.
-- grain: one row
-- reads: decisions_before, fetched_claims
with resolved as (
    select count(distinct c.fact_id) as num_conflicts
    from decisions_before as d
    inner join fetched_claims as c on d.claim_id = c.claim_id
    where d.status = 'used' and d.reason like 'preferred to %'
)
select r.num_conflicts_resolved - c.num_conflicts as num_conflicts_elsewhere
from reconciled as r
cross join resolved as c
