-- Keep one row of a slot that was purged twice.
-- grain: one row per surplus
-- params: $slot_hash
delete from slots
where fact_id = left($slot_hash, 16)
    and rowid > (select min(s.rowid) from slots as s where s.fact_id = left($slot_hash, 16))
