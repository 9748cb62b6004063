-- The distinct values of the claims placed whose keys Python must say.
-- grain: one row per (relation, value)
-- reads: placed, scoped_claims
select distinct
    c.relation,
    c.value
from placed as p
inner join scoped_claims as c on p.claim_no = c.claim_no
where p.key_hash is null
