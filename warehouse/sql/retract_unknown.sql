-- Claims to withdraw that do not exist.
-- grain: one row per unknown claim_id
-- params: $claim_ids
select g.claim_id
from (select unnest($claim_ids::varchar[]) as claim_id) as g
anti join claims as c on g.claim_id = c.claim_id
order by g.claim_id
