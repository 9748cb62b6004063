-- End the recorded time of decisions that no longer hold.
-- grain: one row per changed claim_id
-- params: $now
update decisions as d
set recorded_to = $now
from new_decisions as n
where d.claim_id = n.claim_id
    and d.recorded_to is null
    and (d.status <> n.status or d.reason <> n.reason)
