-- The distinct values of the claims being judged.
-- grain: one row per (relation, value)
select distinct
    c.relation,
    c.value
from scoped_claims as c
