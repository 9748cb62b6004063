-- Remove what was decided about a slot's claims: reasons name values.
-- grain: none left about the slot
-- params: $fact_id
delete from decisions
where claim_id in (select c.claim_id from claims as c where c.fact_id = $fact_id)
