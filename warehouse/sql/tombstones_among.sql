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
