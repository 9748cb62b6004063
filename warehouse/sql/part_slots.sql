-- The slots of a part.
-- grain: one row per fact_id
create or replace temp table slots as
select distinct
    p.fact_id,
    p.relation
from placed as p
