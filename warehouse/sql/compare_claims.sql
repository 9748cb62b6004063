-- The claims whose status is another one in the later snapshot.
-- grain: one row per claim_id that both have
-- reads: old_claims, new_claims
select
    n.claim_id,
    n.subject,
    n.relation,
    n.value,
    n.source,
    o.status as old_status,
    n.status as new_status,
    n.reason as new_reason
from old_claims as o
inner join new_claims as n on o.claim_id = n.claim_id
where o.status <> n.status
order by n.subject, n.relation, n.source, n.value, n.claim_id
