-- The values of slots for which several are claimed, of kinds that relate values to each other, with how
-- many valid claims name each.
-- grain: one row per (slot, value_key)
-- reads: placed, rules, bad_imports, keyed_claims
with contested as (
    select p.slot
    from placed as p
    inner join rules as r on p.rule_id = r.rule_id and r.relates
    where p.standing = 'valid'
    group by p.slot
    having min(p.key_hash) <> max(p.key_hash)
),
counted as (
    select
        any_value(k.fact_id) as slot,
        any_value(k.relation) as relation,
        any_value(k.value_key) as value_key,
        count(*) as num_claims
    from placed as p
    semi join contested as c on p.slot = c.slot
    anti join bad_imports as b on p.claim_no = b.claim_no
    inner join keyed_claims as k on p.claim_no = k.claim_no
    where p.standing = 'valid'
    group by p.slot, p.key_hash
)
select c.*
from counted as c
order by c.slot, c.value_key
