-- What was decided about the claims that are judged again.
-- grain: one row per claim_id decided before
create or replace temp table decisions_before as
select
    d.rowid as decision_no,
    d.claim_id,
    d.status,
    d.reason
from decisions as d
semi join fetched_claims as c on d.claim_id = c.claim_id
where d.recorded_to is null
