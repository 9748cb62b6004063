-- The tombstones that stand, as readers need them: whoever knows a slot's name finds its own.
-- grain: one row per slot_hash
select
    t.slot_hash,
    t.salt,
    t.reason,
    t.recorded_at,
    t.purged_at
from tombstones as t
where t.lifted_at is null
order by t.slot_hash
