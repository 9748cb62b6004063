-- name: slots_named
-- The slots of a relation under any of a subject's names.
-- grain: one row per fact_id
-- params: $subjects, $relation
select s.fact_id
from slots as s
where s.fact_id in (
    select slot_id(g.subject, $relation)
    from (select unnest($subjects::varchar[]) as subject) as g
)
order by s.fact_id

-- name: tombstone_lift
-- Lift the tombstones named; they stay, with the time.
-- grain: one row per slot_hash
-- params: $slot_hashes, $now
update tombstones
set lifted_at = $now
where slot_hash in (select unnest($slot_hashes::varchar[]))

-- name: tombstone_salt
-- The salt of this catalogue's tombstones: one for all, so that a row is hashed once.
-- grain: at most one row
select t.salt
from tombstones as t
limit 1

-- name: tombstone_set
-- Put up a tombstone for each of a subject's names, or put up again one that was lifted.
-- grain: one row per slot that had none standing
-- params: $subjects, $relation, $reason, $salt, $now
merge into tombstones as t
using (
    select
        g.subject,
        $relation as relation,
        slot_id(g.subject, $relation) as fact_id,
        sha256($salt || slot_id(g.subject, $relation)) as slot_hash
    from (select unnest($subjects::varchar[]) as subject) as g
) as n
    on t.slot_hash = n.slot_hash
when matched and t.lifted_at is not null then update set
    fact_id = n.fact_id,
    subject = n.subject,
    relation = n.relation,
    reason = $reason,
    recorded_at = $now::timestamp,
    lifted_at = null
when not matched then insert (slot_hash, salt, fact_id, subject, relation, reason, recorded_at)
    values (n.slot_hash, $salt, n.fact_id, n.subject, n.relation, $reason, $now::timestamp)

-- name: tombstones_of
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
