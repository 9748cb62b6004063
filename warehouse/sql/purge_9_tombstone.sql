-- Keep of a tombstone its salted hash alone.
-- grain: one row
-- params: $slot_hash, $now
update tombstones
set
    fact_id = null,
    subject = null,
    relation = null,
    purged_at = coalesce(purged_at, $now::timestamp)
where slot_hash = $slot_hash
