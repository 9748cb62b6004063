-- name: mark_reconciled_stale
-- Mark the decisions as out of date: something came in after them.
-- grain: at most one row changed
update reconciled
set is_current = false
where is_current

-- name: drop_reconciled
-- Clear the last reconcile; the next is recorded in its place.
-- grain: none left
delete from reconciled

-- name: schema_applied
-- Record that a schema version was applied.
-- grain: one row added
-- params: $version, $now
insert into schema_version values ($version, $now)

-- name: schema_version
-- The highest schema version applied to the catalogue; no row in a new one.
-- grain: at most one row
select max(v.version) as version
from schema_version as v
having count(*) > 0

-- name: slot_of
-- The identity of a slot given by its subject and relation.
-- grain: one row
-- params: $subject, $relation
select slot_id($subject, $relation) as fact_id

-- name: catalogue_tables
-- The tables of the catalogue.
-- grain: one row per table
select t.table_name
from duckdb_tables() as t
where t.database_name = 'catalogue'
order by t.table_name

-- name: tombstones_restore
-- Put up the published tombstones that the catalogue lacks. Of the slot no more than its salted hash
-- is known, so they stand as those of purged slots do.
-- grain: one row per slot_hash that is missing
-- params: $now
-- reads: published_tombstones
insert into tombstones by name
select
    p.slot_hash,
    p.salt,
    p.reason,
    p.recorded_at,
    coalesce(p.purged_at, $now::timestamp) as purged_at
from published_tombstones as p
anti join tombstones as t on p.slot_hash = t.slot_hash
