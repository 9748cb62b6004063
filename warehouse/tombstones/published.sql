-- name: export_tombstones
-- The tombstones that stand, as readers need them: whoever knows a slot's name finds its own.
-- grain: one row per slot_hash
select
    t.slot_hash,
    t.salt,
    t.reason,
    t.recorded_at,
    t.purged_at
from tombstones as t
where t.lifted_at is null
order by t.slot_hash

-- name: tombstone_published
-- The published tombstone of a slot given by its subject and relation.
-- grain: at most one row
-- params: $subject, $relation
-- reads: tombstones (tombstones.parquet)
select
    t.reason,
    t.recorded_at,
    t.purged_at
from tombstones as t
where sha256(t.salt || slot_id($subject, $relation)) = t.slot_hash

-- name: tombstones_among
-- Which of these slots a published tombstone stands for.
-- grain: one row per fact_id
-- params: $fact_ids
-- reads: tombstones (Arrow table of tombstones.parquet)
with salts as (
    select distinct t.salt
    from tombstones as t
),
hashed as (
    select
        g.fact_id,
        sha256(s.salt || g.fact_id) as slot_hash
    from (select unnest($fact_ids::varchar[]) as fact_id) as g
    cross join salts as s
)
select h.fact_id
from hashed as h
semi join tombstones as t on h.slot_hash = t.slot_hash
order by h.fact_id
