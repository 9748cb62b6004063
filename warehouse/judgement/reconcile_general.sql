-- Values that lost to one that they are more general than: France, where the answer is Paris. Their
-- claims support the answer.
-- grain: one row per (slot, key_hash)
-- reads: ranked_values, value_support
create or replace temp table general_values as
with support as (
    select
        s.slot,
        hash(s.value_key) as key_hash,
        hash(s.other_key) as other_hash
    from value_support as s
    where s.support >= 1
)
select distinct
    v.slot,
    v.key_hash
from ranked_values as v
inner join support as s
    on v.slot = s.slot and v.key_hash = s.key_hash and v.leader_hash = s.other_hash
inner join ranked_values as w
    on v.slot = w.slot and v.leader_hash = w.key_hash and w.outcome = 'winner'
where v.outcome = 'beaten'
