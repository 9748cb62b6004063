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
