-- The claims of the suspected statements, with the reason.
-- grain: one row per claim_no
-- reads: placed, suspected
create or replace temp table bad_imports as
select
    p.claim_no,
    min(s.reason) as reason
from placed as p
inner join suspected as s
    on p.source = s.source and p.fact_id = s.fact_id and p.observed_at = s.observed_at
group by p.claim_no
