-- The claims to be judged with the key of their value.
-- grain: one row per claim_no
-- reads: ruled_claims, value_keys
create or replace temp view keyed_claims as
select
    c.*,
    coalesce(c.fast_key, k.value_key) as value_key
from ruled_claims as c
left join value_keys as k on c.relation = k.relation and c.value = k.value
