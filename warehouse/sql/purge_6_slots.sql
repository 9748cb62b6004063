-- Name a purged slot by its salted hash.
-- grain: one row per fact_id
-- params: $fact_id, $slot_hash
update slots
set
    fact_id = left($slot_hash, 16),
    subject = '(forgotten)',
    relation = '(forgotten)'
where fact_id = $fact_id
