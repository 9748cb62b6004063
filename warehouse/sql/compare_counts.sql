-- How many facts and claims two snapshots have.
-- grain: one row
-- reads: old_facts, new_facts, old_claims, new_claims
select
    (select count(*) from old_facts) as old_facts,
    (select count(*) from new_facts) as new_facts,
    (select count(*) from old_claims) as old_claims,
    (select count(*) from new_claims) as new_claims
