-- The keys of values that need no thought; value_key is null where Python must say.
-- grain: one row per row of distinct_values, in its order
-- reads: distinct_values (relation, value), kinds_of_relations (relation, kind), Arrow tables
select
    v.relation,
    v.value,
    fast_key(coalesce(k.kind, 'text'), v.value) as value_key
from distinct_values as v
left join kinds_of_relations as k on v.relation = k.relation
order by v.row_index
