-- Record the decisions that are new.
-- grain: one row per changed claim_id
-- params: $now
insert into decisions
select
    n.claim_id,
    n.status,
    n.reason,
    $now as recorded_from,
    null as recorded_to
from new_decisions as n
anti join (
    select d.claim_id
    from decisions as d
    where d.recorded_to is null
) as c on n.claim_id = c.claim_id
order by n.claim_id
