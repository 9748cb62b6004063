-- Record that a snapshot was published, once.
-- grain: at most one row changed
-- params: $snapshot_hash, $now
update snapshots
set published_at = $now
where snapshot_hash = $snapshot_hash and published_at is null
