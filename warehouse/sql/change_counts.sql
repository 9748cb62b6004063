-- How many facts the reconcile added, changed, retired.
-- grain: one row
select
    count(*) filter (c.op = 'added') as num_added,
    count(*) filter (c.op = 'changed') as num_changed,
    count(*) filter (c.op = 'retired') as num_retired
from new_changes as c
