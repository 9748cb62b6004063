-- Mark a refused row as put right and taken in.
-- grain: one row changed
-- params: $quarantine_id, $now
-- reads: judged_rows, the row as it is now
update quarantine as q
set
    replayed_at = $now,
    claim_id = j.claim_id
from judged_rows as j
where q.quarantine_id = $quarantine_id and j.verdict is null
returning q.claim_id
