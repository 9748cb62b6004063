-- Remove what runs measured of a slot.
-- grain: none left about the slot
-- params: $fact_id
delete from recall
where fact_id = $fact_id
