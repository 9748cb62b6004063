-- Remove the tie of a slot.
-- grain: none left about the slot
-- params: $fact_id
delete from conflicts
where fact_id = $fact_id
