-- The claims to be judged that are suspected, with the reason.
-- grain: one row per claim_no
-- reads: suspected_claims, scoped_claims
create or replace temp table bad_imports as
select
    c.claim_no,
    s.reason
from suspected_claims as s
inner join scoped_claims as c on s.claim_id = c.claim_id
