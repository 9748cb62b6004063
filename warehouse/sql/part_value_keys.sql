-- The keys that the kinds of values said, of the values of one part.
-- grain: one row per (relation, value)
-- params: $part, $num_parts
select k.*
from value_keys as k
semi join (
    select
        c.relation,
        c.value
    from scoped_claims as c
    where ('0x' || c.fact_id)::ubigint % $num_parts::ubigint = $part::ubigint
) as own on k.relation = own.relation and k.value = own.value
order by k.relation, k.value
