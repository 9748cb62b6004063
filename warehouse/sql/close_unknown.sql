-- End the recorded time of decisions about claims that were not known at the moment looked back to.
-- grain: one row per later claim_id
-- params: $now
update decisions
set recorded_to = $now
where recorded_to is null
    and getvariable('known_at') is not null
    and claim_id not in (select c.claim_id from known_claims as c)
