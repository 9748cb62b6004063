-- Values that lost to one that they are more general than: France, where the answer is Paris. Their
-- claims support the answer.
-- grain: one row per (slot, key_hash)
-- reads: ranked_values, value_support
create or replace temp table general_values as
select distinct
    v.slot,
    v.key_hash
from ranked_values as v
inner join value_support as s
    on v.slot = s.slot and v.value_key = s.value_key and v.leader_key = s.other_key
inner join ranked_values as w
    on v.slot = w.slot and v.leader_key = w.value_key and w.outcome = 'winner'
where v.outcome = 'beaten' and s.support >= 1
