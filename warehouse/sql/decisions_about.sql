-- All decisions about one claim, the current one last.
-- grain: one row per span of recorded time
-- params: $claim_id
select
    d.claim_id,
    d.status,
    d.reason,
    d.recorded_from,
    d.recorded_to
from decisions as d
where d.claim_id = $claim_id
order by d.recorded_from
