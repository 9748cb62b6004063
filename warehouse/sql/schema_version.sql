-- The highest schema version applied to the catalogue; no row in a new one.
-- grain: at most one row
select max(v.version) as version
from schema_version as v
having count(*) > 0
