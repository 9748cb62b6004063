-- Record withdrawals, once for each claim.
-- grain: one row per newly withdrawn claim_id
-- params: $claim_ids, $reason, $now
insert into retractions
select distinct
    g.claim_id,
    $reason as reason,
    $now as recorded_at
from (select unnest($claim_ids::varchar[]) as claim_id) as g
anti join retractions as r on g.claim_id = r.claim_id
returning claim_id
