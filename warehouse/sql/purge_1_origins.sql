-- Name the origins of a slot's claims as the claims will be named.
-- grain: one row per origin
-- params: $fact_id, $salt
update origins
set claim_id = sha256($salt || claim_id)
where claim_id in (select c.claim_id from claims as c where c.fact_id = $fact_id)
