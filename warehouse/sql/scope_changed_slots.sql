-- The slots to be judged are those that changed.
-- grain: one row per fact_id
create or replace temp view scope as
select
    s.fact_id,
    s.relation
from changed_slots as s
