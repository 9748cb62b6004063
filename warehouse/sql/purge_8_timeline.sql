-- Remove what held when in a slot.
-- grain: none left about the slot
-- params: $fact_id
delete from timeline
where fact_id = $fact_id
