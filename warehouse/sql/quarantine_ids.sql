-- Ids of refused rows, for a hint.
-- grain: one row per refused input row
select q.quarantine_id
from quarantine as q
order by q.quarantine_id
