-- Lift the tombstones named; they stay, with the time.
-- grain: one row per slot_hash
-- params: $slot_hashes, $now
update tombstones
set lifted_at = $now
where slot_hash in (select unnest($slot_hashes::varchar[]))
