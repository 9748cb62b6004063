-- How many slots the last reconcile of this session judged.
-- grain: one row
select count(*) as num_slots
from scope as s
