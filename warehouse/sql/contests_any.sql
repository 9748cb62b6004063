-- Whether values compete in any slot.
-- grain: one row
select count(*) > 0 as are_contested
from claimed_values as c
where c.outcome is null
