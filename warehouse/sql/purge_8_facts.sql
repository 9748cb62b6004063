-- Remove the facts that a slot ever was.
-- grain: none left about the slot
-- params: $fact_id
delete from facts
where fact_id = $fact_id
