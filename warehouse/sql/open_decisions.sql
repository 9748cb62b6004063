-- Record the decisions that are new.
-- grain: one row per changed claim_id
-- params: $now
-- reads: old_decisions (with those just closed, or without), new_decisions
insert into decisions
select
    n.claim_id,
    n.status,
    n.reason,
    $now as recorded_from,
    null as recorded_to
from new_decisions as n
anti join old_decisions as o
    on n.claim_id = o.claim_id and n.status = o.status and n.reason = o.reason
