-- The published tombstone of a slot given by its subject and relation.
-- grain: at most one row
-- params: $subject, $relation
-- reads: tombstones (tombstones.parquet)
select
    t.reason,
    t.recorded_at,
    t.purged_at
from tombstones as t
where sha256(t.salt || slot_id($subject, $relation)) = t.slot_hash
