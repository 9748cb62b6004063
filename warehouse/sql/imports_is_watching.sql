-- Whether a bad import could show anywhere.
-- grain: one row
select count(*) > 0 as is_watching
from watched_slots as w
