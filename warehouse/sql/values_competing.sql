-- The values of slots for which several are claimed, with how many valid claims name each.
-- grain: one row per (slot, value_key)
-- reads: placed, bad_imports
with counted as (
    select
        p.fact_id as slot,
        any_value(p.relation) as relation,
        p.value_key,
        count(*) as num_claims
    from placed as p
    anti join bad_imports as b on p.claim_id = b.claim_id
    where p.standing = 'valid'
    group by p.fact_id, p.value_key
)
select c.*
from counted as c
qualify count(*) over (partition by c.slot) > 1
order by c.slot, c.value_key
