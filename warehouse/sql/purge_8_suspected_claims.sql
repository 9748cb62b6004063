-- Remove the suspicions about the slot's claims.
-- grain: one row removed per suspected claim
-- params: $fact_id
delete from suspected_claims where fact_id = $fact_id
