-- What is now decided about the claims that were judged.
-- grain: one row per current decision
create or replace temp table decisions_after as
select
    d.rowid as decision_no,
    d.claim_id,
    d.status,
    d.reason
from decisions as d
semi join fetched_claims as c on d.claim_id = c.claim_id
where d.recorded_to is null
