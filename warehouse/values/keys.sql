-- name: values_fast_keys
-- The keys of values that need no thought; value_key is null where Python must say.
-- grain: one row per row of distinct_values, in its order
-- reads: distinct_values (relation, value), kinds_of_relations (relation, kind)
select
    v.relation,
    v.value,
    fast_key(coalesce(k.kind, 'text'), v.value) as value_key
from distinct_values as v
left join kinds_of_relations as k on v.relation = k.relation
order by v.row_index

-- name: values_rivals
-- The slots whose values may merge or support each other: several keys, of a kind that can tell.
-- grain: one row per slot, ordered
-- reads: rivals (slot, relation, value_key, num_claims), kinds_of_relations (relation, kind)
select
    r.slot,
    min(r.relation) as relation,
    list(r.value_key order by r.value_key) as value_keys,
    list(r.num_claims order by r.value_key) as num_claims
from rivals as r
inner join kinds_of_relations as k on r.relation = k.relation
where k.kind not in ('text', 'code')
group by r.slot
having count(*) > 1
order by r.slot
