-- The slots of a part.
-- grain: one row per fact_id
create or replace temp table slots as
select distinct
    c.fact_id,
    c.relation
from scoped_claims as c
