-- Add the slots that claims are now about.
-- grain: one row per new fact_id
insert into slots
select distinct
    j.fact_id,
    j.subject,
    j.relation
from judged_rows as j
anti join slots as s on j.fact_id = s.fact_id
where j.verdict is null
