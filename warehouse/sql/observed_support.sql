-- How far values speak for each other in the slots of one relation.
-- grain: one row per (slot, value, other)
-- params: $relation
-- reads: value_support
select
    v.fact_id as slot,
    v.value_key as value,
    v.other_key as other,
    v.support
from value_support as v
inner join slots as s on v.fact_id = s.fact_id
where s.relation = $relation
order by v.fact_id, v.value_key, v.other_key
