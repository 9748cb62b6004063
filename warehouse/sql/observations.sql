-- Who says what about the slots of one relation, of the valid claims.
-- grain: one row per (slot, source, value)
-- params: $relation
-- reads: standings, keyed_claims
select distinct
    k.fact_id as slot,
    k.source,
    coalesce(s.merged_key, k.value_key) as value
from standings as s
inner join keyed_claims as k on s.claim_no = k.claim_no
where s.standing = 'valid' and k.relation = $relation
order by slot, source, value
