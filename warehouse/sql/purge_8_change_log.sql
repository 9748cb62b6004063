-- Remove the log of how the fact of a slot changed.
-- grain: none left about the slot
-- params: $fact_id
delete from change_log
where fact_id = $fact_id
