-- Take the text out of refused rows about a slot that was purged.
-- grain: one row per refused row about a purged slot
update quarantine as q
set
    fact_id = left(t.slot_hash, 16),
    raw = '(forgotten)',
    fields = null,
    recipe = null,
    explanation = '(forgotten)'
from tombstones as t
where t.purged_at is not null and t.lifted_at is null
    and sha256(t.salt || q.fact_id) = t.slot_hash
