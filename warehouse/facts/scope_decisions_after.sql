-- What is now decided about the claims that were judged: what was before and still holds, and what was
-- added since.
-- grain: one row per current decision
-- reads: decisions_before, last_decision_no (a variable)
create or replace temp table decisions_after as
select b.*
from decisions_before as b
inner join decisions as d on b.decision_no = d.rowid
where d.recorded_to is null
union all
select
    d.rowid as decision_no,
    d.claim_id,
    d.status,
    d.reason
from decisions as d
where d.rowid > getvariable('last_decision_no') and d.recorded_to is null
