-- Keep what is suspected now.
-- grain: one row per claim_id
insert into suspected_claims
select
    n.claim_id,
    n.fact_id,
    n.relation,
    n.reason
from newly_suspected as n
order by n.claim_id
