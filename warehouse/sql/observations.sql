-- Who says what about the slots of one relation, of the valid claims.
-- grain: one row per (slot, source, value)
-- params: $relation
-- reads: standings
select distinct
    s.fact_id as slot,
    s.source,
    s.value_key as value
from standings as s
where s.standing = 'valid' and s.relation = $relation
order by s.fact_id, s.source, s.value_key
