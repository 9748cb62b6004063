-- name: work_tables
-- The temporary tables: those that ingesting or reconciling works in.
-- grain: one row per table
select t.table_name
from duckdb_tables() as t
where t.temporary
order by t.table_name
