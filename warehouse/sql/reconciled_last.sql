-- The last reconcile, whether or not something came in since, and how much there is to judge now.
-- grain: at most one row
select
    r.*,
    (select count(*) from claims) as num_claims_now,
    (select count(*) from slots) as num_slots_now
from reconciled as r
