-- Remove which experts a slot was given.
-- grain: none left about the slot
-- params: $fact_id
delete from assignment
where fact_id = $fact_id
