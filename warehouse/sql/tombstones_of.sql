-- The tombstones that stand for a subject's names and a relation, by the hash of the slot alone.
-- grain: one row per slot_hash
-- params: $subjects, $relation
select
    t.slot_hash,
    t.salt,
    slot_id(g.subject, $relation) as fact_id,
    t.reason,
    t.recorded_at,
    t.purged_at
from (select unnest($subjects::varchar[]) as subject) as g
inner join tombstones as t on sha256(t.salt || slot_id(g.subject, $relation)) = t.slot_hash
where t.lifted_at is null
order by t.slot_hash
